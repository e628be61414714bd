"""Tags a batch of articles with entities: one call of each spaCy model, then the rules for each article in turn.

The last rule builds the entities of the message from clusters of mentions: name, label, aliases, salience (0 to 1).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from types import MappingProxyType
from typing import Literal, NamedTuple

from services.extract.entities.aliases import DEFAULT, Cluster, Options, link
from services.extract.entities.boundaries import LABEL_NOT_KEPT, names_in
from services.extract.entities.label_vote import vote_labels
from services.extract.entities.merge import merge
from services.extract.entities.missed_mentions import complete, spread
from services.extract.entities.names import fold, fullest
from services.extract.entities.ner.models import keep_freed_memory, serves
from services.extract.entities.ner.pipeline import Pipeline
from services.extract.entities.spans import Dropped, Span, most_frequent
from shared.messages import MAX_DROPPED, DroppedCount, DroppedMention, Entity, Mention

DEFAULT_MODELS: Mapping[str, str] = MappingProxyType({"en": "en_core_web_sm"})

Article = tuple[str, tuple[str, ...], str | None]  # language, paragraphs, title


@dataclass(frozen=True)
class TaggedEntities:
    """What one article names, and what only seemed a name; ``model`` is None where no model reads its language."""

    entities: tuple[Entity, ...] = ()
    dropped: tuple[DroppedMention, ...] = ()
    dropped_counts: tuple[DroppedCount, ...] = ()
    status: Literal["ok", "no_model"] = "no_model"
    model: str | None = None


class Found(NamedTuple):
    """What a model takes for names in one article, before any rule; ``model`` is its name and version."""

    text: str
    spans: Sequence[Span]
    model: str


class Tagger:
    """Tags articles of any language; only for use by one thread at a time."""

    def __init__(self, pipelines: Mapping[str, Pipeline], options: Options = DEFAULT) -> None:
        self._pipelines, self._options = pipelines, options

    def tag(self, articles: Sequence[Article]) -> list[TaggedEntities]:
        """Return one result for each article, in order; mentions count in its paragraphs joined by a blank line."""
        return [self.merge(article, found) for article, found in zip(articles, self.find(articles), strict=True)]

    def find(self, articles: Sequence[Article]) -> list[Found | None]:
        """Return what the models find in each article, in order; None where no model reads its language."""
        results: list[Found | None] = [None] * len(articles)
        readers = [self._reader(article[0]) for article in articles]
        for language, pipeline in self._pipelines.items():
            chosen = [index for index, reader in enumerate(readers) if reader == language]
            texts = ["\n\n".join(articles[index][1]) for index in chosen]
            for index, text, spans in zip(chosen, texts, pipeline.find(texts), strict=True):
                results[index] = Found(text, spans, pipeline.version)
            pipeline.renew_if_full()
        return results

    def merge(self, article: Article, found: Found | None) -> TaggedEntities:
        """Return the entities of one article by the rules, from what ``find`` returned for it."""
        if found is None:
            return TaggedEntities()
        tagged = entities_in(found.text, found.spans, article[2], self._options)
        return replace(tagged, status="ok", model=found.model)

    def _reader(self, language: str) -> str | None:
        """Return the language whose model reads this one: its own, else another code of the same language."""
        if language in self._pipelines:
            return language
        return next((own for own in self._pipelines if serves(own, language)), None)


def entities_in(
    text: str, found: Iterable[Span], title: str | None = None, options: Options = DEFAULT
) -> TaggedEntities:
    """Make entities of what a model found in the text: cleaned, agreed upon, merged, linked and described."""
    mentions, dropped = mentions_in(text, found, options)
    clusters = link(text, merge(text, mentions, options.aliases), options.aliases)
    frequent = [cluster for cluster in clusters if len(cluster.spans) >= options.least_mentions]
    if len(frequent) < len(clusters):
        rare = (span for cluster in clusters if len(cluster.spans) < options.least_mentions for span in cluster.spans)
        dropped += [Dropped(*span, "few_mentions") for span in rare]
    entities = describe(text, frequent, title)
    shown = [one for one in dropped if one.rule != LABEL_NOT_KEPT][:MAX_DROPPED]
    return TaggedEntities(
        entities,
        tuple(DroppedMention(text=text[one.start : one.end], **one._asdict()) for one in shown),
        tuple(DroppedCount(rule=rule, count=count) for rule, count in Counter(one.rule for one in dropped).items()),
    )


def mentions_in(text: str, found: Iterable[Span], options: Options = DEFAULT) -> tuple[list[Span], list[Dropped]]:
    """Return the mentions, in the order of the text, before they are merged, and what was dropped.

    The steps: boundaries are corrected, missed mentions added, labels voted, and known names found everywhere.
    """
    names, dropped = names_in(text, found, options)
    voted = vote_labels(text, complete(text, names))
    return spread(text, voted, dropped), dropped


def load(models: Mapping[str, str] = DEFAULT_MODELS, options: Options = DEFAULT) -> Tagger:
    """Load the model of each language; takes a third of a second and some 100 MB for each."""
    keep_freed_memory()
    return Tagger({language: Pipeline(name, language) for language, name in models.items()}, options)


def describe(text: str, clusters: Sequence[Cluster], title: str | None) -> tuple[Entity, ...]:
    """Return the entities, the most salient first; without a title the first paragraph stands for it."""
    if not clusters:
        return ()
    headline = fold(title or text.partition("\n")[0])
    forms = [_forms(text, cluster) for cluster in clusters]
    weights = [_weight(text, *both, headline) for both in zip(clusters, forms, strict=True)]
    most_mentions = log(1 + max(len(cluster.spans) for cluster in clusters))
    counts = [log(1 + len(cluster.spans)) / most_mentions for cluster in clusters]
    scores = [count + weight for count, weight in zip(counts, weights, strict=True)]
    top = max(scores)
    entities = [
        _entity(text, cluster, names, max(round(score / top, 3), 0.001))
        for cluster, names, score in zip(clusters, forms, scores, strict=True)
    ]
    return tuple(sorted(entities, key=lambda entity: (-entity.salience, entity.mentions[0].start)))


def _forms(text: str, cluster: Cluster) -> list[str]:
    return list(dict.fromkeys(text[span.start : span.end] for span in cluster.spans))


def _weight(text: str, cluster: Cluster, forms: Sequence[str], headline: str) -> float:
    early = 1 - cluster.spans[0].start / len(text)
    return early + any(_stands_in(fold(form), headline) for form in forms)


def _stands_in(name: str, headline: str) -> bool:
    start = headline.find(name)
    while start >= 0:
        end = start + len(name)
        if not (headline[start - 1 : start].isalnum() or headline[end : end + 1].isalnum()):
            return True
        start = headline.find(name, end)
    return False


def _entity(text: str, cluster: Cluster, forms: Sequence[str], salience: float) -> Entity:
    label = cluster.entry.label if cluster.entry else most_frequent([span.label for span in cluster.spans])
    name = cluster.entry.name if cluster.entry else fullest(forms, label)
    return Entity(
        name=name,
        label=label,
        count=len(cluster.spans),
        aliases=tuple(form for form in forms if form != name),
        salience=salience,
        mentions=tuple(Mention(start=s.start, end=s.end, text=text[s.start : s.end]) for s in cluster.spans),
        identifier=cluster.entry.identifier if cluster.entry else None,
    )
