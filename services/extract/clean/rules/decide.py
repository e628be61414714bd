"""Decide for each line whether it belongs to the article, from its facts and the probabilities of the classifier.

What a line says of itself is decided by rules; of the others those are kept that the classifier finds most likely.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from services.extract.clean.rules.line_decisions import (
    FRAGMENT,
    KEPT,
    OUTSIDE,
    REPEAT,
    SPOKEN,
    Decisions,
    LineDecision,
    Origin,
    any_kept,
    by_classifier,
    by_line,
    dialogue_lines,
    with_dialogue,
)
from services.extract.clean.rules.line_facts import Facts, is_own_text

_NEAR = 3  # lines
_NEXT_TO_ONE = range(3, 9)  # words a subhead or list item has that stands beside only one strong line
_SHORT_SENTENCE_WORDS = 3
_ONLY_FRAGMENT_WORDS = 8
_SCRAP_WORDS = 4  # no article begins with so few that are no sentence, as the result above a match report
_FRAME = -1.0
_UNLIKELY = 0.15  # no article is made of lines less likely than this
_NO_ARTICLE, _SOME_PROSE = 0.5, 3  # no line is so likely: rules judge, and of fewer lines of prose make no article
_SURE = 0.8  # what rules keep although it looks like boilerplate is at least so likely
_WEIGHT = 1.6  # how many times more likely what the rules keep becomes, and less likely what they leave out
_SENTENCE_WEIGHT = 3.0  # the same of a whole sentence that nothing speaks against: recall comes first
_SENTENCE_HOLE, _HOLE = 0.1, 0.4  # so likely a sentence, and any other line, stays between two of the article
_TINY = 1e-9
_HALF = 0.5  # of a word for each line, so that one without words counts too
_FULL_SCORE_WORDS = 40  # beyond this length a line is no more likely to belong
_BOILERPLATE = -0.9
_METADATA = -0.1
_FRAGMENT = -0.3
_SHORT_SENTENCE = 0.2
_LONG_FRAGMENT = 0.5
_LONG_FRAGMENT_WORDS = 24
_MIN_SENTENCE_WORDS = 3


@dataclass(frozen=True)
class RuleWeight:
    """What else counts beside the probabilities, as measured on held-out publishers.

    ``position`` is how much rules count that know only where a line stands, from 0, nothing; ``neighbours`` whether a
    single line between two of the article stays at a lower probability.
    """

    position: float
    neighbours: bool


IN_TEXT = RuleWeight(position=1.0, neighbours=True)
IN_PAGE = RuleWeight(position=0.4, neighbours=False)  # the markup tells more of a line's position than rules do


def decide(
    facts: Sequence[Facts], probabilities: Sequence[float] | None = None, weight: RuleWeight = IN_TEXT
) -> Decisions:
    """Return one decision per line; where rules find no body, every sentence that nothing speaks against is kept.

    ``probabilities`` are those that each line belongs to the article. Without them, and where none is high, the rules
    judge all lines; if they find little prose where the classifier found nothing, no line is kept.
    """
    frame = _frame(facts)
    certain = [_certain(line) or (REPEAT if index in frame else None) for index, line in enumerate(facts)]
    span = best_span([_FRAME if index in frame else score(line) for index, line in enumerate(facts)])
    by_rules = _in_span(facts, certain, span)
    if probabilities and max(probabilities) < _NO_ARTICLE:
        if not _reads_like_one(facts, by_rules):
            pairs = zip(by_rules, probabilities, strict=True)
            return [by_classifier(value) if rule.rule is None else rule for rule, value in pairs]
        probabilities = None
    judged = _by_classifier(facts, by_rules, probabilities, weight) if probabilities else by_rules
    decided = _without_repeats(facts, judged if any_kept(judged) else by_rules)
    return decided if any_kept(decided) else _fallback(facts, certain)


def _by_classifier(
    facts: Sequence[Facts], by_rules: Decisions, probabilities: Sequence[float], weight: RuleWeight
) -> Decisions:
    """Keep the lines whose text is expected to agree best with the article; what says itself what it is goes."""
    judged = [
        _with_rules(line, rule, value, weight.position)
        for line, rule, value in zip(facts, by_rules, probabilities, strict=True)
    ]
    enough = threshold(judged, [line.words + _HALF for line in facts])
    decided = [
        KEPT if value >= enough else by_classifier(probability) if _is_open(rule) else rule
        for value, rule, probability in zip(judged, by_rules, probabilities, strict=True)
    ]
    for index, line in enumerate(facts):
        if decided[index].rule is None:
            if line.ends or line.strong or line.words > _SCRAP_WORDS:
                break
            decided[index] = FRAGMENT
    decided = with_dialogue(decided, by_rules, probabilities)
    return _without_holes(facts, decided, by_rules, probabilities) if weight.neighbours else decided


def _is_open(decision: LineDecision) -> bool:
    """Tell whether rules said only where a line stands, which the classifier knows better."""
    return decision.origin is Origin.POSITION


def _without_holes(
    facts: Sequence[Facts], decided: Decisions, by_rules: Decisions, probabilities: Sequence[float]
) -> Decisions:
    """Keep single lines between two of the article at a lower probability: a lost one is missed more there.

    So is a sentence that ends the text: nothing of a page stands behind it.
    """
    result = list(decided)
    for index in range(1, len(facts)):
        last = index == len(facts) - 1
        between = decided[index - 1].rule is None and (last or decided[index + 1].rule is None)
        if between and decided[index].origin is Origin.CLASSIFIER:
            sentence = by_rules[index].rule is None and facts[index].ends and not facts[index].cues
            if (sentence or not last) and probabilities[index] >= (_SENTENCE_HOLE if sentence else _HOLE):
                result[index] = KEPT
    return result


def _with_rules(line: Facts, decision: LineDecision, probability: float, weight: float) -> float:
    """Return the probability that a line belongs, given also what the rules say of it."""
    if decision.rule is None and decision is not SPOKEN and (line.role or line.boilerplate or line.opens):
        return max(probability, _SURE)
    if decision is not SPOKEN and not _is_open(decision):
        return 0.0
    spoken = decision is SPOKEN or (line.ends and not line.cues)
    factor = 1 / _WEIGHT if decision.rule else _SENTENCE_WEIGHT if spoken else _WEIGHT
    odds = probability / (1 - probability + _TINY) * float(factor**weight)
    return odds / (1 + odds)


def _reads_like_one(facts: Sequence[Facts], by_rules: Decisions) -> bool:
    """Tell whether the rules are as sure of an article as they can be: some of its prose, or what opens one."""
    prose = sum(rule.rule is None and is_own_text(line) for line, rule in zip(facts, by_rules, strict=True))
    return prose >= _SOME_PROSE or any(line.opens for line in facts)


def threshold(probabilities: Sequence[float], words: Sequence[float]) -> float:
    """Return from which probability on lines are kept, so that the expected F1 of their words is greatest."""
    expected = sum(value * count for value, count in zip(probabilities, words, strict=True))
    hits = kept = best = 0.0
    enough = 1.0
    for value, count in sorted(zip(probabilities, words, strict=True), reverse=True):
        hits, kept = hits + value * count, kept + count
        if value >= _UNLIKELY and 2 * hits / (kept + expected) > best:
            best, enough = 2 * hits / (kept + expected), value
    return enough


def _certain(line: Facts) -> LineDecision | None:
    """Return the decision that holds wherever the line stands."""
    if line.role:
        return by_line(line.role)
    if line.known and line.known.rule:
        return LineDecision(line.known.rule, line.known.score, Origin.SOURCE)
    return by_line(line.boilerplate) if line.boilerplate else None


def _in_span(facts: Sequence[Facts], certain: Sequence[LineDecision | None], span: range) -> Decisions:
    """Keep the sentences of the span, and what is short or unfinished only where it stands among them."""
    strong = [line.strong and rule is None for line, rule in zip(facts, certain, strict=True)]
    near = distances([is_strong and index in span for index, is_strong in enumerate(strong)])
    dialogue = dialogue_lines(facts, span)
    decided: Decisions = []
    among_links = False
    for index, line in enumerate(facts):
        rule = certain[index]
        linking = rule is not None and rule.rule == "related_link"
        named = not linking and index > 0 and _names_its_link(facts[index - 1]) and near[index][1] == 1
        among_links = not strong[index] and not named and (among_links or linking)
        decision = rule or KEPT
        if index in dialogue:
            decision = SPOKEN
        elif rule and index in span and near[index] == (1, 1) and _belongs_between(line):
            decision = KEPT
        elif rule is None and index not in span:
            decision = by_line("related_link") if among_links and index > span.start else OUTSIDE
        elif rule is None and not strong[index]:
            decision = by_line("related_link") if among_links else _fragment(line, *near[index])
        decided.append(decision)
    return decided


def _names_its_link(line: Facts) -> bool:
    """Tell whether a line is a link to another article with its label, so that what follows may head a paragraph."""
    return line.boilerplate == "related_link" and bool(line.cues) and not line.cues[0].whole_line


def _belongs_between(line: Facts) -> bool:
    """Tell whether a line that is taken out elsewhere stays between two paragraphs, as a date in a chronicle does."""
    if line.known is not None:
        return False
    if line.role == "byline":
        return line.names_nobody
    if line.role == "agency":
        return line.topic
    return line.role == "date_line" or (line.role is None and (line.topic or line.question or line.doubtful))


def _fragment(line: Facts, before: int, after: int) -> LineDecision:
    """Judge a short or unfinished line of the body by how far away the sentences around it are."""
    beside, near = before == 1 or after == 1, before <= _NEAR and after <= _NEAR
    if line.ends:
        return KEPT if line.words >= _SHORT_SENTENCE_WORDS and (beside or near) else FRAGMENT
    if before == 1 and after == 1:
        return KEPT
    return KEPT if near and beside and line.words in _NEXT_TO_ONE else FRAGMENT


def _without_repeats(facts: Sequence[Facts], decided: Decisions) -> Decisions:
    """Of the copies of a long line keep the first that belongs to the body."""
    kept: set[int] = set()
    result: Decisions = []
    for index, (line, decision) in enumerate(zip(facts, decided, strict=True)):
        first = index if line.copy_of is None else line.copy_of
        unnamed = decision.rule in {None, "outside_body", "model"}
        result.append(REPEAT if unnamed and first in kept else decision)
        if decision.rule is None:
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


def _fallback(facts: Sequence[Facts], certain: Sequence[LineDecision | None]) -> Decisions:
    """Keep each sentence that nothing speaks against; where there is none, the longer lines."""
    sentences = [line.ends and line.words >= _SHORT_SENTENCE_WORDS for line in facts]
    longer = [line.words >= _ONLY_FRAGMENT_WORDS for line in facts]
    for keep in (sentences, longer):
        decided = [rule or (KEPT if kept else FRAGMENT) for rule, kept in zip(certain, keep, strict=True)]
        if any_kept(decided):
            return _without_repeats(facts, decided)
    return [rule or FRAGMENT for rule in certain]


def score(facts: Facts) -> float:
    """Return how much a line speaks for an article where it stands: above 0 for, below 0 against."""
    if facts.known and facts.known.rule:
        return min(_by_itself(facts), _FRAGMENT)  # what is known of it says little of the lines around it
    return _by_itself(facts)


def _by_itself(facts: Facts) -> float:
    if facts.cue_rule or facts.copy_of is not None:
        return _BOILERPLATE
    if facts.role:
        return _METADATA
    if facts.strong:
        return min(facts.words, _FULL_SCORE_WORDS) / 10
    if facts.ends:
        return _SHORT_SENTENCE if facts.words >= _MIN_SENTENCE_WORDS else 0.0
    return _LONG_FRAGMENT if facts.words >= _LONG_FRAGMENT_WORDS else _FRAGMENT


def best_span(scores: Sequence[float]) -> range:
    """Return the contiguous indices with the greatest sum (Kadane); empty if no score is above 0."""
    best, best_sum = range(0), 0.0
    start, running = 0, 0.0
    for index, value in enumerate(scores):
        if running <= 0:
            start, running = index, 0.0
        running += value
        if running > best_sum:
            best, best_sum = range(start, index + 1), running
    return best


def distances(marked: Sequence[bool]) -> list[tuple[int, int]]:
    """Return for each index how far the nearest marked ones before and after it are; itself does not count."""
    far = len(marked) + 1
    before = accumulate([far, *(0 if mark else far for mark in marked)], lambda near, mark: min(near + 1, mark))
    after = accumulate(
        [far, *(0 if mark else far for mark in reversed(marked))], lambda near, mark: min(near + 1, mark)
    )
    return [(b + 1, a + 1) for b, a in zip(list(before)[:-1], reversed(list(after)[:-1]), strict=True)]
