"""Lets an article agree with itself: a name has one label, and is found wherever it stands."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from services.extract.entities.names import fold
from services.extract.entities.spans import Span, most_frequent

_MIN_SPREAD = 3  # code points; shorter names are found in too many wrong places
_TIMES_SURE = 2  # a single word that is no person must be found twice before it is spread


def agree(text: str, spans: Sequence[Span]) -> list[Span]:
    """Vote on labels, give lone surnames to their persons, and add the mentions the model missed."""
    return spread(text, surnames_are_persons(text, vote(text, spans)))


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


def surnames_are_persons(text: str, spans: Sequence[Span]) -> list[Span]:
    """A lone word that ends a person's full name is that person, whatever the model made of it."""
    persons = [text[span.start : span.end].split() for span in spans if span.label == "PERSON"]
    surnames = {words[-1] for words in persons if len(words) > 1}
    surnames |= {surname.upper() for surname in surnames if len(surname) > _MIN_SPREAD}  # three capitals are an acronym
    return [span._replace(label="PERSON") if text[span.start : span.end] in surnames else span for span in spans]


def spread(text: str, spans: Sequence[Span]) -> list[Span]:
    """Add the mentions of known names that the model missed, longer names first."""
    labels = defaultdict(list)
    taken = bytearray(len(text))
    for span in spans:
        labels[text[span.start : span.end]].append(span.label)
        taken[span.start : span.end] = b"\1" * (span.end - span.start)
    missed = []
    for name in sorted(labels, key=len, reverse=True):
        times, label = len(labels[name]), most_frequent(labels[name])
        if text.count(name) <= times or not _is_sure(name, label, labels[name].count(label)):
            continue
        for start, end in _whole_words(text, name):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                missed.append(Span(start, end, label))
    return sorted([*spans, *missed])


def _is_sure(name: str, label: str, times: int) -> bool:
    if len(name) < _MIN_SPREAD or not name[0].isupper():
        return False
    return " " in name or label == "PERSON" or times >= _TIMES_SURE


def _whole_words(text: str, name: str) -> Iterator[tuple[int, int]]:
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        if not (_joins(text[start - 1 : start]) or _joins(text[end : end + 1])):
            yield start, end
        start = text.find(name, end)


def _joins(char: str) -> bool:
    return char.isalnum() or char in ("-", "_")
