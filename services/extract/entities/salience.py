"""Builds the entities of the message from clusters of mentions: name, label, aliases, and salience from 0 to 1."""

from collections.abc import Sequence
from math import log

from services.extract.entities.aliases import Cluster
from services.extract.entities.names import fold, fullest
from services.extract.entities.spans import most_frequent
from shared.messages import Entity, Mention


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
