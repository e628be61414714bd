"""From facts to decisions: for each line the rule that takes it out, or None if it is a part of the article.

A scorer that knows more than these rules replaces ``score`` and ``_fragment``; what stands around them stays.
"""

from collections.abc import Sequence

from services.extract.clean.body import best_span, distances, score
from services.extract.clean.facts import Facts

Decisions = list[str | None]

_NEAR = 3  # lines
_NEXT_TO_ONE = range(3, 9)  # words a subhead or list item has that stands beside only one strong line
_SHORT_SENTENCE_WORDS = 3
_ONLY_FRAGMENT_WORDS = 8
_FRAME = -1.0
_NOT_SAID_BY_ITSELF = (None, "outside_body")


def decide(facts: Sequence[Facts], *, chosen: bool = False) -> Decisions:
    """Return one decision per line; without any body, every sentence that nothing speaks against is kept.

    Lines that were ``chosen`` by their markup stay unless they say themselves that they are no text of the article.
    """
    frame = _frame(facts)
    certain = [_certain(line) or ("repeat" if index in frame else None) for index, line in enumerate(facts)]
    span = best_span([_FRAME if index in frame else score(line) for index, line in enumerate(facts)])
    decided = list(certain) if chosen else _without_repeats(facts, _inside(facts, certain, span))
    return decided if None in decided else _fallback(facts, certain)


def _certain(line: Facts) -> str | None:
    """Return the rule that holds wherever the line stands."""
    return line.role or line.furniture


def _inside(facts: Sequence[Facts], certain: Sequence[str | None], span: range) -> Decisions:
    """Keep the sentences of the span, and what is short or unfinished only where it stands among them."""
    strong = [line.strong and rule is None for line, rule in zip(facts, certain, strict=True)]
    near = distances([is_strong and index in span for index, is_strong in enumerate(strong)])
    decided: Decisions = []
    among_links = False
    for index, line in enumerate(facts):
        rule = certain[index]
        among_links = not strong[index] and (among_links or rule == "related_link")
        if rule and index in span and near[index] == (1, 1) and _belongs_between(line):
            rule = None
        elif rule is None and index not in span:
            rule = "outside_body"
        elif rule is None and not strong[index]:
            rule = "related_link" if among_links else _fragment(line, *near[index])
        decided.append(rule)
    return decided


def _belongs_between(line: Facts) -> bool:
    """Tell whether a line that is taken out elsewhere stays between two paragraphs, as a date in a chronicle does."""
    return line.role == "date_line" or (line.role is None and line.doubtful)


def _fragment(line: Facts, before: int, after: int) -> str | None:
    """Judge a short or unfinished line of the body by how far away the sentences around it are."""
    beside, near = before == 1 or after == 1, before <= _NEAR and after <= _NEAR
    if line.ends:
        return None if line.words >= _SHORT_SENTENCE_WORDS and (beside or near) else "fragment"
    if before == 1 and after == 1:
        return None
    return None if near and beside and line.words in _NEXT_TO_ONE else "fragment"


def _without_repeats(facts: Sequence[Facts], decided: Decisions) -> Decisions:
    """Of the copies of a long line keep the first that belongs to the body."""
    kept: set[int] = set()
    result: Decisions = []
    for index, (line, rule) in enumerate(zip(facts, decided, strict=True)):
        first = index if line.copy_of is None else line.copy_of
        result.append("repeat" if rule in _NOT_SAID_BY_ITSELF and first in kept else rule)
        if rule is None:
            kept.add(first)
    return result


def _frame(facts: Sequence[Facts]) -> set[int]:
    """Return the lines that stand both before and after all others that read like an article."""
    last = {line.copy_of: index for index, line in enumerate(facts) if line.copy_of is not None}
    single = [
        index
        for index, line in enumerate(facts)
        if line.strong and line.copy_of is None and index not in last and not _certain(line)
    ]
    if not single:
        return set()
    around = {first for first, final in last.items() if first < single[0] and final > single[-1]}
    return around | {index for index, line in enumerate(facts) if line.copy_of in around}


def _fallback(facts: Sequence[Facts], certain: Sequence[str | None]) -> Decisions:
    """Keep each sentence that nothing speaks against; where there is none, the longer lines."""
    sentences = [line.ends and line.words >= _SHORT_SENTENCE_WORDS for line in facts]
    longer = [line.words >= _ONLY_FRAGMENT_WORDS for line in facts]
    for keep in (sentences, longer):
        decided = [rule or (None if kept else "fragment") for rule, kept in zip(certain, keep, strict=True)]
        if None in decided:
            return _without_repeats(facts, decided)
    return [rule or "fragment" for rule in certain]
