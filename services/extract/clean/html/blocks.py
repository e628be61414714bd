"""HTML to text blocks: the tree is walked once for its visible lines and the boxes (elements) each stands in."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from services.extract.clean.text import Line, limited, visible
from shared.errors import Reason, Rejected

Element = Any  # lxml has no types
Attributes = Sequence[tuple[str, str]]

BLOCKS = frozenset(
    "address article aside blockquote body br button caption center cell dd details dialog div dl dt fieldset "  # noqa: SIM905 - a list of quoted words is no clearer
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html item label lb legend li list main menu nav ol "
    "option p pre quote row section summary table tbody td textarea tfoot th thead tr ul".split()
)
_UNSEEN = frozenset(
    "script style noscript template title meta link svg iframe object select textarea".split()  # noqa: SIM905
)
_PAID = 3  # hidden paragraphs,
_LONG = 80  # each of so many characters, are an article behind a pay wall
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
MAX_DEPTH = 250  # real pages stay below 50, a rare one reaches 140
MAX_ELEMENTS = 60_000  # that show; real pages have some hundred, long ones some thousand
MAX_ATTRIBUTES = 1000  # of one element, the others are left out: the parser compares each with all before it

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_BLOCK_TAG = re.compile(r"<(?:p|div|br|li|h[1-6]|td|tr|article|section|body|html|blockquote)\b", re.IGNORECASE)
_DOCUMENT_TAG = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_ATTRIBUTE = r"""[\s/=]*+[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+))?+"""
# comments and scripts, in which a sign that is less than begins no tag; and tags. What is read is never tried again
_MARKUP = re.compile(
    rf"<!--[^-]*+(?:-(?!->)[^-]*+)*+|<(script|style)\b[^<]*+(?:<(?!/\1)[^<]*+)*+"
    rf"|<[a-z][^\s/>]*+(?:(?:{_ATTRIBUTE}){{{MAX_ATTRIBUTES}}}(?P<more>(?:{_ATTRIBUTE})++)|(?:{_ATTRIBUTE})*+)",
    re.IGNORECASE,
)
_DECLARATION = re.compile(r"<\?xml[^>]*\?>")
_PAGE_STARTS = ("<!doctype html", "<html", "<head", "<body")


@dataclass(slots=True)
class Boxes:
    """The visible elements in document order, so that a parent has a lower number; the root is its own parent.

    The lines of a box are contiguous: from ``first`` up to ``last``, which is not among them. So are the boxes in it:
    from its own number up to ``ends``.
    """

    tags: list[str] = field(default_factory=list)
    attributes: list[Attributes] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def around(self, within: Iterable[int]) -> list[int]:
        """Return these boxes and all that hold them, each once, the outer before the inner."""
        found: set[int] = set()
        for box in within:
            outer = box
            while outer not in found:
                found.add(outer)
                outer = self.parents[outer]
        return sorted(found)


@dataclass(slots=True)
class Page:
    """The visible lines of a page; of each the box its text begins in, and how far that is from the line before."""

    lines: list[Line] = field(default_factory=list)
    within: list[int] = field(default_factory=list)  # number of the innermost box
    linked: list[int] = field(default_factory=list)  # characters that are links
    meets: list[int] = field(default_factory=list)  # depth of the innermost box that holds also the line before
    boxes: Boxes = field(default_factory=Boxes)


def is_page(body: str, media_type: str) -> bool:
    """Tell whether the body is HTML: it begins like a page, or is declared so and holds a tag."""
    if _DECLARATION.sub("", body[:1000]).lstrip("\ufeff \t\r\n").lower().startswith(_PAGE_STARTS):
        return True
    return media_type == "text/html" and _TAG.search(body) is not None


def is_fragment(body: str) -> bool:
    """Tell whether the markup is only a part of a page, as in feeds."""
    return _DOCUMENT_TAG.search(body) is None


def parse(body: str) -> Element | None:
    """Return the tree, without comments; None if nothing is in it."""
    body = _with_bounded_attributes(body)
    if not _BLOCK_TAG.search(body):
        body = body.replace("\n", "<br>\n")  # text with inline tags only: its line breaks are meant
    data = body.encode(errors="ignore").replace(b"\0", b"")  # a lone surrogate has no bytes
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return None
    if tree is not None:
        for more in list(tree.itersiblings()):  # what follows </html>, as where a page was put into another
            tree.append(more)
    return tree


def _with_bounded_attributes(body: str) -> str:
    pieces, kept = [], 0
    for found in _MARKUP.finditer(body):
        if found["more"]:
            pieces.append(body[kept : found.start("more")])
            kept = found.end("more")
    return "".join([*pieces, body[kept:]]) if pieces else body


def too_large(depth: int, elements: int) -> Rejected:
    """Return the verdict on a page whose nesting or number of elements is over the limit."""
    found = f"nested {depth} deep after {elements} elements"
    return Rejected(Reason.TOO_LARGE, f"the page is {found}; at most {MAX_DEPTH} deep, {MAX_ELEMENTS} elements")


def read(tree: Element) -> Page:
    """Return the text of each block, numbered from 1.

    Hidden text is left out unless the page has nothing else, or hides several paragraphs: where readers have to pay,
    many publishers send the article so.
    """
    hidden: list[int] = []

    def left_out(element: Element) -> bool:
        hidden.append(_paragraphs(element))
        return True

    page = _read(tree, left_out)
    if not page.lines:
        return _read(tree, lambda _: False)
    return _read(tree, lambda element: not _paragraphs(element)) if sum(hidden) >= _PAID else page


def _read(tree: Element, left_out: Callable[[Element], bool]) -> Page:
    """Read all that shows, and the hidden elements that are not ``left_out``."""
    reader = _Reader()
    walk = etree.iterwalk(tree, events=("start", "end"))
    skipped = False
    for event, element in walk:
        tag = element.tag
        if tag in BLOCKS and reader.pieces:
            reader.end_line()
        if event == "end":
            if not skipped:
                reader.close(tag)
            skipped = False
            text = element.tail
        else:
            attributes = element.items()
            if tag in _UNSEEN or (attributes and is_hidden(attributes) and left_out(element)):
                walk.skip_subtree()
                skipped = True
                continue
            reader.open(tag, attributes)
            text = element.text
        if text and (reader.pieces or _shows(text)):
            reader.say(text)
    limited(reader.page.lines)
    return reader.page


def _shows(text: str) -> bool:
    """Tell whether a line can begin with this: not with spaces, nor with characters that nobody sees."""
    text = text.strip()
    return bool(text) and (text.isprintable() or bool(visible(text)))


def is_hidden(attributes: Attributes) -> bool:
    """Tell whether an element does not show when the page is opened."""
    for name, value in attributes:  # noqa: SIM110 - asked of every element, and a generator takes twice the time
        if name == "hidden" or (name == "style" and _HIDDEN.search(value)):
            return True
    return False


def _paragraphs(element: Element) -> int:
    """Return how many long paragraphs an element holds."""
    return sum(len("".join(paragraph.itertext())) >= _LONG for paragraph in element.iter("p"))


class _Reader:
    """What has been read so far: the page, the boxes that are open, and the pieces of the line that is begun."""

    def __init__(self) -> None:
        self.page = Page()
        self.pieces: list[str] = []
        self._box = self._depth = self._links = self._captions = 0
        self._begun = self._linked = self._meets = self._lowest = 0

    def open(self, tag: str, attributes: Attributes) -> None:
        boxes = self.page.boxes
        number = len(boxes.tags)
        self._depth = depth = self._depth + 1
        if depth > MAX_DEPTH or number >= MAX_ELEMENTS:
            raise too_large(depth, number)
        boxes.tags.append(tag)
        boxes.attributes.append(attributes)
        boxes.parents.append(self._box)
        boxes.depths.append(depth)
        boxes.first.append(len(self.page.lines))
        boxes.last.append(0)
        boxes.ends.append(0)
        self._box = number
        if tag == "a":
            self._links += 1
        elif tag == "figcaption":
            self._captions += 1

    def close(self, tag: str) -> None:
        boxes, box = self.page.boxes, self._box
        boxes.last[box] = len(self.page.lines) + (1 if self.pieces else 0)
        boxes.ends[box] = len(boxes.tags)
        self._box = boxes.parents[box]
        self._depth = depth = self._depth - 1
        self._lowest = min(self._lowest, depth)
        if tag == "a":
            self._links -= 1
        elif tag == "figcaption":
            self._captions -= 1

    def say(self, text: str) -> None:
        if not self.pieces:
            self._begun, self._meets, self._lowest = self._box, self._lowest, self._depth
        self.pieces.append(text)
        if self._links:
            self._linked += len(text)

    def end_line(self) -> None:
        page = self.page
        line = visible("".join(self.pieces))
        page.lines.append(Line(len(page.lines) + 1, line, caption=self._captions > 0))
        page.within.append(self._begun)
        page.linked.append(self._linked)
        page.meets.append(self._meets)
        self.pieces.clear()
        self._linked = 0
