"""HTML pages: trafilatura finds the main text, the line rules clean it, and what it left out is named."""

import logging
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.extract.clean.agencies import agencies_in
from services.extract.clean.article import CleanArticle, assemble, bounded
from services.extract.clean.facts import Facts, describe, is_title
from services.extract.clean.head import Head, head_of, moment
from services.extract.clean.known import ANY_SITE, Site
from services.extract.clean.lines import Line, visible
from services.extract.clean.markup import Element, is_fragment, parse, visible_lines
from services.extract.clean.words import tokens
from shared.errors import Reason, Rejected
from shared.messages import Removed

_METADATA = {"caption", "byline", "agency", "date_line"}
_AFTER = 3  # lines after the main text in which an agency or a caption still belongs to it


def clean_page(body: str, title: str | None, site: Site = ANY_SITE) -> CleanArticle:
    """Clean a page; lines are counted in its visible text.

    All of that text goes to the line rules if no main text is found in it, or if it is no whole page: what a feed or
    an editorial system sends has no navigation around it, and on so little text trafilatura loses paragraphs.
    """
    tree = parse(body)
    seen = visible_lines(tree) if tree is not None else []
    if not seen:
        raise Rejected(Reason.NO_ARTICLE_TEXT, f"a page of {len(body)} characters shows no text")
    if is_fragment(body):
        return assemble(seen, title, site=site)
    head = head_of(tree)
    guessed, main = _extract(tree)
    title = title or head.title or guessed.title
    chosen = choose(seen, main, title)
    article = _with(assemble(chosen or seen, title, chosen=bool(chosen), site=site), head, guessed)
    if not chosen:
        return article
    numbers = {line.number for line in chosen}
    wanted = tokens(title or "")
    left = [_left_out(line, wanted) for line in seen if line.number not in numbers]
    removed = sorted((*article.removed, *left), key=lambda entry: entry.line)
    return replace(article, removed=bounded(removed))


def _with(article: CleanArticle, head: Head, guessed: Head) -> CleanArticle:
    """Add what the page says of itself, and where it says nothing what could be guessed from its text."""
    return replace(
        article,
        byline=", ".join(head.authors) or article.byline or ", ".join(guessed.authors) or None,
        agency=article.agency or next((agency for name in head.authors if (agency := agencies_in(name))), None),
        published_at=head.published_at or guessed.published_at,
        updated_at=head.updated_at,
        url=head.url,
    )


def _left_out(line: Line, title: Sequence[str]) -> Removed:
    rule = "title" if is_title(tokens(line.text), title) else "html_boilerplate"
    return Removed(text=line.text, rule=rule, line=line.number)


def choose(seen: Sequence[Line], main: Sequence[str], title: str | None) -> list[Line]:
    """Return the lines of the main text, and the captions, bylines and agencies that stand among them."""
    placed = _place(seen, main)
    if not placed:
        return []
    wanted = tokens(title or "")
    titles = (index for index, line in enumerate(seen[: placed[0][0]]) if is_title(tokens(line.text), wanted))
    start = min(next(titles, len(seen)), max(placed[0][0] - 1, 0))
    around = seen[start : placed[-1][0] + _AFTER + 1]
    facts = dict(enumerate(describe(around, title), start))  # the rest of the page need not be looked at
    taken = {index for index, _ in placed}
    among = {index for index, line in facts.items() if index not in taken and line.role in _METADATA}
    added = [(index, seen[index]) for index in sorted(among | _overlooked(facts, taken))]
    return [line for _, line in sorted([*placed, *added], key=lambda entry: entry[0])]


def _overlooked(facts: Mapping[int, Facts], taken: set[int]) -> set[int]:
    """Return the single lines that read like paragraphs and stand between main lines, or right before or after them."""
    first, last = min(taken), max(taken)
    gaps = {index + 1 for index in taken if index + 1 not in taken and index + 2 in taken}
    beside = gaps | ({first - 1, last + 1} & facts.keys())
    return {index for index in beside if _is_paragraph(facts[index])}


def _is_paragraph(line: Facts) -> bool:
    return line.strong and not line.role and not line.furniture and line.copy_of is None


def _place(seen: Sequence[Line], main: Sequence[str]) -> list[tuple[int, Line]]:
    """Find each line of the main text among the visible ones; what is not found follows the line before it."""
    where: dict[str, list[int]] = {}
    for index, line in enumerate(seen):
        where.setdefault(line.text, []).append(index)
    placed: list[tuple[int, Line]] = []
    last = 0
    for text in main:
        line = Line(seen[last].number, text)
        if free := where.get(text):
            last = free.pop(min(bisect_left(free, last), len(free) - 1))
            line = seen[last]
        placed.append((last, line))
    return sorted(placed, key=lambda entry: entry[0])


def _extract(tree: Element) -> tuple[Head, list[str]]:
    """Return the extractor's guesses at the head and the lines of the main text; the tree is used up."""
    import trafilatura  # noqa: PLC0415 - a third of a second, which plain text does not need

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it reports every page it is unsure of
    document: Any = trafilatura.bare_extraction(
        tree,
        favor_precision=True,
        include_comments=False,
        include_tables=True,
        deduplicate=False,  # else it remembers earlier pages, and the result depends on their order
        with_metadata=True,
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    if document is None:
        return Head(), []
    main = [line.text for line in visible_lines(document.body)]
    authors = tuple(author for author in visible(document.author or "").split("; ") if author)
    return Head(visible(document.title or "") or None, authors, moment(document.date)), main
