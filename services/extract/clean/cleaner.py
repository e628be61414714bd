"""The entry of cleaning: a raw body, plain text or HTML, becomes a clean article with a list of what was removed.

The lines are found (``text``; in a page ``html``), described (``rules.line_facts``), decided upon (``rules.decide``,
with the probabilities of a network from ``classifier``) and assembled (``article``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path

from services.extract.clean.article import CleanArticle, assembled, bounded
from services.extract.clean.classifier import line_classifier, page_classifier
from services.extract.clean.classifier.network import Networks
from services.extract.clean.classifier.page_classifier import Region, region_of
from services.extract.clean.html.blocks import Page, is_fragment, is_page, parse, read
from services.extract.clean.html.page_metadata import Head, head_of
from services.extract.clean.language import LanguageModel
from services.extract.clean.rules import packs
from services.extract.clean.rules.dates import day_in
from services.extract.clean.rules.decide import IN_PAGE, Decisions, LineDecision, Origin, decide, with_kept, with_lists
from services.extract.clean.rules.line_facts import Facts, LearnedBoilerplate, Rules, describe, is_title, recognise
from services.extract.clean.text import Line, split, tokens, visible
from shared.errors import Reason, Rejected
from shared.messages import Removed

RULES_VERSION = "7"  # raise it with every change that can change a result
_HEAD_LINES = 12  # before and after the article begins: its heading, its byline and what is beside them
_CARDS = 0.3  # of the words at most
_DATED_LINE = 100  # characters; a longer line tells a story that has a day in it
_CARD = LineDecision("author_card", origin=Origin.MARKUP)
_PAGE_RULE = "html_boilerplate"


def load(folder: Path | None = None) -> "Cleaner":
    """Return a cleaner with our rule packs, those of a folder laid over them, and the networks of the package.

    Raises ``packs.PackError`` and ``WeightsError``.
    """
    return Cleaner(Rules.of(packs.read(folder)), shipped())


def shipped() -> Networks:
    """Return the networks that come with the package."""
    return Networks.read(line_classifier.WIDTH, page_classifier.WIDTH)


class Cleaner:
    """Cleans bodies by compiled rules and loaded networks; it never changes, so that threads may share it."""

    def __init__(self, rules: Rules, networks: Networks) -> None:
        self.rules, self.networks, self.languages = rules, networks, LanguageModel()

    def clean(
        self,
        body: str,
        media_type: str,
        *,
        title: str | None = None,
        source: str | None = None,
        learned: LearnedBoilerplate | None = None,
    ) -> CleanArticle:
        """Return the clean article; raise ``Rejected`` when no article is in the body, or too much.

        ``learned`` are the lines that many articles of the source share, with the certainty of each.
        What the body looks like counts more than the declared type: pages are sent as text, and text as pages.
        """
        of_source = _Source(self, source, learned or {})
        if is_page(body, media_type):
            return of_source.page(body, title)
        return of_source.text(split(unescape(body) if media_type == "text/html" else body), title)


class _Source:
    """Cleans one article with what is known of its source."""

    def __init__(self, cleaner: Cleaner, source: str | None, learned: LearnedBoilerplate) -> None:
        self._rules, self._networks = cleaner.rules, cleaner.networks
        self._pack, self._learned = self._rules.sources.get(source or ""), learned

    def text(self, lines: Sequence[Line], title: str | None) -> CleanArticle:
        title = visible(title or "") or None
        facts = self._facts(lines, title)
        article = assembled(facts, self._by_text(facts, title), title, self._rules)
        return replace(article, removed=bounded(article.removed))

    def page(self, body: str, title: str | None) -> CleanArticle:
        """Clean a page; lines are counted in its visible text.

        What is no whole page is judged as text: what a feed or an editorial system sends has no navigation around it.
        So is a page with too few lines to tell anything from where they stand.
        """
        tree = parse(body)
        page = read(tree) if tree is not None else Page()
        if not page.lines:
            raise Rejected(Reason.NO_ARTICLE_TEXT, f"a page of {len(body)} characters shows no text")
        if is_fragment(body):
            return self.text(page.lines, title)
        head = head_of(tree, self._rules.vocabulary)
        article = self._page(page, head, title or head.title or "")
        return _with(article, head, self._rules)

    def _page(self, page: Page, head: Head, page_title: str) -> CleanArticle:
        region = region_of(page, head)
        title = visible(page_title) or None
        facts = self._facts(region.lines, title)
        article = assembled(facts, self._by_page(region, facts, title), title, self._rules)
        described = {line.number for line in region.lines}
        wanted = tokens(page_title)
        left = [_left_out(line, page_title, wanted) for line in page.lines if line.number not in described]
        removed = sorted((*article.removed, *left), key=lambda entry: entry.line)
        return replace(article, removed=bounded(removed))

    def _facts(self, lines: Sequence[Line], title: str | None) -> list[Facts]:
        return recognise(describe(lines, title, self._rules), self._pack, self._learned)

    def _by_text(self, facts: Sequence[Facts], title: str | None) -> Decisions:
        return with_kept(facts, decide(facts, line_classifier.probabilities(self._networks.lines, facts, title)))

    def _by_page(self, region: Region, facts: Sequence[Facts], title: str | None) -> Decisions:
        found = page_classifier.probabilities(self._networks.pages, region, facts, title)
        if found:
            decided = with_lists(decide(facts, found, IN_PAGE), region.layout.listed[region.near].tolist())
        else:
            decided = self._by_text(facts, title)
        return _named_by_page(with_kept(facts, _without_cards(decided, facts, region)))


def _without_cards(decided: Decisions, facts: Sequence[Facts], region: Region) -> Decisions:
    """Take out what the markup calls a card of the author; where much of the text is in it, it is something else."""
    kept = [index for index, line in enumerate(decided) if line.rule is None]
    cards = region.layout.in_cards(int(region.near[index]) for index in kept)
    of_cards = {index for index in kept if region.near[index] in cards}
    if sum(facts[index].words for index in of_cards) > _CARDS * sum(facts[index].words for index in kept):
        return decided
    return [_CARD if index in of_cards else line for index, line in enumerate(decided)]


def _named_by_page(decided: Decisions) -> Decisions:
    """Call boilerplate of the page what stands before or after the article and says nothing of itself."""
    kept = [index for index, line in enumerate(decided) if line.rule is None]
    within = range(kept[0], kept[-1] + 1) if kept else range(0)
    return [
        replace(line, rule=_PAGE_RULE) if line.by_position and index not in within else line
        for index, line in enumerate(decided)
    ]


def _left_out(line: Line, title: str, words: Sequence[str]) -> Removed:
    alike = len(title) < 3 * len(line.text) and len(line.text) < 3 * len(title)  # most lines need no closer look
    rule = "title" if alike and is_title(tokens(line.text), words) else _PAGE_RULE
    return Removed(text=line.text, rule=rule, line=line.number)


def _with(article: CleanArticle, head: Head, rules: Rules) -> CleanArticle:
    """Add what the page says of itself."""
    agencies = (rules.agencies.named_by(name) for name in head.authors)
    return replace(
        article,
        byline=", ".join(head.authors) or article.byline or head.signed,
        agency=article.agency or next((agency for agency in agencies if agency), None),
        published_at=head.published_at or _day_told(article),
        updated_at=head.updated_at,
        url=head.url,
    )


def _day_told(article: CleanArticle) -> datetime | None:
    """Return the day that stands above the article and nearest to it, or in a line of its own below the first lines."""
    begin = article.line_numbers[0]
    above = [entry for entry in reversed(article.removed) if entry.line < begin][:_HEAD_LINES]
    below = [
        entry
        for entry in article.removed
        if begin < entry.line <= begin + _HEAD_LINES and entry.rule in {"date_line", "byline"}
    ]
    dated = (day_in(entry.text) for entry in (*above, *below) if len(entry.text) <= _DATED_LINE)
    return next((day for day in dated if day), None)
