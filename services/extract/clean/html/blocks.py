"""HTML to text blocks: the tree is walked once for its visible lines and the boxes (elements) each stands in."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from lxml import etree

from services.extract.clean.html.elements import (
    BLOCKS,
    HEADINGS,
    MAX_DEPTH,
    MAX_ELEMENTS,
    Attributes,
    Element,
    hides,
    is_drop_cap,
    is_note,
    is_panel,
    paragraphs,
    tail,
    too_large,
)
from services.extract.clean.text import Line, limited, rejoin, split, visible

_UNSEEN = frozenset(
    "script style noscript template title meta link svg iframe object select textarea rt rp rtc".split()  # noqa: SIM905
)
_MAY_BE_UNDRAWN = _UNSEEN | {"sup", "button"}
_PAID = 3  # hidden paragraphs,
# what is only read aloud, or shown only when it is pointed at
_UNDRAWN_STYLE = re.compile(
    r"\bclip\s*:\s*rect\(\s*[01](?:px)?[\s,]|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    r"|(?:left|top|text-indent)\s*:\s*-\d{3,}(?:px|em|rem)",
    re.IGNORECASE,
)
_UNDRAWN_CLASS = re.compile(
    r"(?<![\w-])(?:u-|is-|a11y-|ui-)?(?:visually-?hidden|hidden-visually|sr-only|screen-?reader(?:-only|-text)?"
    r"|assistive-text|off-?screen|tooltip(?:-text|-content|text|__content|__text)"
    r"|glossary-(?:definition|tooltip|text))(?![\w-])",
    re.IGNORECASE,
)
_PREFORMATTED_STYLE = re.compile(r"white-space\s*:\s*(?:pre|break-spaces)", re.IGNORECASE)
_SHOWING = frozenset({"class", "style", "role", "hidden"})  # attributes that say how an element is shown
_UNDRAWN, _CAPTION, _PREFORMATTED, _HIDDEN = 1, 2, 4, 8  # what they may say
_SAYS_MORE = re.compile("hidden|sr-only|screen|assistive|tooltip|glossary|caption")  # no other class says any of it
_INLINE_BLOCKS = frozenset({"button", "label", "div"})  # of BLOCKS, that authors put into sentences
_GOES_ON = re.compile(r"\s*(?:[^\W\d_A-Z]|[,.;:!?)”’»])")
_SENTENCE_END = (".", "!", "?", ":", "…", "。", "！", "？")
_QUOTES = {
    "de": "„“", "cs": "„“", "sk": "„“", "sl": "„“", "bg": "„“", "pl": "„”", "hu": "„”", "ro": "„”", "nl": "“”",
    "fr": "«»", "it": "«»", "es": "«»", "pt": "“”", "ru": "«»", "uk": "«»", "el": "«»", "nb": "«»", "no": "«»",
    "fi": "””", "sv": "””", "da": "“”", "ja": "「」", "zh": "“”", "ko": "“”", "ar": "«»", "fa": "«»", "tr": "“”",
}  # fmt: skip
_CAPTION_CLASS = re.compile(
    r"(?<![\w-])(?:wp-caption-text|(?:image|img|photo|picture|media|figure)(?:-|__|_)?caption|caption(?:-|__|_)?text)(?![\w-])",
    re.IGNORECASE,
)
_QUOTATION = frozenset('"“”„«»‘’‚‹›「」『』')
_WORD = re.compile(r"[^\W\d_]{2}")
_WRAPPED = 4  # lines at least from which a width is told


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


def read(tree: Element) -> Page:
    """Return the text of each block, numbered from 1.

    Hidden text is left out unless the page has nothing else, or hides several paragraphs: where readers have to pay,
    many publishers send the article so.
    """
    hidden: list[int] = []

    def left_out(element: Element) -> bool:
        if is_panel(element):
            return False
        hidden.append(paragraphs(element))
        return True

    page = _read(tree, left_out)
    if not page.lines:
        return _read(tree, lambda _: False)
    return (
        _read(tree, lambda element: not paragraphs(element) and not is_panel(element)) if sum(hidden) >= _PAID else page
    )


def _read(tree: Element, left_out: Callable[[Element], bool]) -> Page:
    """Read all that shows, and the hidden elements that are not ``left_out``."""
    reader = _Reader(tree)
    walk = etree.iterwalk(tree, events=("start", "end"))
    skipped = False
    for event, element in walk:
        if event == "start":
            tag, attributes = element.tag, element.items()
            shown_as = reader.shown_as(attributes) if attributes else 0
            skipped = (tag in _MAY_BE_UNDRAWN or shown_as != 0) and reader.is_undrawn(element, shown_as)
            if shown_as & _HIDDEN and not skipped and left_out(element):
                skipped = True
                reader.end_block(tag)
            if skipped or reader.begin(element, tag, attributes, shown_as):
                walk.skip_subtree()
                continue
            text = element.text
        else:
            if skipped:
                skipped = False
                reader.end_skipped(element)
            else:
                reader.end(element, element.tag)
            text = element.tail
        if text and (reader.pieces or _shows(text)):
            reader.say(text)
    limited(reader.page.lines)
    return _rejoined(reader.page, reader.breaks)


def _shows(text: str) -> bool:
    """Tell whether a line can begin with this: not with spaces, nor with characters that nobody sees."""
    text = text.strip()
    return bool(text) and (text.isprintable() or bool(visible(text)))


def _rejoined(page: Page, breaks: Sequence[int]) -> Page:
    """Join lines that were wrapped at a fixed width with ``br`` elements; two of those end a paragraph.

    ``breaks`` tells for each line how many ``br`` part it from the line before, 0 where something else does.
    """
    heads: list[int] = []
    start = 0
    for end in range(1, len(breaks) + 1):
        if end == len(breaks) or not breaks[end]:
            run = page.lines[start:end]
            if len(run) >= _WRAPPED:
                numbers = zip(run, breaks[start:end], strict=True)
                run = rejoin([replace(line, after_blank=number > 1) for line, number in numbers], whole=False)
            heads += [line.number - 1 for line in run]
            start = end
    return page if len(heads) == len(page.lines) else _joined(page, heads)


def _joined(page: Page, heads: Sequence[int]) -> Page:
    """Return a page in which each line goes on up to the next of these."""
    ends = [*heads[1:], len(page.lines)]
    new = [number for number, (head, end) in enumerate(zip(heads, ends, strict=True)) for _ in range(head, end)]
    new.append(len(heads))
    lines = [
        replace(page.lines[head], number=number, text=" ".join(line.text for line in page.lines[head:end]))
        for number, (head, end) in enumerate(zip(heads, ends, strict=True), 1)
    ]
    boxes = page.boxes
    spans = [
        (new[first], new[last - 1] + 1 if last > first else new[first])
        for first, last in zip(boxes.first, boxes.last, strict=True)
    ]
    boxes.first, boxes.last = [first for first, _ in spans], [last for _, last in spans]
    linked = [sum(page.linked[head:end]) for head, end in zip(heads, ends, strict=True)]
    return Page(lines, [page.within[head] for head in heads], linked, [page.meets[head] for head in heads], boxes)


def _meaning(name: str, value: str) -> int:
    """Return what one attribute says of how its element is shown."""
    if name == "class":
        if not _SAYS_MORE.search(value.casefold()):
            return 0
        return _UNDRAWN * bool(_UNDRAWN_CLASS.search(value)) | _CAPTION * bool(_CAPTION_CLASS.search(value))
    if name == "style":
        drawn = _UNDRAWN * bool(_UNDRAWN_STYLE.search(value)) | _PREFORMATTED * bool(_PREFORMATTED_STYLE.search(value))
        return drawn | _HIDDEN * hides(value)
    if name == "hidden":
        return _HIDDEN
    return _UNDRAWN * (value == "tooltip")


class _Reader:
    """What has been read so far: the page, the boxes that are open, and the pieces of the line that is begun."""

    def __init__(self, tree: Element) -> None:
        self.page = Page()
        self.pieces: list[str] = []
        self.breaks: list[int] = []  # for each line, how many br part it from the line before; 0 if other blocks do
        self._marks = _QUOTES.get((tree.get("lang") or "")[:2].lower(), "“”")
        self._quotes: list[str] = []  # closing marks of the quotations that are open
        self._inlined: list[Element] = []  # blocks inside of sentences that are open
        self._preformatted: list[Element] = []  # elements that are open and whose line breaks show
        self._caption_boxes: list[int] = []  # that are open
        self._meanings: dict[tuple[str, str], int] = {}  # of attributes: most pages repeat a few hundred
        self._brs = self._brs_before = 0
        self._box = self._depth = self._links = self._captions = 0
        self._begun = self._linked = self._meets = self._lowest = 0

    def shown_as(self, attributes: Attributes) -> int:
        """Return what the attributes of an element say of how it is shown, as the sum of such numbers."""
        found = 0
        for attribute in attributes:
            if attribute[0] in _SHOWING:
                meaning = self._meanings.get(attribute)
                if meaning is None:
                    meaning = self._meanings[attribute] = _meaning(*attribute)
                found |= meaning
        return found

    def is_undrawn(self, element: Element, shown_as: int) -> bool:
        """Tell whether an element is no text that is drawn, so that the sentence around it goes on behind it."""
        tag = element.tag
        if tag in _UNSEEN or (tag == "sup" and is_note(element)):
            return True
        if tag == "button" and self.pieces and not _WORD.search("".join(element.itertext())):
            return True
        return bool(shown_as & _UNDRAWN) and tag not in HEADINGS

    def end_block(self, tag: str) -> None:
        if tag in BLOCKS:
            self._brs = -1
            if self.pieces:
                self.end_line()

    def end_skipped(self, element: Element) -> None:
        """End the line at an element that was not read, unless nobody sees that there is one."""
        if element.tag in BLOCKS and not self.is_undrawn(element, self.shown_as(element.items())):
            self.end_block(element.tag)

    def begin(self, element: Element, tag: str, attributes: Attributes, shown_as: int) -> bool:
        """Open an element; return whether its text was read as well, line by line."""
        if tag in BLOCKS:
            if self.pieces and tag in _INLINE_BLOCKS and self._in_sentence(element):
                self._inlined.append(element)
            else:
                self._end_before(element, tag)
        self._open(tag, attributes, shown_as)
        if tag == "q":
            quoted = (element.text or "").lstrip()[:1] in _QUOTATION or "".join(self.pieces)[-1:] in _QUOTATION
            self._quotes.append("" if quoted else self._marks[1])
            if not quoted:
                self.say(self._marks[0])
        if tag == "pre" or shown_as & _PREFORMATTED:
            self._preformatted.append(element)
        return bool(self._preformatted) and tag in BLOCKS and self._read_lines(element)

    def _end_before(self, element: Element, tag: str) -> None:
        if self.pieces:
            self.end_line()
        if tag == "br":
            self._brs += self._brs >= 0
            return
        self._brs = -1
        if is_drop_cap(element):
            self._inlined.append(element)

    def _in_sentence(self, element: Element) -> bool:
        """Tell whether the sentence that is begun goes on behind the element."""
        outer = element.getparent()
        if element.tag == "div" and (outer is None or (outer.tag in BLOCKS and outer.tag != "p")):
            return False
        if "".join(self.pieces).rstrip().endswith(_SENTENCE_END):
            return False
        return _GOES_ON.match(tail(element)) is not None

    def _read_lines(self, element: Element) -> bool:
        """Read an element without blocks in it whose line breaks show; return False if it has only one line."""
        if "\n" not in (element.text or "") and not len(element):
            return False
        if any(inner is not element and inner.tag in BLOCKS for inner in element.iter(etree.Element)):
            return False
        lines = split("".join(element.itertext()), whole=False)
        if len(lines) < 2:  # noqa: PLR2004 - it is read as any other
            return False
        for line in lines:
            self.say(line.text)
            self.end_line()
            self._brs = -1
        return True

    def end(self, element: Element, tag: str) -> None:
        """Close an element."""
        if self._inlined and self._inlined[-1] is element:
            self._inlined.pop()
        elif tag != "br":
            self.end_block(tag)
        if tag == "q" and (mark := self._quotes.pop()):
            self.say(mark)
        if self._preformatted and self._preformatted[-1] is element:
            self._preformatted.pop()
        self._close(tag)

    def _open(self, tag: str, attributes: Attributes, shown_as: int) -> None:
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
        if tag == "figcaption" or shown_as & _CAPTION:
            self._captions += 1
            self._caption_boxes.append(number)

    def _close(self, tag: str) -> None:
        boxes, box = self.page.boxes, self._box
        boxes.last[box] = len(self.page.lines) + (1 if self.pieces else 0)
        boxes.ends[box] = len(boxes.tags)
        self._box = boxes.parents[box]
        self._depth = depth = self._depth - 1
        self._lowest = min(self._lowest, depth)
        if tag == "a":
            self._links -= 1
        if self._caption_boxes and self._caption_boxes[-1] == box:
            self._caption_boxes.pop()
            self._captions -= 1

    def say(self, text: str) -> None:
        if not self.pieces:
            self._begun, self._meets, self._lowest = self._box, self._lowest, self._depth
            self._brs_before, self._brs = max(self._brs, 0), 0
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
        self.breaks.append(self._brs_before)
        self.pieces.clear()
        self._linked = 0
