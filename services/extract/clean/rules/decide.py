"""From facts to decisions: for each line the rule that takes it out, or None if it is a part of the article.

What a line says of itself is decided by rules; of the others the model keeps those that are most likely the article.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from services.extract.clean.rules.datelines import dateline_of
from services.extract.clean.rules.line_facts import Facts
from services.extract.clean.rules.site import is_own_text
from services.extract.clean.text.span import best_span, distances, score

Decisions = list[str | None]

_NEAR = 3  # lines
_NEXT_TO_ONE = range(3, 9)  # words a subhead or list item has that stands beside only one strong line
_SHORT_SENTENCE_WORDS = 3
_ONLY_FRAGMENT_WORDS = 8
_SCRAP_WORDS = 4  # no article begins with so few that are no sentence, as the result above a match report
_FRAME = -1.0
_NOT_SAID_BY_ITSELF = (None, "outside_body", "model")
_UNLIKELY = 0.15  # no article is made of lines less likely than this
_NO_ARTICLE, _SOME_PROSE = 0.5, 3  # no line is so likely: rules judge, and of fewer lines of prose make no article
_SURE = 0.8  # what rules keep although it looks like furniture is at least so likely
_SAY = 1.6  # how many times more likely what the rules keep becomes, and less likely what they leave out
_SENTENCE_SAY = 3.0  # the same of a whole sentence that nothing speaks against: recall comes first
_OPEN = (None, "outside_body", "fragment")  # what rules say of where a line stands, which the model knows better
_SENTENCE_HOLE, _HOLE = 0.1, 0.4  # so likely a sentence, and any other line, stays between two of the article
_TINY = 1e-9
_HALF = 0.5  # of a word for each line, so that one without words counts too


@dataclass(frozen=True)
class Say:
    """What else has a say beside a model, as measured on held-out publishers.

    ``place`` is how much rules count that know only where a line stands, from 0, nothing; ``neighbours`` whether a
    single line between two of the article stays at a lower likelihood.
    """

    place: float
    neighbours: bool


IN_TEXT = Say(place=1.0, neighbours=True)
IN_PAGE = Say(place=0.4, neighbours=False)  # the markup tells more of a line's place than rules do


def decide(facts: Sequence[Facts], likely: Sequence[float] | None = None, say: Say = IN_TEXT) -> Decisions:
    """Return one decision per line; where rules find no body, every sentence that nothing speaks against is kept.

    ``likely`` is how likely each line belongs to the article. Without it, and where it finds no line likely, the rules
    judge all lines; if they find little prose where it found nothing, no line is kept.
    """
    frame = _frame(facts)
    certain = [_certain(line) or ("repeat" if index in frame else None) for index, line in enumerate(facts)]
    span = best_span([_FRAME if index in frame else score(line) for index, line in enumerate(facts)])
    decided = _inside(facts, certain, span)
    if likely and max(likely) < _NO_ARTICLE:
        if not _reads_like_one(facts, decided):
            return [rule or "model" for rule in decided]
        likely = None
    judged = _by_model(facts, decided, likely, say) if likely else decided
    decided = _without_repeats(facts, judged if None in judged else decided)
    return decided if None in decided else _fallback(facts, certain)


def _by_model(facts: Sequence[Facts], by_rules: Sequence[str | None], likely: Sequence[float], say: Say) -> Decisions:
    """Keep the lines whose text is expected to agree best with the article; what says itself what it is goes."""
    judged = [
        _with_rules(line, rule, value, say.place) for line, rule, value in zip(facts, by_rules, likely, strict=True)
    ]  # fmt: skip
    enough = threshold(judged, [line.words + _HALF for line in facts])
    decided = [
        None if value >= enough else "model" if rule in _OPEN else rule
        for value, rule in zip(judged, by_rules, strict=True)
    ]
    for index, line in enumerate(facts):
        if decided[index] is None:
            if line.ends or line.strong or line.words > _SCRAP_WORDS:
                break
            decided[index] = "fragment"
    return _without_holes(facts, decided, by_rules, likely) if say.neighbours else decided


def _without_holes(
    facts: Sequence[Facts], decided: Decisions, by_rules: Sequence[str | None], likely: Sequence[float]
) -> Decisions:
    """Keep single lines between two of the article at a lower likelihood: a lost one is missed more there."""
    result = list(decided)
    for index in range(1, len(facts) - 1):
        if decided[index] == "model" and decided[index - 1] is decided[index + 1] is None:
            sentence = by_rules[index] is None and facts[index].ends and not facts[index].cues
            if likely[index] >= (_SENTENCE_HOLE if sentence else _HOLE):
                result[index] = None
    return result


def with_lists(decided: Decisions, listed: Sequence[int]) -> Decisions:
    """Keep the whole of a list between two lines of the article, unless a rule speaks against one of its lines.

    ``listed`` tells for each line which list it is in, -1 for none.
    """
    result = list(decided)
    start = 0
    for number, run in groupby(listed):
        end = start + len(list(run))
        between = start > 0 and end < len(decided) and decided[start - 1] is decided[end] is None
        if number >= 0 and between and set(decided[start:end]) <= {None, "model"}:
            result[start:end] = [None] * (end - start)
        start = end
    return result


def _with_rules(line: Facts, rule: str | None, likely: float, weight: float) -> float:
    """Return how likely a line belongs, given also what the rules say of it."""
    if rule is None and (line.role or line.furniture or _opens(line)):
        return max(likely, _SURE)
    if rule not in _OPEN:
        return 0.0
    say = 1 / _SAY if rule else _SENTENCE_SAY if line.ends and not line.cues else _SAY
    odds = likely / (1 - likely + _TINY) * float(say**weight)
    return odds / (1 + odds)


def _reads_like_one(facts: Sequence[Facts], by_rules: Sequence[str | None]) -> bool:
    """Tell whether the rules are as sure of an article as they can be: some of its prose, or what opens one."""
    prose = sum(rule is None and is_own_text(line) for line, rule in zip(facts, by_rules, strict=True))
    return prose >= _SOME_PROSE or any(map(_opens, facts))


def _opens(line: Facts) -> bool:
    """Tell whether an article begins here: "CITY (AGENCY) -" and a sentence."""
    found = dateline_of(line.line.text) if line.strong else None
    return found is not None and found.agency is not None


def threshold(likely: Sequence[float], words: Sequence[float]) -> float:
    """Return from which probability on lines are kept, so that the expected F1 of their words is greatest."""
    expected = sum(value * count for value, count in zip(likely, words, strict=True))
    hits = kept = best = 0.0
    enough = 1.0
    for value, count in sorted(zip(likely, words, strict=True), reverse=True):
        hits, kept = hits + value * count, kept + count
        if value >= _UNLIKELY and 2 * hits / (kept + expected) > best:
            best, enough = 2 * hits / (kept + expected), value
    return enough


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
            rule = "related_link" if among_links and index > span.start else "outside_body"
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
