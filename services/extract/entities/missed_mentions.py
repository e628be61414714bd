"""Mentions that the model missed or cut: lists, nicknames, parts of a surname, acronyms, datelines, repeated names."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.extract.entities.names import PLACES, acronyms_of, fold
from services.extract.entities.spans import Dropped, Span, is_in_word, most_frequent, whole_words

_BETWEEN = re.compile(r",? and |, |/")  # a firm of two has & between them
_DECLARED = re.compile(r" \([\"“']?([A-Z][A-Za-z0-9.&-]{1,9})[\"”']?[);,]")
_CAPITALS = r"[A-Z][A-Z.'-]{2,}(?: [A-Z][A-Z.'-]+){0,3}"
_DATELINE = re.compile(
    rf"^(?P<place>{_CAPITALS})(?P<rest>(?:, [A-Z][\w. ]{{1,24}})?(?: \([\w /]{{2,24}}\))?) [-–—]{{1,2}} ",  # noqa: RUF001
    re.MULTILINE,
)
_CAPITAL = r"[A-ZÀ-ÖØ-ÞŁŚŠŽČĆ]"
_NICKNAMED = re.compile(
    rf"{_CAPITAL}[\w-]+(?: {_CAPITAL}\w*\.?)? (?:\"[^\"\n]{{2,24}}\"|“[^”\n]{{2,24}}”|['‘][^'’\n]{{2,24}}['’])"  # noqa: RUF001
    rf" {_CAPITAL}[\w'-]+"
)
_QUOTE = re.compile("[\"“‘']")  # noqa: RUF001
_LONG_NAME = 3  # words from which a surname may have several
_PARTICLE = 4  # letters at most: van, von, bint
_MIN_SPREAD = 3  # code points; shorter names are found in too many wrong places
_TIMES_SURE = 2  # a single word that is no person must be found twice before it is looked for
_SENTENCE_ENDS = ".!?:\n\"“”'‘’•"  # noqa: RUF001 - the quotes are meant
# behind a word that begins a sentence these say that its capital is no name's: Will the club, Banks are closing
_NO_NAME_BEFORE = re.compile(
    r"\s+(?:the|an?|this|that|these|those|he|she|it|we|you|they|i|my|your|our|their|its|his|her|are|were|have|do|am|not"
    r"|there|anyone|anybody|somebody|someone|people|all|some|many|most|more|every|each|in|on|at|of|for|by|with|from"
    r"|into|than|as)\b",
    re.IGNORECASE,
)
_BLOCKING = frozenset({"label_not_kept", "no_capital", "too_long", "link"})


def complete(text: str, spans: Sequence[Span]) -> list[Span]:
    """Split the names that were caught as one, mend those that were cut, and add acronyms and datelines."""
    parts = split_lists(text, join_nicknamed(text, spans))
    parts = extend_surnames(text, parts)
    taken = _taken(text, parts)
    more = [*_declared(text, parts), *_datelines(text, spans)]
    return sorted([*parts, *(span for span in more if not any(taken[span.start : span.end]))])


def _taken(text: str, spans: Iterable[Span | Dropped]) -> bytearray:
    taken = bytearray(len(text))
    for span in spans:
        taken[span.start : span.end] = b"\1" * (span.end - span.start)
    return taken


def join_nicknamed(text: str, spans: Sequence[Span]) -> list[Span]:
    """Make one person of a first name, a nickname in quotes and a surname, of which the model found only parts."""
    whole = []
    for span in spans:
        if span.label != "PERSON" or not _QUOTE.search(text, span.start, span.end + 2):
            continue
        match = _NICKNAMED.match(text, span.start)
        if match and match.end() >= span.end:
            whole.append(Span(match.start(), match.end(), "PERSON"))
    if not whole:
        return list(spans)
    kept = [span for span in spans if all(span.end <= one.start or one.end <= span.start for one in whole)]
    return sorted([*kept, *whole])


def extend_surnames(text: str, spans: Sequence[Span]) -> list[Span]:
    """Extend the last word of a name of three words and more to what stands before it in the text: van den Berg."""
    tails: defaultdict[str, set[str]] = defaultdict(set)
    for name in {text[span.start : span.end] for span in spans if span.label == "PERSON"}:
        words = name.split()
        if len(words) >= _LONG_NAME and all(len(word) <= _PARTICLE for word in words if word.islower()):
            begins = (0, *(at for at in range(1, len(words) - 1) if len(words[at]) <= _PARTICLE))
            tails[words[-1]] |= {" ".join(words[at:]) for at in begins}
    return [_extended(text, span, tails) for span in spans] if tails else list(spans)


def _extended(text: str, span: Span, tails: Mapping[str, set[str]]) -> Span:
    name = text[span.start : span.end]
    for tail in sorted(tails.get(name.rpartition(" ")[2], ()), key=len, reverse=True):
        start = span.end - len(tail)
        if len(tail) <= len(name):
            break
        alike = text.startswith(tail[1:], start + 1) and text[start : start + 1].casefold() == tail[0].casefold()
        own = tail[0] == text[start : start + 1] or tail.find(" ") <= _PARTICLE  # Van den Berg begins a sentence
        if start >= 0 and alike and own and not is_in_word(text[start - 1 : start]):
            return Span(start, span.end, "PERSON")
    return span


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
        if short and _stands_for(short[1], acronyms_of(text[span.start : span.end])):
            yield Span(short.start(1), short.end(1), span.label)


def _stands_for(short: str, acronyms: set[str]) -> bool:
    letters = short.replace(".", "")
    return (letters if sum(map(str.isupper, letters)) > 1 else letters.upper()) in acronyms


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


def spread(text: str, spans: Sequence[Span], dropped: Iterable[Dropped] = ()) -> list[Span]:
    """Add the mentions of known names that the model missed, longer names first; what was dropped stays dropped."""
    labels = defaultdict(list)
    for span in spans:
        labels[text[span.start : span.end]].append(span.label)
    taken = _taken(text, [*spans, *(one for one in dropped if one.rule in _BLOCKING)])
    missed = []
    for name in sorted(labels, key=len, reverse=True):
        label = most_frequent(labels[name])
        if not _is_sure(name, label, labels[name].count(label)):
            continue
        forms = (name,) if name[0] == name[0].title() else (name, name[0].upper() + name[1:])  # Von der Heyden
        for form in forms:
            if text.count(form) <= len(labels.get(form, ())):
                continue
            for start, end in whole_words(text, form):
                if not any(taken[start:end]) and (" " in name or not _is_common_word(text, start, end)):
                    taken[start:end] = b"\1" * (end - start)
                    missed.append(Span(start, end, label))
    return sorted([*spans, *missed])


def _is_sure(name: str, label: str, times: int) -> bool:
    if len(name) < _MIN_SPREAD:
        return False
    if name[0] != name[0].title():
        return label == "PERSON" and 0 < name.find(" ") <= _PARTICLE
    return " " in name or label == "PERSON" or times >= _TIMES_SURE


def _is_common_word(text: str, start: int, end: int) -> bool:
    """Whether a single word begins a sentence, where its capital says nothing, and goes on like no name."""
    before = text[max(0, start - 8) : start].rstrip(" \t")
    if before and before[-1] not in _SENTENCE_ENDS:
        return False
    return _NO_NAME_BEFORE.match(text, end) is not None
