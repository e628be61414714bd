"""What the index knows of an entity, and which entities are named more often now than before."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from tantivy import Occur, Searcher
from tantivy import Query as TantivyQuery

from services.desk.index.facet_queries import DAY, HOUR, buckets, counted, daily, entities_of, histogram, terms
from services.desk.index.index_schema import ALIAS_SEPARATOR, DATE, FORMS, LABELS, SOURCE, entity_field, moment
from services.desk.index.query_builder import QueryBuilder
from services.desk.search_engine import Bar, EntityFacts, Hit, NamedEntity, Trend

_NAMED_WITH, _SOURCES, _ALIASES, _NEWEST = 20, 20, 50, 10
_CANDIDATES = 100  # of each label: the most named of the last period
_LEAST = 2  # articles of the last period: one alone is no trend
_PAST: Mapping[str, tuple[int, int]] = {"hour": (HOUR, 48), "day": (DAY, 28)}  # seconds of a period, periods before

Key = tuple[str, str]  # label and name
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
    found = searcher.aggregate(query, {SOURCE: terms(SOURCE, _SOURCES), DATE: histogram(DAY)})
    entities, rate = entities_of(builder, searcher, query, articles, _NAMED_WITH + 1)
    others = [other for each in entities.values() for other in each if _is_other(other, label, name)]
    others.sort(key=lambda other: -other.count)
    return EntityFacts(
        label,
        name,
        articles,
        daily(counted(found[DATE])),
        tuple(others[:_NAMED_WITH]),
        rate,
        dict(buckets(found, SOURCE)),
        _aliases(searcher, label, name),
        newest(query, _NEWEST),
    )


def rising(
    builder: QueryBuilder, searcher: Searcher, now: datetime, period: Literal["hour", "day"], size: int
) -> tuple[Trend, ...]:
    """Return the entities that were named more often in the last period than in the mean of those before."""
    interval, past = _PAST[period]
    window = _Window(int(now.timestamp()), interval, past)
    asked = {label: terms(entity_field(label), _CANDIDATES) for label in LABELS}
    latest = searcher.aggregate(builder.dates(window.since, now), asked)
    counts = {(label, name): count for label in LABELS for name, count in buckets(latest, label) if count >= _LEAST}
    if not counts:
        return ()
    before, covered = _before(builder, searcher, window, counts)
    trends = [_trend(key, count, before.get(key, 0), covered) for key, count in counts.items()]
    rises = [trend for trend in trends if trend.score > 0]
    rises.sort(key=lambda trend: (-trend.score, trend.label, trend.name))
    return tuple(replace(trend, history=_history(builder, searcher, window, trend)) for trend in rises[:size])


@dataclass(frozen=True)
class _Window:
    """A last period and those before it, in seconds since 1970."""

    end: int
    interval: int
    past: int

    @property
    def start(self) -> datetime:
        return moment(self.end - (self.past + 1) * self.interval)

    @property
    def since(self) -> datetime:
        """The beginning of the last period."""
        return moment(self.end - self.interval)

    @property
    def bars(self) -> dict[str, Any]:
        return histogram(self.interval, self.end % self.interval)


def _before(
    builder: QueryBuilder, searcher: Searcher, window: _Window, wanted: Mapping[Key, int]
) -> tuple[dict[Key, int], int]:
    """Return in how many articles of the past each was named, and how many past periods the index has articles of."""
    names: dict[str, list[str]] = {}
    for label, name in wanted:
        names.setdefault(label, []).append(name)
    asked = {
        label: {"terms": {"field": entity_field(label), "size": len(each), "include": each}}
        for label, each in names.items()
    }
    found = searcher.aggregate(builder.dates(window.start, window.since), asked | {DATE: window.bars})
    counts = {(label, name): count for label in names for name, count in buckets(found, label)}
    last = window.end - window.interval
    return counts, (last - min(counted(found[DATE]), default=last)) // window.interval


def _trend(key: Key, now: int, before: int, covered: int) -> Trend:
    expected = before / covered if covered else 0.0
    return Trend(*key, now, expected, (now - expected) / math.sqrt(expected + 1), ())


def _history(builder: QueryBuilder, searcher: Searcher, window: _Window, trend: Trend) -> tuple[Bar, ...]:
    dates = builder.dates(window.start, moment(window.end))
    both = [(Occur.Must, builder.entity(trend.label, trend.name)), (Occur.Must, dates)]
    counts = counted(searcher.aggregate(TantivyQuery.boolean_query(both), {DATE: window.bars})[DATE])
    first, interval = int(window.start.timestamp()), window.interval
    starts = range(first, window.end, interval)
    return tuple(Bar(moment(at), moment(at + interval), counts.get(at, 0)) for at in starts)


def _count(searcher: Searcher, query: TantivyQuery) -> int:
    return int(searcher.search(query, 1).count)  # type: ignore[attr-defined] # its stub leaves it out


def _is_other(found: NamedEntity, label: str, name: str) -> bool:
    return (found.label, found.name) != (label, name)


def _aliases(searcher: Searcher, label: str, name: str) -> dict[str, int]:
    prefix = f"{label}:{name}{ALIAS_SEPARATOR}"
    found = searcher.terms_with_prefix(FORMS, prefix, None, _ALIASES)
    return {term.removeprefix(prefix): count for term, count in sorted(found, key=lambda each: -each[1]) if count}
