"""The words of a message as plain text, for people and for comparing; knows nothing of what they mean. Never raises.

HTML is read by a scanner of its own and not by a tree builder: it has to take linear time on hostile input, and only
words, line ends and quotes are wanted of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

from mailgate.mail import charset
from mailgate.mail.structure import Part, Structure, structure_of

MOST_BYTES = 1024 * 1024  # of all text parts together, before decoding
DEEPEST_QUOTE = 20

_BLOCKS = frozenset(
    {
        *("address", "article", "blockquote", "br", "center", "dd", "div", "dl", "dt", "fieldset", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section"),
        *("table", "td", "th", "tr", "ul"),
    }
)
_HIDDEN = frozenset({"head", "script", "style", "template", "title"})  # their content is no text
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def text_of(raw: bytes, read: Structure | None = None) -> str:
    """The text of a message, `\\n` lines: plain parts, and HTML without markup where no plain part says the same.

    `read` is the structure of the message where somebody has found it already.
    """
    parts = (read or structure_of(raw)).parts
    groups: dict[int, list[Part]] = {}
    for index, part in enumerate(parts):
        if part.content_type in ("text/plain", "text/html") and not part.attached:
            # The outermost alternative says one thing in several forms (RFC 2046 section 5.1.4).
            group = next((at for at in part.groups if parts[at].content_type == "multipart/alternative"), index)
            groups.setdefault(group, []).append(part)
    left, texts = MOST_BYTES, []
    for group_parts in groups.values():
        text, used = _best(group_parts, raw, left)
        left -= used
        texts.append(text)
        if left <= 0:
            break
    return "\n".join(text for text in texts if text.strip())


def unquoted(text: str) -> str:
    """`text` without lines quoted by `>` and without the line that introduces them ("Joe wrote:")."""
    if ">" not in text:
        return "\n".join(text.splitlines()).strip()
    kept: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith(">"):
            _drop_attribution(kept)
        else:
            kept.append(line)
    return "\n".join(kept).strip()


def from_html(html: str) -> str:
    """The words of an HTML text: a line for each block, `>` before what stands in a blockquote."""
    lines: list[str] = []
    words: list[str] = []
    depth = 0
    for tag, text in _tags_and_texts(html):
        if not tag:
            words.append(text)
            continue
        name = tag.lstrip("/")
        if name not in _BLOCKS:
            continue
        _end_line(lines, words, depth)
        if name == "blockquote":
            depth = max(0, depth + (-1 if tag.startswith("/") else 1))
        elif tag == "/p" and lines and lines[-1]:
            lines.append("")
    _end_line(lines, words, depth)
    return "\n".join(lines).strip("\n")


def _best(parts: list[Part], raw: bytes, most_bytes: int) -> tuple[str, int]:
    """The text of the first form that has any, plain ones first, and how many bytes were read for it."""
    used = 0
    for wanted in ("text/plain", "text/html"):
        texts = []
        for part in parts:
            if part.content_type == wanted and used < most_bytes:
                used += min(part.end - part.start, most_bytes - used)
                texts.append(_text(part, raw, most_bytes))
        if text := "\n".join(text for text in texts if text.strip()):
            return text, used
    return "", used


def _text(part: Part, raw: bytes, most_bytes: int) -> str:
    text = charset.decode(part.body(raw, most_bytes), part.parameters.get("charset", ""))
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return from_html(text) if part.content_type == "text/html" else text


def _drop_attribution(kept: list[str]) -> None:
    """Take back what introduces a quote: the line that ends in a colon, and the one before where that has the date."""
    while kept and not kept[-1].strip():
        kept.pop()
    if not kept or not kept[-1].rstrip().endswith((":", "：")):
        return
    last = kept.pop()
    if kept and not any(map(str.isdigit, last)) and any(map(str.isdigit, kept[-1])):
        kept.pop()


def _end_line(lines: list[str], words: list[str], depth: int) -> None:
    line = " ".join("".join(words).split())
    words.clear()
    if line:
        lines.append(f"{'>' * min(depth, DEEPEST_QUOTE)} {line}" if depth else line)


def _tags_and_texts(html: str) -> Iterator[tuple[str, str]]:
    """Tag names (`div`, `/div`) and the texts between them, each as one half of a pair whose other half is ""."""
    lower = html.translate(_LOWER)
    at, closed = 0, -1
    while (opened := html.find("<", at)) >= 0:
        if opened > at:
            yield "", unescape(html[at:opened])
        if html.startswith("<!--", opened):
            end = html.find("-->", opened + 4)
            at = end + 3 if end >= 0 else len(html)
            continue
        if closed < opened:  # else it is still the next one: looking again each time would be quadratic
            closed = html.find(">", opened)
        name = _tag_name(lower, opened + 1) if closed >= 0 else ""
        if not name and not html.startswith(("</", "<!", "<?"), opened):
            yield "", "<"  # an ordinary character: "1 < 2"
            at = opened + 1
            # Without any closing bracket left there are no tags left either.
            if closed < 0:
                break
            continue
        at = closed + 1 if closed >= 0 else len(html)
        if name in _HIDDEN:
            end = lower.find(f"</{name}", at)
            at = end if end >= 0 else len(html)
        elif name:
            yield name, ""
    if at < len(html):
        yield "", unescape(html[at:])


def _tag_name(lower: str, at: int) -> str:
    end = start = at + lower.startswith("/", at)
    while end < len(lower) and lower[end].isalnum() and end - start < 20:
        end += 1
    return lower[at:end] if lower[start : start + 1].isalpha() else ""
