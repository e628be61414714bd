"""Decisions about lines, and those that follow from the lines around one: lists, interviews, headlines."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, groupby

from services.extract.clean.rules.line_facts import ALWAYS_KEPT, STRONG_WORDS, Facts

_CLOSE = 2  # lines
_SPOKEN_LEAST = 0.3  # what is less probable is no part of an interview
_DENSE = 0.15  # of the lines from the first to the last question are questions at least
_HEAD_LINES, _HEADLINE_WORDS = 4, range(3, 25)
_LEADS = (":", "：")
_LIST_LINES = 12  # of a list that a colon leads to and that ends the article
_BULLET = re.compile(r"[•▪‣·●◦*–—-]\s+\S|\d{1,2}[.)]\s+\S")
_INTERVIEW, _QUESTION_WORDS, _LABEL_WORDS = 3, 50, 5
_PROSE_LINES = 3  # of an article below its headline


class Origin(Enum):
    """What decided about a line."""

    POSITION = "position"  # where it stands, how long it is, whether it ends as a sentence
    CLASSIFIER = "classifier"  # the network
    LINE = "line"  # what it says of itself: its role, the vocabulary, a copy of it
    SOURCE = "source"  # the rule pack of its source, or what was learned of that
    MARKUP = "markup"  # of the page


@dataclass(frozen=True, slots=True)
class LineDecision:
    """The rule that removes a line, or None if it is kept; and how certain its origin was, from 0 to 1, where known."""

    rule: str | None
    score: float | None = None
    origin: Origin = Origin.POSITION

    @property
    def by_position(self) -> bool:
        """Whether the line was removed for where it stands, which says nothing of what it is."""
        return self.rule is not None and self.origin in {Origin.POSITION, Origin.CLASSIFIER}


Decisions = list[LineDecision]
KEPT = LineDecision(None)
OUTSIDE, FRAGMENT = LineDecision("outside_body"), LineDecision("fragment")
SPOKEN = LineDecision(None, origin=Origin.LINE)  # in an interview
REPEAT = LineDecision("repeat", origin=Origin.LINE)


def by_line(rule: str) -> LineDecision:
    """Return the decision of a rule about what a line says of itself."""
    return LineDecision(rule, origin=Origin.LINE)


def by_classifier(probability: float) -> LineDecision:
    """Return the decision to remove a line that belongs to the article with this probability."""
    return LineDecision("model", round(1 - probability, 3), Origin.CLASSIFIER)


def any_kept(decisions: Sequence[LineDecision]) -> bool:
    return any(decision.rule is None for decision in decisions)


def with_kept(facts: Sequence[Facts], decided: Decisions) -> Decisions:
    """Keep the lines that the rule pack of the source keeps."""
    return [KEPT if line.known == ALWAYS_KEPT else decision for line, decision in zip(facts, decided, strict=True)]


def dialogue_lines(facts: Sequence[Facts], span: range) -> set[int]:
    """Return the questions of an interview, the short answers to them, and the names of those who speak.

    A question counts if what follows is no other question; three make an interview. A list of questions is none.
    """
    free = [
        index in span and not line.known and (not line.role or line.names_nobody) for index, line in enumerate(facts)
    ]
    said = Counter(line.line.text for line, is_free in zip(facts, free, strict=True) if is_free and _is_label(line))
    labels = {index for index, line in enumerate(facts) if free[index] and said[line.line.text] > 1}
    answered: dict[int, int] = {}
    for index, line in enumerate(facts):
        if free[index] and line.question and line.words <= _QUESTION_WORDS:
            answer = index + 2 if index + 1 in labels else index + 1
            if answer < len(facts) and free[answer] and facts[answer].ends and not facts[answer].question:
                answered[index] = answer
    if len(answered) < _INTERVIEW or len(answered) < _DENSE * (max(answered) - min(answered)):
        return set()
    answers = {answer for answer in answered.values() if facts[answer].words < STRONG_WORDS}
    spoken = {*answered, *answers}
    return spoken | {label for label in labels if label + 1 in spoken}


def _is_label(line: Facts) -> bool:
    return line.words <= _LABEL_WORDS and not line.ends and not line.cues


def with_dialogue(decided: Decisions, by_rules: Decisions, probabilities: Sequence[float]) -> Decisions:
    """Keep what is spoken in an interview where a line close before it and one close behind it are kept."""
    kept = [decision.rule is None for decision in decided]
    return [
        KEPT
        if by_rules[index] is SPOKEN
        and probabilities[index] >= _SPOKEN_LEAST
        and any(kept[max(0, index - _CLOSE) : index])
        and any(kept[index + 1 : index + 1 + _CLOSE])
        else decision
        for index, decision in enumerate(decided)
    ]


def lists_of(facts: Sequence[Facts]) -> list[int]:
    """Return for each line of a text which list it is in, -1 for none: lines with bullets or numbers in succession."""
    marked = [_BULLET.match(line.line.text) is not None for line in facts]
    starts = accumulate(is_marked and not before for is_marked, before in zip(marked, [False, *marked], strict=False))
    return [number if is_marked else -1 for is_marked, number in zip(marked, starts, strict=True)]


def with_lists(facts: Sequence[Facts], decided: Decisions, listed: Sequence[int]) -> Decisions:
    """Keep the whole of a list between two lines of the article, unless a rule speaks against one of its lines.

    A list that ends the article stays as a whole if a line that leads to it stands above it, or if half of it is kept.
    ``listed`` tells for each line which list it is in, -1 for none.
    """
    result = list(decided)
    start = 0
    for number, run in groupby(listed):
        end = start + len(list(run))
        if number >= 0 and _ends_a_brief_text(facts, result, range(start, end)):
            result[start - 1 : end] = [KEPT] * (end - start + 1)
        follows = number >= 0 and start > 0 and result[start - 1].rule is None
        if follows and {line.rule for line in decided[start:end]} <= {None, "model", "fragment"}:
            kept = sum(line.rule is None for line in decided[start:end])
            leads = facts[start - 1].line.text.endswith(_LEADS) and end - start <= _LIST_LINES
            between = end < len(decided) and decided[end].rule is None
            if between or leads or (kept * 2 >= end - start and kept):
                result[start:end] = [KEPT] * (end - start)
        start = end
    return result


def _ends_a_brief_text(facts: Sequence[Facts], decided: Decisions, items: range) -> bool:
    """Tell whether a list and the line that leads to it were left out of a text for where they stand alone.

    So they are where rules decide: below the last sentence there is nothing that they would stand between.
    """
    lead = items.start - 1
    if lead < 1 or decided[lead - 1].rule is not None or len(items) > _LIST_LINES:
        return False
    leads = facts[lead].line.text.endswith(_LEADS) and not facts[lead].cues and not facts[lead].role
    return leads and all(decided[index] == OUTSIDE for index in (lead, *items))


def without_headline(facts: Sequence[Facts], decided: Decisions) -> Decisions:
    """Take the headline off a text whose title is not known: a first line that is no sentence, or a question.

    A dateline with an agency opens the article, so that what stands above it is no part of it.
    """
    kept = [index for index, decision in enumerate(decided) if decision.rule is None]
    result = list(decided)
    opening = next((index for index in kept[:_HEAD_LINES] if facts[index].opens), None)
    if opening is not None and len(kept) > _HEAD_LINES:
        above = [index for index in kept if index < opening]
    else:
        above = kept[:1] if _is_headline(facts, decided, kept) else []
    for index in above:
        result[index] = OUTSIDE
    return result


def _is_headline(facts: Sequence[Facts], decided: Decisions, kept: Sequence[int]) -> bool:
    """Tell whether the first kept line is the headline: prose follows, and nothing above it may be one."""
    if len(kept) < _PROSE_LINES or not facts[kept[1]].strong or facts[kept[1]].question or kept[1] != kept[0] + 1:
        return False
    line = facts[kept[0]]
    if line.words not in _HEADLINE_WORDS or (line.ends and not line.question) or line.line.text.endswith(_LEADS):
        return False
    if sum(facts[index].question for index in kept) >= _INTERVIEW:
        return False
    return not any(decided[index].by_position and facts[index].words in _HEADLINE_WORDS for index in range(kept[0]))
