"""The entry of cleaning: a raw body, plain text or HTML, becomes a clean article with a list of what was removed.

The lines are found (``text``; in a page ``html``), described (``rules.line_facts``), decided upon (``rules.decide``,
with the probabilities of a network from ``classifier``) and assembled (``article``).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path

from services.extract.clean.article import CleanArticle, assembled, bounded
from services.extract.clean.classifier import line_classifier, page_classifier
from services.extract.clean.classifier.network import Networks
from services.extract.clean.classifier.page_classifier import Region, region_of
from services.extract.clean.html.article_body import is_more, may_be_part, stated_lines, with_stated
from services.extract.clean.html.blocks import Page, read
from services.extract.clean.html.elements import is_fragment, is_page, parse, unescaped
from services.extract.clean.html.markup_rules import by_markup
from services.extract.clean.html.page_metadata import Head, head_of
from services.extract.clean.language import LanguageModel
from services.extract.clean.rules import packs
from services.extract.clean.rules.dates import day_in
from services.extract.clean.rules.decide import IN_PAGE, decide
from services.extract.clean.rules.line_decisions import (
    Decisions,
    any_kept,
    by_line,
    lists_of,
    with_kept,
    with_lists,
    without_headline,
)
from services.extract.clean.rules.line_facts import Facts, LearnedBoilerplate, Rules, describe, is_title, recognise
from services.extract.clean.text import Line, split, tokens, visible
from shared.errors import Reason, Rejected
from shared.messages import Removed

RULES_VERSION = "10"  # raise it with every change that can change a result
_HEAD_LINES = 12  # before and after the article begins: its heading, its byline and what is beside them
_DATED_LINE = 100  # characters; a longer line tells a story that has a day in it
_ONLY_LINK, _LINK_WORDS = 0.8, 3  # of a line's characters; words
_LINK_LABEL = re.compile(r"(?:[^\s:：]+\s+){0,4}[^\s:：]+\s?[:：]\s*")
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
        if media_type == "text/html":
            body = unescaped(body)
        if is_page(body, media_type):
            return of_source.page(body, title)
        return of_source.text(split(unescape(body) if media_type == "text/html" else body), title)


class _Source:
    """Cleans one article with what is known of its source."""

    def __init__(self, cleaner: Cleaner, source: str | None, learned: LearnedBoilerplate) -> None:
        self._rules, self._networks = cleaner.rules, cleaner.networks
        self._pack, self._learned = self._rules.sources.get(source or ""), learned

    def text(self, lines: Sequence[Line], title: str | None, linked: Sequence[int] | None = None) -> CleanArticle:
        """Clean lines of text; of a fragment of HTML ``linked`` tells how many characters of each are links."""
        title = visible(title or "") or None
        facts = self._facts(lines, title)
        decided = self._by_text(facts, title)
        if linked:
            decided = _without_links(facts, decided, linked)
        article = assembled(facts, decided, title, self._rules)
        return replace(article, removed=bounded(article.removed))

    def page(self, body: str, title: str | None) -> CleanArticle:
        """Clean a page; lines are counted in its visible text.

        A fragment, as in a feed, is judged as text: it has no navigation around it. So is a page with too few lines
        to tell anything from where they stand.
        """
        tree = parse(body)
        elements = list(tree.iter()) if tree is not None else []  # lxml makes those anew that nothing holds
        page = read(tree) if elements else Page()
        if page.lines and is_fragment(body):
            return self.text(page.lines, title, page.linked)
        head = head_of(tree, self._rules.vocabulary) if elements else Head()
        return _with(self._whole(page, head, title or head.title or "", len(body)), head, self._rules)

    def _whole(self, page: Page, head: Head, title: str, characters: int) -> CleanArticle:
        """Clean a page, or what it states as the article's body, where it shows only a part of that."""
        shown = Rejected(Reason.NO_ARTICLE_TEXT, f"a page of {characters} characters shows no text")
        article = None
        if page.lines:
            try:
                article = self._page(page, head, title)
            except Rejected as verdict:
                shown = verdict
        if article and not may_be_part(article.paragraphs):
            return article
        stated = stated_lines(head.text or "", after=len(page.lines))
        if is_more(stated, article.paragraphs if article else ()):
            facts = self._facts(stated, visible(title) or None)
            whole = assembled(facts, self._by_text(facts, title), visible(title) or None, self._rules)
            return with_stated(whole, article, page.lines)
        if article is None:
            raise shown
        return article

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
        decided = decide(facts, line_classifier.probabilities(self._networks.lines, facts, title))
        decided = with_lists(facts, decided, lists_of(facts))
        return with_kept(facts, decided if title else without_headline(facts, decided))

    def _by_page(self, region: Region, facts: Sequence[Facts], title: str | None) -> Decisions:
        found = page_classifier.probabilities(self._networks.pages, region, facts, title)
        if found:
            decided = with_lists(facts, decide(facts, found, IN_PAGE), region.layout.listed[region.near].tolist())
        else:
            decided = self._by_text(facts, title)
        return _named_by_page(with_kept(facts, by_markup(decided, facts, region, title)))


def _without_links(facts: Sequence[Facts], decided: Decisions, linked: Sequence[int]) -> Decisions:
    """Take out of a fragment the lines that are nothing but a link to another article, perhaps with a label."""
    found = []
    for line, decision, characters in zip(facts, decided, linked, strict=True):
        text = line.line.text
        label = _LINK_LABEL.match(text)
        rest = len(text) - len(label[0]) if label else len(text)
        only = characters >= _ONLY_LINK * rest and line.words >= _LINK_WORDS and (not line.ends or line.question)
        found.append(by_line("related_link") if only and decision.rule is None else decision)
    return found if any_kept(found) else decided


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
