"""What the index knows of an entity, and which entities are named more often now than before."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from tantivy import Query as TantivyQuery
from tantivy import Searcher

from services.desk.index.facet_queries import DAY, HOUR, buckets, counted, daily, histogram, named, terms
from services.desk.index.index_schema import ALIAS_SEPARATOR, DATE, FORMS, LABELS, SOURCE, entity_field, moment
from services.desk.index.query_builder import QueryBuilder
from services.desk.search_engine import Bar, EntityFacts, Hit, NamedEntity, Trend

_NAMED_WITH, _SOURCES, _ALIASES, _NEWEST = 20, 20, 50, 10
_CANDIDATES = 100  # of each label: the most named of the last period
_LEAST = 2  # articles of the last period: one alone is no trend
_PAST: Mapping[str, tuple[int, int]] = {"hour": (HOUR, 48), "day": (DAY, 28)}  # seconds of a period, periods before

Newest = Callable[[TantivyQuery, int], tuple[Hit, ...]]


def entity_facts(
    builder: QueryBuilder, searcher: Searcher, label: str, name: str, newest: Newest
) -> EntityFacts | None:
    """Return what is known of the articles that name an entity so or, if none does, by an alias or in another case."""
    try:
        query = builder.entity(label, name)
    except ValueError:
        return None
    if not (articles := _count(searcher, query)):
        query = builder.entity_key(label, name)
        if not (articles := _count(searcher, query)):
            return None
    asked = {each: terms(entity_field(each), _NAMED_WITH + 1) for each in LABELS}
    found = searcher.aggregate(query, asked | {SOURCE: terms(SOURCE, _SOURCES), DATE: histogram(DAY)})
    others = [other for each in LABELS for other in named(each, buckets(found, each)) if _is_other(other, label, name)]
    others.sort(key=lambda other: -other.count)
    return EntityFacts(
        label,
        name,
        articles,
        daily(counted(found[DATE])),
        tuple(others[:_NAMED_WITH]),
        dict(buckets(found, SOURCE)),
        _aliases(searcher, label, name),
        newest(query, _NEWEST),
    )


def rising(
    builder: QueryBuilder, searcher: Searcher, now: datetime, period: Literal["hour", "day"]
) -> tuple[Trend, ...]:
    """Return every entity that was named more often in the last period than in the mean of those before."""
    interval, past = _PAST[period]
    end = int(now.timestamp())
    since, start = moment(end - interval), end - (past + 1) * interval
    asked = {label: terms(entity_field(label), _CANDIDATES) for label in LABELS}
    latest = searcher.aggregate(builder.dates(since, now), asked)
    candidates = {
        label: names
        for label in LABELS
        if (names := [name for name, count in buckets(latest, label) if count >= _LEAST])
    }
    if not candidates:
        return ()
    bars = histogram(interval, start % interval)
    histories = {
        label: {
            "terms": {"field": entity_field(label), "size": len(names), "include": names},
            "aggs": {DATE: bars},
        }
        for label, names in candidates.items()
    }
    window = builder.dates(moment(start), now)
    found = searcher.aggregate(window, histories | {DATE: bars})
    begun = min(counted(found[DATE]), default=end)
    covered = max(round((end - interval - max(begun, start)) / interval), 0)
    trends = [
        trend
        for label in candidates
        for bucket in found[label]["buckets"]
        if (trend := _trend(label, bucket, start, interval, past, covered)).score > 0 and trend.now >= _LEAST
    ]
    return tuple(sorted(trends, key=lambda trend: (-trend.score, trend.label, trend.name)))


def _trend(label: str, bucket: Any, start: int, interval: int, past: int, covered: int) -> Trend:  # noqa: ANN401 - of JSON
    """``covered`` is how many of the past periods the index has articles of: what is older says nothing."""
    counts = counted(bucket[DATE])
    starts = [start + number * interval for number in range(past + 1)]
    history = tuple(Bar(moment(at), moment(at + interval), counts.get(at, 0)) for at in starts)
    now = history[-1].count
    expected = sum(bar.count for bar in history[:-1]) / covered if covered else 0.0
    return Trend(label, bucket["key"], now, expected, (now - expected) / math.sqrt(expected + 1), history)


def _count(searcher: Searcher, query: TantivyQuery) -> int:
    return int(searcher.search(query, 1).count)  # type: ignore[attr-defined] # its stub leaves it out


def _is_other(found: NamedEntity, label: str, name: str) -> bool:
    return (found.label, found.name) != (label, name)


def _aliases(searcher: Searcher, label: str, name: str) -> dict[str, int]:
    prefix = f"{label}:{name}{ALIAS_SEPARATOR}"
    found = searcher.terms_with_prefix(FORMS, prefix, None, _ALIASES)
    return {term.removeprefix(prefix): count for term, count in sorted(found, key=lambda each: -each[1]) if count}
