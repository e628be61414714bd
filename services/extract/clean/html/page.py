"""HTML pages: read once into lines and the boxes they stand in; a trained judge of pages tells the article's lines."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from services.extract.clean.article import CleanArticle, Judged, assemble, bounded, by_text, judged
from services.extract.clean.html.blocks import Page, read
from services.extract.clean.html.page_metadata import Head, head_of
from services.extract.clean.html.parse import is_fragment, parse
from services.extract.clean.rules.agencies import agencies_in
from services.extract.clean.rules.dates import day_in
from services.extract.clean.rules.decide import IN_PAGE, Decisions, decide, with_lists
from services.extract.clean.rules.line_facts import Facts, is_title
from services.extract.clean.rules.site import ANY_SITE, Site
from services.extract.clean.text.line_metadata import UNNAMED
from services.extract.clean.text.lines import Line
from services.extract.clean.text.words import tokens
from shared.errors import Reason, Rejected
from shared.messages import Removed

if TYPE_CHECKING:
    from services.extract.clean.classifier.page_classifier import Region

_HEAD_LINES = 12  # before and after the article begins: its heading, its byline and what is beside them
_CARDS = 0.3  # of the words at most
_DATED_LINE = 100  # characters; a longer line tells a story that has a day in it


def clean_page(body: str, title: str | None, site: Site = ANY_SITE) -> CleanArticle:
    """Clean a page; lines are counted in its visible text.

    What is no whole page goes to the judge of texts: what a feed or an editorial system sends has no navigation around
    it. So does a page with too few lines to tell anything from where they stand.
    """
    tree = parse(body)
    page = read(tree) if tree is not None else Page()
    if not page.lines:
        raise Rejected(Reason.NO_ARTICLE_TEXT, f"a page of {len(body)} characters shows no text")
    if is_fragment(body):
        return assemble(page.lines, title, site=site)
    return _clean(page, head_of(tree), title, site)


def _clean(page: Page, head: Head, title: str | None, site: Site) -> CleanArticle:
    from services.extract.clean.classifier import page_classifier  # noqa: PLC0415 - numpy, which `--help` does not need

    title = title or head.title
    region = page_classifier.region_of(page, head)

    def judge(facts: Sequence[Facts], title: str | None) -> Judged:
        likely: Sequence[float] | None = page_classifier.probabilities(region, facts, title)
        if likely:
            decided = with_lists(decide(facts, likely, IN_PAGE), region.layout.listed[region.near].tolist())
        else:
            decided, likely = by_text(facts, title)
        return _without_cards(decided, facts, region), likely

    lines = region.lines
    article = judged(lines, title, judge, site)
    described = {line.number for line in lines}
    wanted = tokens(title or "")
    left = [_left_out(line, title or "", wanted) for line in page.lines if line.number not in described]
    removed = sorted((*_told(article), *left), key=lambda entry: entry.line)
    return replace(_with(article, head), removed=bounded(removed))


def _without_cards(decided: Decisions, facts: Sequence[Facts], region: "Region") -> Decisions:
    """Take out what the markup calls a card of the author; where much of the text is in it, it is something else."""
    kept = [index for index, rule in enumerate(decided) if rule is None]
    cards = region.layout.in_cards(int(region.near[index]) for index in kept)
    of_cards = {index for index in kept if region.near[index] in cards}
    if sum(facts[index].words for index in of_cards) > _CARDS * sum(facts[index].words for index in kept):
        return decided
    return ["author_card" if index in of_cards else rule for index, rule in enumerate(decided)]


def _told(article: CleanArticle) -> list[Removed]:
    """Name what stands before or after the article and says nothing of itself as the page's, with its score."""
    begin, end = article.places[0], article.places[-1]
    return [
        entry.model_copy(update={"rule": "html_boilerplate"})
        if entry.rule in UNNAMED and not begin < entry.line < end
        else entry
        for entry in article.removed
    ]


def _left_out(line: Line, title: str, words: Sequence[str]) -> Removed:
    alike = len(title) < 3 * len(line.text) and len(line.text) < 3 * len(title)  # most lines need no closer look
    rule = "title" if alike and is_title(tokens(line.text), words) else "html_boilerplate"
    return Removed(text=line.text, rule=rule, line=line.number)


def _with(article: CleanArticle, head: Head) -> CleanArticle:
    """Add what the page says of itself."""
    return replace(
        article,
        byline=", ".join(head.authors) or article.byline or head.signed,
        agency=article.agency or next((agency for name in head.authors if (agency := agencies_in(name))), None),
        published_at=head.published_at or _day_told(article),
        updated_at=head.updated_at,
        url=head.url,
    )


def _day_told(article: CleanArticle) -> datetime | None:
    """Return the day that stands above the article and nearest to it, or in a line of its own below the first lines."""
    begin = article.places[0]
    above = [entry for entry in reversed(article.removed) if entry.line < begin][:_HEAD_LINES]
    below = [
        entry
        for entry in article.removed
        if begin < entry.line <= begin + _HEAD_LINES and entry.rule in {"date_line", "byline"}
    ]
    dated = (day_in(entry.text) for entry in (*above, *below) if len(entry.text) <= _DATED_LINE)
    return next((day for day in dated if day), None)
