"""HTML parsed within limits, and its visible text: one line per block, as a reader sees the page."""

import re
from collections.abc import Iterator
from typing import Any

from services.extract.clean.lines import Line, limited, visible, without_invisible
from shared.errors import Reason, Rejected

Element = Any  # lxml has no types

MAX_DEPTH = 250  # real pages stay below 50, a rare one reaches 140; code that recurses over a tree fails near 1000
MAX_ELEMENTS = 60_000  # the main text of so many takes seconds to find

_BLOCKS = frozenset(
    "address article aside blockquote body br button caption center cell dd details dialog div dl dt fieldset "  # noqa: SIM905 - a list of quoted words is no clearer
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html item label lb legend li list main menu nav ol "
    "option p pre quote row section summary table tbody td textarea tfoot th thead tr ul".split()
)
_UNSEEN = frozenset(
    "script style noscript template title meta link svg iframe object select textarea".split()  # noqa: SIM905
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_BLOCK_TAG = re.compile(r"<(?:p|div|br|li|h[1-6]|td|tr|article|section|body|html|blockquote)\b", re.IGNORECASE)
_DOCUMENT_TAG = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_DECLARATION = re.compile(r"<\?xml[^>]*\?>")  # lxml refuses text that names an encoding
_PAGE_STARTS = ("<!doctype html", "<html", "<head", "<body")


def is_page(body: str, media_type: str) -> bool:
    """Tell whether the body is HTML: it begins like a page, or is declared so and holds a tag."""
    if _DECLARATION.sub("", body[:1000]).lstrip("\ufeff \t\r\n").lower().startswith(_PAGE_STARTS):
        return True
    return media_type == "text/html" and _TAG.search(body) is not None


def is_fragment(body: str) -> bool:
    """Tell whether the markup is only a part of a page, as in feeds."""
    return _DOCUMENT_TAG.search(body) is None


def parse(body: str) -> Element | None:
    """Return the tree; None if nothing is in it. What is too deep or too large is rejected."""
    from lxml import etree, html  # noqa: PLC0415 - plain text does not need it

    if not _BLOCK_TAG.search(body):
        body = body.replace("\n", "<br>\n")  # text with inline tags only: its line breaks are meant
    parser = html.HTMLParser(remove_comments=True, remove_pis=True)
    try:
        tree = html.document_fromstring(_DECLARATION.sub("", without_invisible(body)), parser=parser)
    except (etree.ParserError, ValueError):
        return None
    return tree


def too_large(depth: int, elements: int) -> Rejected:
    """Return the verdict on a page whose nesting or number of elements is over the limit."""
    found = f"nested {depth} deep after {elements} elements"
    return Rejected(Reason.TOO_LARGE, f"the page is {found}; at most {MAX_DEPTH} deep, {MAX_ELEMENTS} elements")


def visible_lines(tree: Element) -> list[Line]:
    """Return the text of each block, numbered from 1; of a page that hides all its text, the hidden text too."""
    return _lines(tree, hidden=False) or _lines(tree, hidden=True)


def _lines(tree: Element, *, hidden: bool) -> list[Line]:
    lines: list[Line] = []
    pieces: list[str] = []
    captions = 0  # how many caption elements are open
    for edge, text in _walk(tree, hidden=hidden):
        if edge.strip("/") in _BLOCKS:
            if line := visible("".join(pieces)):
                lines.append(Line(len(lines) + 1, line, caption=captions > 0))
            pieces.clear()
            captions += (edge == "figcaption") - (edge == "/figcaption")
        pieces.append(text)
    return limited(lines)


def _walk(tree: Element, *, hidden: bool) -> Iterator[tuple[str, str]]:
    """Yield each edge of an element, "p" or "/p", with the text right after it."""
    from lxml import etree  # noqa: PLC0415

    walk = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            yield f"/{element.tag}", element.tail or ""
        elif element.tag in _UNSEEN or (not hidden and _is_hidden(element)):
            walk.skip_subtree()
        else:
            yield element.tag, element.text or ""


def _is_hidden(element: Element) -> bool:
    return "hidden" in element.attrib or _HIDDEN.search(element.get("style", "")) is not None
