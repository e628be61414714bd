"""Precision, recall and F1 of a cleaned text, over word tokens and over whole paragraphs."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # written without spaces: each character counts as a word
_TOKEN = re.compile(f"[{_CJK}]|[^\\W{_CJK}]+")
_GOOD, _BAD, _LOST = 0.95, 0.8, 0.5


@dataclass(frozen=True)
class Score:
    """Of one article, each from 0 to 1: over the multiset of lower-cased tokens, and over whole paragraphs."""

    precision: float
    recall: float
    f1: float
    paragraph_f1: float


@dataclass(frozen=True)
class Summary:
    """Means over articles; ``good``, ``bad`` and ``lost`` are the shares with F1 from 0.95, below 0.8 and below 0.5."""

    articles: int
    precision: float
    recall: float
    f1: float
    paragraph_f1: float
    good: float
    bad: float
    lost: float


def score(expected: Sequence[str], found: Sequence[str]) -> Score:
    """Compare paragraphs; an article of which nothing was found scores 0."""
    wanted, got = [_tokens(text) for text in expected], [_tokens(text) for text in found]
    precision, recall, f1 = _agreement(_words(wanted), _words(got))
    return Score(precision, recall, f1, _agreement(_wholes(wanted), _wholes(got))[2])


def summary(scores: Sequence[Score]) -> Summary:
    return Summary(
        articles=len(scores),
        precision=fmean(one.precision for one in scores),
        recall=fmean(one.recall for one in scores),
        f1=fmean(one.f1 for one in scores),
        paragraph_f1=fmean(one.paragraph_f1 for one in scores),
        good=sum(one.f1 >= _GOOD for one in scores) / len(scores),
        bad=sum(one.f1 < _BAD for one in scores) / len(scores),
        lost=sum(one.f1 < _LOST for one in scores) / len(scores),
    )


Heading = tuple[tuple[str, ...], str, frozenset[tuple[str, ...]]]


def heading(record: Mapping[str, Any]) -> Heading:
    """Return title, day and authors of a page, as they compare: by their words, whatever the case and the signs."""
    authors = (_tokens(name) for name in record.get("authors") or ())
    return _tokens(record.get("title") or ""), (record.get("date") or "")[:10], frozenset(filter(None, authors))


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.lower()))


def _words(paragraphs: Iterable[Sequence[str]]) -> Counter[object]:
    return Counter(token for tokens in paragraphs for token in tokens)


def _wholes(paragraphs: Iterable[Sequence[str]]) -> Counter[object]:
    return Counter(tokens for tokens in paragraphs if tokens)


def _agreement(wanted: Counter[object], got: Counter[object]) -> tuple[float, float, float]:
    both = (wanted & got).total()
    if not both:
        return 0.0, 0.0, 0.0
    precision, recall = both / got.total(), both / wanted.total()
    return precision, recall, 2 * precision * recall / (precision + recall)
