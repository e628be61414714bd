"""Label voting: one label for a name in its article; tells surnames from places and firms of the same name."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from services.extract.entities.names import PLACES, fold, is_namesake, title_before
from services.extract.entities.spans import Span, whole_words

_LONGEST_ACRONYM = 3  # capitals; longer ones may be a surname in a headline
_GENERATION = frozenset({"Jr.", "Jr", "Sr.", "Sr", "II", "III", "IV"})
_PLACE_BEFORE = re.compile(r"\b(?:in|near|across|throughout|outside|inside) $")
_FIRM_BEFORE = re.compile(
    r"\b(?:shares|stock|shareholders|workers|employees|engineers|managers|customers|products|executives|owner|maker"
    r"|parent|subsidiary) (?:of|at|in) $",
    re.IGNORECASE,
)
_FIRM_AFTER = re.compile(
    r" (?:shares?|stock|shareholders|employs|plc|Inc|Corp|workers|employees|cars|products|dealers|factory"
    r"|factories|plants?|models)\b"
)


def vote_labels(text: str, spans: Sequence[Span]) -> list[Span]:
    """Give each name one label: that of most mentions, or of the person whose surname it is."""
    return label_surnames(text, spans, vote(text, spans))


def vote(text: str, spans: Sequence[Span]) -> list[Span]:
    """Give each name the label it has most often; a tie changes nothing."""
    names = [fold(text[span.start : span.end]) for span in spans]
    labels = defaultdict(list)
    for name, span in zip(names, spans, strict=True):
        labels[name].append(span.label)
    winners = {name: winner for name, given in labels.items() if len(set(given)) > 1 and (winner := _winner(given))}
    if not winners:
        return list(spans)
    return [span._replace(label=winners.get(name, span.label)) for name, span in zip(names, spans, strict=True)]


def _winner(labels: Sequence[str]) -> str | None:
    (first, most), (_, second) = Counter(labels).most_common(2)
    return first if most > second else None


def label_surnames(text: str, found: Sequence[Span], voted: Sequence[Span]) -> list[Span]:
    """Label as a person a lone word that ends, or begins, a person's full name, unless it is a namesake."""
    full = Counter(text[span.start : span.end] for span in voted if span.label == "PERSON")
    last, first = _ends_of(full)
    if not last:
        return list(voted)
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for span in found:
        if (word := text[span.start : span.end]) in last or word in first:
            labels[word][span.label] += 1
    chosen: dict[str, str | None] = {word.upper(): "PERSON" for word in last if len(word) > _LONGEST_ACRONYM}
    chosen |= {word: _label(text, word, labels[word], last, first) for word in labels}
    return [_relabelled(text, span, chosen.get(text[span.start : span.end])) for span in voted]


def _relabelled(text: str, span: Span, label: str | None) -> Span:
    if label is None or label == span.label:
        return span
    if span.label == "PERSON" and title_before(text, span.start):
        return span
    return span._replace(label=label)


def _ends_of(full: Mapping[str, int]) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """Return the full names by their last and by their first word."""
    last: defaultdict[str, list[str]] = defaultdict(list)
    first: defaultdict[str, list[str]] = defaultdict(list)
    for name in full:
        words = name.split()
        while len(words) > 1 and words[-1] in _GENERATION:
            words.pop()
        if len(words) > 1:
            last[words[-1].rstrip(",")].append(name)
            first[words[0]].append(name)
    return last, first


def _label(
    text: str,
    word: str,
    labels: Mapping[str, int],
    last: Mapping[str, list[str]],
    first: Mapping[str, list[str]],
) -> str | None:
    """Return the label of a lone word that is part of a full name; None changes nothing."""
    others = {label: count for label, count in labels.items() if label != "PERSON"}
    if not others:
        return None
    other = max(others, key=others.__getitem__)
    names = last.get(word) or first[word]
    times = sum(text.count(name) for name in names)
    if word in last:
        lone = _Lone(text, word, names)
        return other if _is_namesake(lone, other, others[other], labels.get("PERSON", 0), times) else "PERSON"
    return "PERSON" if other not in (*PLACES, "NORP") and others[other] <= times else None


class _Lone:
    """Where a word stands by itself in the text, outside the full names that it ends."""

    def __init__(self, text: str, word: str, names: Sequence[str]) -> None:
        self.text, self.word = text, word
        inside = {end for name in names for _, end in whole_words(text, name)}
        self.starts = [start for start, end in whole_words(text, word) if end not in inside]
        self.first_full = min(text.find(name) for name in names)

    def opens(self) -> bool:
        """Whether the first paragraph, if it is no headline, has the word before any full name: no news begins so."""
        paragraph = self.text.partition("\n")[0].rstrip()
        within = min(self.first_full, len(paragraph))
        return bool(self.starts) and self.starts[0] < within and paragraph.endswith((".", "”", '"'))

    def count(self, before: re.Pattern[str], after: re.Pattern[str] | None = None) -> int:
        """Return how often a pattern matches right before or right behind the word."""
        size = len(self.word)
        return sum(
            before.search(self.text, max(0, start - 24), start) is not None
            or (after is not None and after.match(self.text, start + size) is not None)
            for start in self.starts
        )


def _is_namesake(lone: _Lone, label: str, times: int, as_person: int, as_full_name: int) -> bool:
    """Whether the word names a place or a firm, more often than the person who has the same name is named in full."""
    if label in PLACES:
        return (
            times > as_full_name
            and times >= as_person
            and (is_namesake(lone.word) or lone.opens() or lone.count(_PLACE_BEFORE) > 1)
        )
    if label != "ORG" or len(lone.starts) <= as_full_name:
        return False
    hints = lone.count(_FIRM_BEFORE, _FIRM_AFTER)
    if lone.opens():
        return hints > 0 or (as_person == 0 and times > 1)
    return hints > 1
