"""The header block of a message, cut and split without judging it. Never raises, and takes time linear in its size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from mailgate.mail import charset, words

MOST_BYTES = 256 * 1024  # of a header block; sendmail's and Postfix' own bounds are lower
MOST_FIELDS = 2000
MOST_PARAMETERS = 50
LONGEST_PARAMETERS = 16 * 1024  # characters of one field in which parameters are looked for
MOST_SECTION_DIGITS = 3  # of the number of a parameter's section


class Fields(Struct, frozen=True):
    """Header fields by lower-case name, each with its values in order of appearance, unfolded and not decoded."""

    values: Mapping[str, tuple[str, ...]]
    defects: tuple[str, ...] = ()
    order: tuple[tuple[str, str], ...] = ()  # name and value of each field, as they stand

    def first(self, name: str) -> str:
        """The first value of field `name`, or ""."""
        found = self.values.get(name)
        return found[0] if found else ""


def body_start(raw: bytes, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """Where the header block ends and where the body begins, in `raw[start:end]`; both `end` where there is no body."""
    end = len(raw) if end is None else end
    for blank in (b"\r\n", b"\n"):
        if raw.startswith(blank, start, end):
            return start, start + len(blank)
    crlf = raw.find(b"\n\r\n", start, end)
    # A bare empty line counts only where it comes first, so that a large body is not searched for one.
    bare = raw.find(b"\n\n", start, end if crlf < 0 else crlf + 1)
    if bare >= 0:
        return bare + 1, bare + 2
    return (crlf + 1, crlf + 3) if crlf >= 0 else (end, end)


def fields(block: bytes) -> Fields:
    """Split a header block; what is wrong with it is named in `defects`."""
    defects = []
    if len(block) > MOST_BYTES:
        block = block[:MOST_BYTES]
        defects.append("header-too-long")
    # Unfolding (RFC 5322 section 2.2.3) over the whole block at once, since most lines are not folded.
    text = _text(block).replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        defects.append("stray-control")
    lines = text.replace("\n ", " ").replace("\n\t", " ").split("\n")
    if lines[0].startswith(("From ", ">From ")):
        del lines[0]  # a mailbox file's separator
    if len(lines) > MOST_FIELDS:
        del lines[MOST_FIELDS:]
        defects.append("too-many-fields")
    found: dict[str, list[str]] = {}
    order = []
    for line in lines:
        # RFC 7103 section 7.4: white space before the colon is tolerated.
        name, colon, value = line.partition(":")
        name = name.rstrip().lower()
        if colon and name.isascii() and name.isprintable() and " " not in name and name:
            value = value.strip()
            if not value.isprintable():
                value = words.clean(value)
            order.append((name, value))
            found.setdefault(name, []).append(value)
        elif line and "bad-header-line" not in defects:
            defects.append("bad-header-line")
    return Fields({name: tuple(values) for name, values in found.items()}, tuple(defects), tuple(order))


def _text(block: bytes) -> str:
    try:
        return block.decode()
    except UnicodeDecodeError:
        # One undeclared charset in one field must not garble the others. Who writes a header in bare bytes writes it
        # in the charset of the body (RFC 7103 section 7.7 leaves the choice to the reader).
        declared = _declared(block)
        return "\n".join(charset.decode(line, "" if line.isascii() else declared) for line in block.split(b"\n"))


def _declared(block: bytes) -> str:
    """The first charset that is named anywhere in the header, or ""."""
    _, found, rest = block.lower().partition(b"charset=")
    name = rest[: charset.LONGEST_NAME].lstrip(b"\"' ") if found else b""
    end = next((at for at, byte in enumerate(name) if byte in b"\"'; \t\r\n"), len(name))
    return name[:end].decode("ascii", "replace")


def uncommented(text: str) -> str:
    """`text` without its comments (RFC 5322 section 3.2.2), nested ones included; an open one ends with the text."""
    if "(" not in text:
        return text.strip()
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif char == "(" and not quoted:
            depth += 1
        elif char == ")" and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(char)
    return "".join(kept).strip()


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """The lower-case value and the parameters of a field such as Content-Type (RFC 2045 section 5.1, RFC 2231).

    The first of several parameters of one name counts; sections (`name*0`, `name*1`) are joined in the order of their
    numbers, and what is written in a charset of its own (`name*=utf-8''%C3%A4`) is decoded and comes before `name`.
    """
    if ";" not in value:
        return uncommented(value).lower(), {}
    head, *pieces = islice(_split(uncommented(value[:LONGEST_PARAMETERS])), MOST_PARAMETERS + 1)
    found: dict[str, str] = {}
    for piece in pieces:
        name, equals, text = piece.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), _unquoted(text.strip()))
    return head.strip().lower(), _joined(found) if any("*" in name for name in found) else found


def has_too_many_parameters(value: str) -> bool:
    """Would `parameters` leave some of this field's parameters unread?"""
    return len(value) > LONGEST_PARAMETERS or value.count(";") > MOST_PARAMETERS


def _split(text: str) -> Iterator[str]:
    """The pieces between semicolons that do not stand inside quotes."""
    if '"' not in text:
        yield from text.split(";")
        return
    start, quoted, before = 0, False, ""
    for index, char in enumerate(text):
        if char == '"' and before != "\\":
            quoted = not quoted
        elif char == ";" and not quoted:
            yield text[start:index]
            start = index + 1
        before = char
    yield text[start:]


def _unquoted(text: str) -> str:
    return text.strip('"').replace('\\"', '"').replace("\\\\", "\\") if text.startswith('"') else text


def _joined(found: Mapping[str, str]) -> dict[str, str]:
    joined = {name: text for name, text in found.items() if "*" not in name}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, text in found.items():
        base, star, section = name.partition("*")
        number = section.removesuffix("*") or "0"
        if star and number.isascii() and number.isdecimal() and len(number) <= MOST_SECTION_DIGITS:
            # `name*` and `name*0*` are in a charset of their own, `name*0` is not.
            sections.setdefault(base, {}).setdefault(int(number), (text, section in ("", f"{number}*")))
    return joined | {base: _whole([texts[at] for at in sorted(texts)]) for base, texts in sections.items()}


def _whole(sections: list[tuple[str, bool]]) -> str:
    """The value of a parameter from its sections, each with whether it is encoded (RFC 2231 section 4.1)."""
    (first, encoded), *rest = sections
    if not encoded and not any(each for _, each in rest):
        return "".join(text for text, _ in sections)
    name, quote, others = first.partition("'")
    text, known = (others.partition("'")[2], name) if encoded and quote and "'" in others else (first, "")
    pieces = ((text, encoded), *rest)
    raw = b"".join(unquote_to_bytes(each) if is_encoded else _bytes(each) for each, is_encoded in pieces)
    return charset.decode(raw, known)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
