"""Scores of names before and after our rules; before, each surface form is a group of its own."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from services.extract.entities.label_vote import vote
from services.extract.entities.merge import merge
from services.extract.entities.names import fold
from services.extract.entities.spans import LABELS, Span, most_frequent, our_label
from services.extract.entities.tagger import mentions_in
from tools.evaluation.entity_packs import Article
from tools.evaluation.entity_scores import Comparison, Groups, Mentions, Place, by_group, kind

_LABELS = {"person": "PERSON", "organisation": "ORG", "place": "GPE"}


class Tally:
    """Adds up articles: the mentions as found, the groups of found and of expected mentions."""

    def __init__(self) -> None:
        self._mentions = {"bare model": Mentions(), "wireroom": Mentions()}
        self._groups = {"bare model": Groups(), "wireroom": Groups()}
        self._expected = {"bare model": Groups(), "wireroom": Groups()}

    def add(self, article: Article, found: Sequence[Span]) -> None:
        named = [span for span in found if our_label(span.label) in LABELS]
        ours, _ = mentions_in(article.text, found)
        self._mentions["bare model"].add(article.names, _labelled(named))
        self._mentions["wireroom"].add(article.names, _labelled(ours))
        expected = {name.place: name.entity for name in article.names if name.entity}
        _compare(self._groups, article.text, expected, ours)
        _compare(self._expected, article.text, expected, with_labels(article, ours))

    def compared(self) -> Mapping[str, Comparison]:
        return {
            name: Comparison.of(mentions, self._groups[name], self._expected[name])
            for name, mentions in self._mentions.items()
        }


def _compare(groups: Mapping[str, Groups], text: str, expected: Mapping[Place, str], spans: Sequence[Span]) -> None:
    groups["bare model"].add(expected, {_place(span): text[span.start : span.end] for span in spans})
    groups["wireroom"].add(expected, by_group([map(_place, group) for group in merge(text, spans)]))


def _labelled(spans: Iterable[Span]) -> list[tuple[Place, str]]:
    return [(_place(span), span.label) for span in spans]


def _place(span: Span) -> Place:
    return span.start, span.end


def with_labels(article: Article, found: Sequence[Span]) -> list[Span]:
    """Return the expected mentions with the pack's labels, or those that were found for them."""
    text = article.text
    known: defaultdict[str, list[str]] = defaultdict(list)
    for span in found:
        known[fold(text[span.start : span.end])].append(span.label)
    spans = []
    for (start, end), label, _ in sorted(name for name in article.names if name.entity):
        over = [span.label for span in found if span.start < end and start < span.end]
        borrowed = most_frequent(over or known.get(fold(text[start:end])) or ["ORG"])
        spans.append(Span(start, end, _LABELS.get(kind(label), borrowed)))
    people = (text[span.start : span.end].split() for span in spans if span.label == "PERSON")
    parts = {word for words in people if len(words) > 1 for word in (words[0], words[-1])}
    return vote(
        text, [span._replace(label="PERSON") if text[span.start : span.end] in parts else span for span in spans]
    )
