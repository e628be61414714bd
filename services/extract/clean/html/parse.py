"""HTML: what counts as a page, and its tree."""

import re
from typing import Any

from shared.errors import Reason, Rejected

Element = Any  # lxml has no types

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
    from lxml import etree  # noqa: PLC0415 - plain text does not need it

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
