"""Mentions that follow from others: names that were caught as one, acronyms declared in brackets, datelines."""

import re
from collections.abc import Iterator, Mapping, Sequence

from services.extract.entities.names import acronyms_of, fold
from services.extract.entities.place_variants import PLACES
from services.extract.entities.spans import Span, most_frequent

_BETWEEN = re.compile(r",? and |, |/")  # a firm of two has & between them
_DECLARED = re.compile(r" \([\"“']?([A-Z][A-Z0-9.&-]{1,9})[\"”']?[);,]")
_CAPITALS = r"[A-Z][A-Z.'-]{2,}(?: [A-Z][A-Z.'-]+){0,3}"
_DATELINE = re.compile(
    rf"^(?P<place>{_CAPITALS})(?P<rest>(?:, [A-Z][\w. ]{{1,24}})?(?: \([\w /]{{2,24}}\))?) [-–—]{{1,2}} ",  # noqa: RUF001
    re.MULTILINE,
)


def complete(text: str, spans: Sequence[Span]) -> list[Span]:
    """Split the names that were caught as one and add what the model missed."""
    parts = split_lists(text, spans)
    taken = bytearray(len(text))
    for span in parts:
        taken[span.start : span.end] = b"\1" * (span.end - span.start)
    more = [*_declared(text, parts), *_datelines(text, spans)]
    return sorted([*parts, *(span for span in more if not any(taken[span.start : span.end]))])


def split_lists(text: str, spans: Sequence[Span]) -> list[Span]:
    """Take a list for one name no longer where each part is a name of the article, or the end of a person's."""
    lists = {span for span in spans if _BETWEEN.search(text, span.start, span.end)}
    if not lists:
        return list(spans)
    known = {text[span.start : span.end]: span.label for span in spans}
    for name, label in list(known.items()):
        if label == "PERSON" and " " in name:
            known.setdefault(name.rpartition(" ")[2], label)
    return [part for span in spans for part in (_parts(text, span, known) if span in lists else (span,))]


def _parts(text: str, span: Span, known: Mapping[str, str]) -> list[Span]:
    ends = [(match.start(), match.end()) for match in _BETWEEN.finditer(text, span.start, span.end)]
    starts = [span.start, *(after for _, after in ends)]
    places = list(zip(starts, [*(before for before, _ in ends), span.end], strict=True))
    labels = [known.get(text[start:end]) for start, end in places]
    if None in labels:
        return [span]
    return [Span(start, end, label) for (start, end), label in zip(places, labels, strict=True) if label]


def _declared(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the acronym of a name that stands in brackets behind it."""
    for span in spans:
        if span.label == "PERSON" or text[span.end : span.end + 2] != " (":
            continue
        short = _DECLARED.match(text, span.end)
        if short and short[1].replace(".", "") in acronyms_of(text[span.start : span.end]):
            yield Span(short.start(1), short.end(1), span.label)


def _datelines(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the places that stand in capitals before a dash at the start of a paragraph: known ones, or in full form.

    What has neither a country nor an agency and is no place of the article may be UPDATE or EXCLUSIVE.
    """
    places = [span for span in spans if span.label in PLACES]
    label = most_frequent([span.label for span in places] or ["GPE"])
    known = {fold(text[span.start : span.end]) for span in places}
    for match in _DATELINE.finditer(text):
        if match["rest"] or fold(match["place"]) in known:
            yield Span(match.start("place"), match.end("place"), label)
