"""HTML as the plain text that people would type: lines, lists, links, tables, and `>` before what is quoted.

How it works: one walk over the tree (dom.py), and a writer that knows only lines. What mail programs wrap around old
words and signatures is known by CSS selectors from rules/quotes.toml and said in the signs of plain text, so that
whoever reads the text later needs to know nothing of HTML: `> ` before old lines, `-- ` above a signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mailgate.mail import dom
from mailgate.mail.dom import Document, Element, Node, Text
from mailgate.mail.quotes import NONE_KNOWN, Containers, Quotes

MOST_CHARS = 1024 * 1024  # of HTML; what follows is not read
MOST_ELEMENTS = 50_000  # many times the largest newsletters; of what follows only the words are read
DEEPEST_QUOTE = 20
DEEPEST_LIST = 10
LONGEST_URL = 500
RULE: Final = "---"
SIGNATURE: Final = "-- "  # RFC 3676 section 4.3
CELL: Final = "\0"  # between the cells of a row, until the line is written; never in the text of a tree
BETWEEN_CELLS: Final = "  "

_BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "body", "caption", "center", "dd", "details", "div", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "header", "legend", "li", "main", "nav", "option", "section"),
        *("summary", "table", "tbody", "tfoot", "thead", "tr", "blockquote"),
    }
)
_SPACED: Final = frozenset({"dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "ul"})  # an empty line around
_CELLS: Final = frozenset({"td", "th"})
_UNSEEN: Final = frozenset(
    {"head", "iframe", "noembed", "noframes", "object", "script", "style", "svg", "template", "title", "video"}
)
_INVISIBLE: Final = dict.fromkeys(map(ord, "\0\u00ad\u034f\u200b\ufeff"))  # fillers, which carry no meaning


def from_html(html: str, quotes: Quotes = NONE_KNOWN) -> str:
    """The words of an HTML text, a line for each block. Hidden elements are left out, unless there is nothing else."""
    root = dom.tree(html[:MOST_CHARS])
    hidden = dom.select(root, quotes.html.hidden)
    text = _text(root, quotes.html, hidden=hidden)
    return text if text or not hidden else _text(root, quotes.html, hidden=frozenset())


def _text(root: Document, containers: Containers, *, hidden: frozenset[Node]) -> str:
    walk = _Walk(
        hidden=hidden,
        quoted=dom.select(root, containers.quoted),
        answered=dom.select(root, containers.answered),
        after=dom.select(root, containers.after),
        signature=dom.select(root, containers.signature),
    )
    walk.over(root)
    return walk.page.text()


@dataclass(slots=True)
class _Page:
    """The text so far. Takes words and breaks, and keeps white space as a browser does."""

    lines: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)  # of the line that is being written
    depth: int = 0  # of quotes
    indent: int = 0  # columns, inside lists
    marker: str = ""  # of the list item whose first line comes next
    gap: bool = False  # is an empty line wanted before the next one?
    pre: int = 0  # how many elements are open that keep white space

    def say(self, text: str) -> None:
        text = text.translate(_INVISIBLE)
        if not self.pre:
            self.words.append(text)
            return
        first, *rest = text.split("\n")
        self.words.append(first)
        for line in rest:
            self.end_line(kept=True)
            self.words.append(line)

    def end_line(self, *, kept: bool = False) -> None:
        """Write the line, if there is anything in it, or `kept` says that an empty one counts."""
        joined = "".join(self.words)
        self.words.clear()
        line = joined.rstrip() if self.pre else _collapsed(joined)
        if not line:
            if kept:
                self.blank()
            return
        if self.gap:
            self.blank()
            self.gap = False
        indent = " " * max(0, self.indent - len(self.marker)) if self.indent else ""
        self.lines.append(f"{self._sign()}{indent}{self.marker}{line}")
        self.marker = ""

    def blank(self) -> None:
        sign = self._sign().rstrip()
        if self.lines and self.lines[-1] not in ("", sign):
            self.lines.append(sign)

    def rule(self, line: str) -> None:
        self.end_line()
        self.words.append(line)
        self.end_line()

    def text(self) -> str:
        self.end_line()
        return "\n".join(self.lines).strip("\n")

    def _sign(self) -> str:
        return f"{'>' * min(self.depth, DEEPEST_QUOTE)} " if self.depth else ""


@dataclass(slots=True)
class _Walk:
    """One walk over a tree, without recursion. `page` is what it has written."""

    hidden: frozenset[Node]
    quoted: frozenset[Node]
    answered: frozenset[Node]
    after: frozenset[Node]
    signature: frozenset[Node]
    page: _Page = field(default_factory=_Page)
    lists: list[int] = field(default_factory=list)  # the next number of each open list; 0 where it has bullets
    flat: set[Node] = field(default_factory=set)  # blocks that are the only one in a cell
    links: list[int] = field(default_factory=list)  # where the words of each open link begin
    firsts: set[Node] = field(default_factory=set)  # the first quote inside each container that people answer in
    finished: bool = False  # has the old mail begun that goes on to the end?

    def over(self, root: Node) -> None:
        left = MOST_ELEMENTS
        open_: list[tuple[Iterator[Node], Element | None, int]] = [(iter(root.children), None, 0)]
        while open_:
            nodes, element, deeper = open_[-1]
            for node in nodes:
                if isinstance(node, Text):
                    self.page.say(node.data)
                elif not isinstance(node, Element) or node.tag in _UNSEEN or node in self.hidden:
                    continue
                elif not left:
                    if said := node.text:
                        self.page.say(said)
                else:
                    left -= 1
                    inside = self.enter(node)
                    open_.append((iter(node.children), node, inside))
                    break
            else:
                open_.pop()
                if element is not None:
                    self.leave(element, deeper)

    def enter(self, element: Element) -> int:
        """Begin an element; returns by how much the quote is deeper in it."""
        tag, page = element.tag, self.page
        if tag == "br":
            page.end_line(kept=True)
        elif tag == "hr":
            page.rule(RULE)
        elif tag == "img":
            _show_image(element, page)
        elif tag == "a":
            self.links.append(len(page.words))
        elif tag in _CELLS or element in self.flat:
            self.flat.update(_only_block(element))
        elif tag in _BLOCKS or tag in _SPACED:
            self.begin_block(element)
        return self.deepen(element)

    def begin_block(self, element: Element) -> None:
        tag, page = element.tag, self.page
        page.end_line()
        page.gap = page.gap or (tag in _SPACED and not (tag in ("ol", "ul") and self.lists))
        if tag == "pre":
            page.pre += 1
        elif tag in ("ol", "ul"):
            self.lists.append(_first_number(element) if tag == "ol" else 0)
        elif tag == "li":
            self.begin_item()

    def begin_item(self) -> None:
        number = self.lists[-1] if self.lists else 0
        if number:
            self.lists[-1] += 1
        self.page.marker = f"{number}. " if number else "- "
        depth = min(max(len(self.lists), 1), DEEPEST_LIST)
        self.page.indent = 2 * (depth - 1) + len(self.page.marker)

    def deepen(self, element: Element) -> int:
        page = self.page
        if element in self.signature and not page.depth and element.text.strip():
            page.rule(SIGNATURE)
        if element in self.firsts:
            self.firsts.discard(element)
            page.depth -= 1
        deeper = int(element in self.quoted or element in self.answered)
        if not deeper and (element not in self.after or self.finished):
            return 0
        page.end_line()
        if not deeper:
            self.finished = True
            page.depth += 1
            return 0
        page.depth += 1
        if element not in self.quoted and (first := _first_quote(element)) is not None:
            # Only what stands before the inner quotes is surely old: people answer between them.
            self.firsts.add(first)
            return 0
        return 1

    def leave(self, element: Element, deeper: int) -> None:
        tag, page = element.tag, self.page
        if tag == "a":
            _end_link(element, page, self.links.pop())
        elif tag in _CELLS:
            page.words.append(CELL)
        elif element in self.flat:
            page.words.append(" ")
        elif tag in _BLOCKS or tag in _SPACED:
            self.end_block(tag)
        if deeper:
            page.end_line()
            page.depth -= deeper

    def end_block(self, tag: str) -> None:
        page = self.page
        page.end_line()
        if tag == "pre":
            page.pre -= 1
        elif tag in ("ol", "ul"):
            self.lists.pop()
            page.indent = 2 * min(len(self.lists), DEEPEST_LIST)
        elif tag == "li":
            page.marker = ""
        page.gap = page.gap or (tag in _SPACED and not (tag in ("ol", "ul") and self.lists))


def _collapsed(text: str) -> str:
    if CELL not in text:
        return " ".join(text.split())
    cells = (" ".join(cell.split()) for cell in text.split(CELL))
    return BETWEEN_CELLS.join(cell for cell in cells if cell)


def _first_number(element: Element) -> int:
    start = element.attr("start") or ""
    return int(start) if start.isdecimal() and len(start) <= 6 and start.isascii() else 1


def _only_block(element: Element) -> list[Node]:
    """The only thing in a cell, where that is a block: its line breaks would tear the row apart."""
    said = [node for node in element.children if not (isinstance(node, Text) and not node.data.strip())]
    return [node for node in said if isinstance(node, Element) and node.tag in ("div", "p")] if len(said) == 1 else []


def _first_quote(element: Element) -> Element | None:
    inner = (node for node in element.children if isinstance(node, Element) and node.tag == "blockquote")
    return next(inner, None)


def _show_image(element: Element, page: _Page) -> None:
    """Say what stands for an image, unless it is one that nobody sees."""
    if not {element.attr("width"), element.attr("height")} & {"0", "1"} and (alt := element.attr("alt")):
        page.say(" ".join(alt.split()))


def _end_link(element: Element, page: _Page, start: int) -> None:
    """Add the address, where a link says something else than its address."""
    url = (element.attr("href") or "").strip()
    said = " ".join("".join(page.words[start:]).split())
    if not said or len(url) > LONGEST_URL or not url.lower().startswith(("http://", "https://", "mailto:")):
        return
    url = url.removeprefix("mailto:").split("?")[0] if url.startswith("mailto:") else url
    if _bare(url) != _bare(said):
        page.words.append(f" <{url}>")


def _bare(url: str) -> str:
    return url.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
