"""The article's body as the page states it in JSON-LD, for pages that show only a part of it or nothing."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape

from services.extract.clean.article import CleanArticle, bounded
from services.extract.clean.html.blocks import read
from services.extract.clean.html.elements import parse
from services.extract.clean.text import Line, split, tokens
from shared.messages import Removed

_LEAST = 60  # words; a shorter body is a description
_SHOWN = 2  # paragraphs at most that a page shows of an article behind a pay wall
_MORE = 2  # times the words that the page shows
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_RULE, _PAGE_RULE = "article_body", "html_boilerplate"


def may_be_part(shown: Sequence[str]) -> bool:
    """Tell whether these paragraphs are so few that a page may hold the others back."""
    return len(shown) <= _SHOWN


def stated_lines(text: str, after: int) -> list[Line]:
    """Return the lines of an articleBody, numbered on from a page's last line; it may hold markup."""
    if not text.strip():
        return []
    text = unescape(text)
    tree = parse(text) if _TAG.search(text) else None
    lines = split(text) if tree is None else read(tree).lines
    return [Line(number, line.text) for number, line in enumerate(lines, after + 1)]


def is_more(stated: Sequence[Line], shown: Sequence[str]) -> bool:
    """Tell whether the stated body goes far beyond what the page shows, which is a part of it."""
    if not may_be_part(shown) or (
        shown and len(stated) == 1
    ):  # a body without paragraphs is worse than a part with them
        return False
    body = tokens(" ".join(line.text for line in stated))
    found = tokens(" ".join(shown))
    if len(body) < _LEAST or len(body) < _MORE * len(found):
        return False
    return not found or len(set(found) & set(body)) >= len(set(found)) / 2


def with_stated(stated: CleanArticle, shown: CleanArticle | None, lines: Sequence[Line]) -> CleanArticle:
    """Return the article of the stated body; what the page shows is listed as removed, with a line that says why."""
    known = {entry.line: entry.rule for entry in shown.removed} if shown else {}
    again = set(shown.line_numbers) if shown else set()
    listed = [
        Removed(
            text=line.text,
            rule=_RULE if line.number in again else known.get(line.number, "html_boilerplate"),
            line=line.number,
        )
        for line in lines
    ]
    note = Removed(text="The text is the articleBody of the page's JSON-LD.", rule=_RULE, line=len(lines) + 1)
    return replace(
        stated,
        byline=stated.byline or (shown.byline if shown else None),
        agency=stated.agency or (shown.agency if shown else None),
        captions=stated.captions or (shown.captions if shown else ()),
        removed=bounded([*listed, note, *stated.removed]),
    )
