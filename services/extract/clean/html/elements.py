"""HTML elements: parsing, and what an element is in the text: drawn or hidden, a block, a note mark, a drop cap."""

import re
from collections.abc import Sequence
from html import unescape
from typing import Any

from lxml import etree

from shared.errors import Reason, Rejected

Element = Any  # lxml has no types
Attributes = Sequence[tuple[str, str]]
BLOCKS = frozenset(
    "address article aside blockquote body br button caption center cell dd details dialog div dl dt fieldset "  # noqa: SIM905 - a list of quoted words is no clearer
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html item label lb legend li list main menu nav ol "
    "option p pre quote row section summary table tbody td textarea tfoot th thead tr ul".split()
)
_LONG = 80  # each of so many characters, are an article behind a pay wall
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_NOTE = re.compile(r"\s*(?:\[\s*(?:\d{1,3}|[a-z*†‡])\s*\]|\(\d{1,2}\)|\d{1,3}|[*†‡§]+)\s*")
_NOTE_NAME = re.compile(r"\b(?:foot|end)?note|\bref(?:erence)?\b|\bcite", re.IGNORECASE)
_OPENING = '"“”„«»‘’‚‹「『（'
_DROP_CAP = 2  # characters: the letter, and a quotation mark before it
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_PANEL = 40  # characters at least of the text that opens
_PANEL_HEADINGS = HEADINGS | {"button", "dt", "summary", "a", "label"}
_EXPANDABLE = re.compile(r"accordion|collaps|expand|panel|faq|toggle|disclosure", re.IGNORECASE)
_BODY_NAME = re.compile(r"article|story|entry|post|content", re.IGNORECASE)
_DIALOG_NAME = re.compile(r"consent|cookie|dialog|modal|gdpr|cmp", re.IGNORECASE)
_PARAGRAPH_TAG = re.compile(r"<(?:p|br|div|pre|td|article|section|body|html|script)\b", re.IGNORECASE)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
MAX_DEPTH = 250  # real pages stay below 50, a rare one reaches 140
MAX_ELEMENTS = 60_000  # that show; real pages have some hundred, long ones some thousand
MAX_ATTRIBUTES = 1000  # of one element, the others are left out: the parser compares each with all before it
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_BLOCK_TAG = re.compile(r"<(?:p|div|br|li|h[1-6]|td|tr|article|section|body|html|blockquote)\b", re.IGNORECASE)
_ESCAPED_TAG = re.compile(
    r"&(?:lt|#60|#x3c);/(?:p|div|li|ul|h[1-6]|blockquote|figure|em|strong|a)\s*&(?:gt|#62|#x3e);", re.IGNORECASE
)
_CDATA = re.compile(r"^\s*<!\[CDATA\[(.*)\]\]>\s*$", re.DOTALL)
_DOCUMENT_TAG = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_ATTRIBUTE = r"""[\s/=]*+[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+))?+"""
# comments and scripts, in which a sign that is less than begins no tag; and tags. What is read is never tried again
_MARKUP = re.compile(
    rf"<(?:!--[^-]*+(?:-(?!->)[^-]*+)*+|(script|style)\b[^<]*+(?:<(?!/\1)[^<]*+)*+"
    rf"|[a-z][^\s/>]*+(?:{_ATTRIBUTE}){{0,{MAX_ATTRIBUTES}}}+(?P<more>(?:{_ATTRIBUTE})*+))",
    re.IGNORECASE,
)
_DECLARATION = re.compile(r"<\?xml[^>]*\?>")
_PAGE_STARTS = ("<!doctype html", "<html", "<head", "<body")


def is_page(body: str, media_type: str) -> bool:
    """Tell whether the body is HTML: it begins like a page, or is declared so and holds a tag."""
    if _DECLARATION.sub("", body[:1000]).lstrip("\ufeff \t\r\n").lower().startswith(_PAGE_STARTS):
        return True
    return media_type == "text/html" and _TAG.search(body) is not None


def unescaped(body: str) -> str:
    """Return markup that was escaped once too often, as in feeds, as markup again."""
    if whole := _CDATA.match(body):
        body = whole[1]
    return unescape(body) if not _TAG.search(body) and _ESCAPED_TAG.search(body) else body


def is_fragment(body: str) -> bool:
    """Tell whether the markup is only a part of a page, as in feeds."""
    return _DOCUMENT_TAG.search(body) is None


def parse(body: str) -> Element | None:
    """Return the tree, without comments; None if nothing is in it."""
    body = _with_bounded_attributes(body)
    if not _BLOCK_TAG.search(body) or (not _PARAGRAPH_TAG.search(body) and _BLANK_LINE.search(body)):
        body = body.replace("\n", "<br>\n")  # no paragraph is marked up: the line breaks are meant
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


def hides(style: str) -> bool:
    """Tell whether a style attribute keeps its element from being shown."""
    return _HIDDEN.search(style) is not None


def is_hidden(attributes: Attributes) -> bool:
    """Tell whether an element does not show when the page is opened."""
    for name, value in attributes:  # noqa: SIM110 - asked of every element, and a generator takes twice the time
        if name == "hidden" or (name == "style" and _HIDDEN.search(value)):
            return True
    return False


def paragraphs(element: Element) -> int:
    """Return how many long paragraphs an element holds."""
    return sum(len("".join(paragraph.itertext())) >= _LONG for paragraph in element.iter("p"))


def is_panel(element: Element) -> bool:
    """Tell whether a hidden element in the article opens at a click on the line above it, as in an accordion."""
    text = "".join(element.itertext())
    linked = sum(len("".join(link.itertext())) for link in element.iter("a"))
    if len(text.strip()) < _PANEL or linked * 2 > len(text):
        return False
    before = element.getprevious()
    while before is not None and not isinstance(before.tag, str):
        before = before.getprevious()
    if before is None:
        return False
    told = before.tag in _PANEL_HEADINGS and _EXPANDABLE.search(_naming(element)) is not None
    if not told and not any(inner.get("aria-expanded") or inner.get("aria-controls") for inner in before.iter()):
        return False
    around = list(element.iterancestors())
    if any(outer.get("role") == "dialog" or _DIALOG_NAME.search(_naming(outer)) for outer in around):
        return False
    return any(outer.tag in {"article", "main"} or _BODY_NAME.search(_naming(outer)) for outer in around)


def _naming(element: Element) -> str:
    return f"{element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''}"


def is_note(element: Element) -> bool:
    """Tell whether a superscript is the mark of a note, and no exponent or ordinal."""
    text = "".join(element.itertext())
    if not _NOTE.fullmatch(text):
        return False
    if not text.strip().isdecimal():
        return True
    return any(inner.tag == "a" or _NOTE_NAME.search(_naming(inner)) for inner in element.iter())


def tail(element: Element) -> str:
    """Return the text behind an element, also where that stands behind the inline element that it ends."""
    while not (element.tail or "").strip() and element.getnext() is None:
        outer = element.getparent()
        if outer is None or outer.tag in BLOCKS:
            return ""
        element = outer
    return element.tail or ""


def is_drop_cap(element: Element) -> bool:
    """Tell whether a block is the first letter of the word behind it."""
    tail = element.tail
    if not tail or not tail[0].islower() or len(element) > 1:
        return False
    text = "".join(element.itertext()).strip()
    return 0 < len(text) <= _DROP_CAP and text[-1].isupper() and all(sign in _OPENING for sign in text[:-1])
