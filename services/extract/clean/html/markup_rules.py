"""Rules that follow the markup of a page: cards of authors, consent dialogs, pull quotes, the next article, details."""

from collections.abc import Callable, Iterable, Sequence

from services.extract.clean.classifier.page_classifier import Region
from services.extract.clean.html.layout import AUTHOR_CARD, CONSENT, PULL_QUOTE
from services.extract.clean.rules.line_decisions import KEPT, Decisions, LineDecision, Origin
from services.extract.clean.rules.line_facts import Facts

_Rule = Callable[[Decisions, Sequence[Facts], Region, str | None], Iterable[int]]
_CARDS, _DIALOGS = 0.3, 0.5  # of the words that are kept: what has more of them is the article
_MAIN = 0.5  # of these words are in the article of the page's heading
_QUOTED = 4  # words of a pull quote that stand in the article as well
_PAGE = LineDecision("html_boilerplate", origin=Origin.MARKUP)
_CARD = LineDecision("author_card", origin=Origin.MARKUP)
_REPEAT = LineDecision("repeat", origin=Origin.MARKUP)


def by_markup(decided: Decisions, facts: Sequence[Facts], region: Region, title: str | None) -> Decisions:
    """Take out lines that the markup calls something else than the article, and keep what heads a part that opens."""
    rules: Sequence[
        tuple[LineDecision, float, Callable[[Decisions, Sequence[Facts], Region, str | None], Iterable[int]]]
    ]
    rules = (
        (_CARD, _CARDS, _in_cards),
        (_PAGE, _DIALOGS, _in_dialogs),
        (_PAGE, 1 - _MAIN, _in_other_articles),
        (_REPEAT, _CARDS, _in_pull_quotes),
    )
    result = list(decided)
    for decision, most, rule in rules:
        kept = _kept(result)
        found = set(rule(result, facts, region, title)) & set(kept)
        if 0 < sum(facts[index].words for index in found) <= most * sum(facts[index].words for index in kept):
            for index in found:
                result[index] = decision
    return _with_summaries(result, region)


def _kept(decided: Decisions) -> list[int]:
    return [index for index, line in enumerate(decided) if line.rule is None]


def _in_cards(decided: Decisions, _facts: Sequence[Facts], region: Region, _title: str | None) -> Iterable[int]:
    cards = region.layout.in_named((int(region.near[index]) for index in _kept(decided)), AUTHOR_CARD)
    return [index for index in _kept(decided) if int(region.near[index]) in cards]


def _in_dialogs(decided: Decisions, _facts: Sequence[Facts], region: Region, _title: str | None) -> Iterable[int]:
    dialogs = region.layout.in_named((int(region.near[index]) for index in _kept(decided)), CONSENT)
    return [index for index in _kept(decided) if int(region.near[index]) in dialogs]


def _in_other_articles(decided: Decisions, _facts: Sequence[Facts], region: Region, title: str | None) -> Iterable[int]:
    """Return the kept lines of article elements that have headings of their own, behind that of the page's heading."""
    layout = region.layout
    heading = layout.title(title)
    if heading < 0 or layout.article[heading] < 0:
        return []
    main = layout.article[heading]
    others = {
        int(box)
        for box in set(layout.article[layout.is_heading].tolist())
        if box >= 0 and box != main and layout.first[box] > heading
    }
    return [index for index in _kept(decided) if int(layout.article[region.near[index]]) in others]


def _in_pull_quotes(decided: Decisions, facts: Sequence[Facts], region: Region, _title: str | None) -> Iterable[int]:
    """Return the lines of pull quotes: what stands in the article as well, and who said it."""
    kept = _kept(decided)
    boxes = region.layout.in_named((int(region.near[index]) for index in kept), PULL_QUOTE)
    quoting = {index: boxes[int(region.near[index])] for index in kept if int(region.near[index]) in boxes}
    if not quoting:
        return []
    text = " ".join(" ".join(facts[index].tokens) for index in kept if index not in quoting)
    again = {
        box for index, box in quoting.items() if facts[index].words >= _QUOTED and " ".join(facts[index].tokens) in text
    }
    return [index for index, box in quoting.items() if box in again]


def _with_summaries(decided: Decisions, region: Region) -> Decisions:
    """Keep the line that opens a ``details`` element if some of what it opens is kept."""
    boxes, result = region.layout.page.boxes, list(decided)
    at = {int(line): index for index, line in enumerate(region.near)}
    for box, tag in enumerate(boxes.tags):
        if tag == "details" and boxes.last[box] - boxes.first[box] > 1:
            lines = [at[line] for line in range(boxes.first[box], boxes.last[box]) if line in at]
            opens = len(lines) > 1 and result[lines[0]].by_position
            if opens and any(result[index].rule is None for index in lines[1:]):
                result[lines[0]] = KEPT
    return result
