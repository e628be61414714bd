"""Facets and the histogram of all hits of a query, by aggregations over the index's columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tantivy import Query as TantivyQuery
from tantivy import Searcher

from services.desk.index.index_schema import AGENCY, DATE, LABELS, LANGUAGE, SOURCE, entity_field, moment
from services.desk.search_engine import Bar, Facets, NamedEntity

_VALUES, _NAMES = 50, 20  # most frequent values of a facet, and names of each label
_EXACT = 8  # times as many are counted in each segment, for segments differ in what is frequent
HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400
_MOST_HOURS, _MOST_DAYS, _MOST_WEEKS = 72, 120, 156  # bars, then they are of the next larger size
_MONDAY = 4 * DAY  # 1970-01-05

Counts = Iterable[tuple[str, int]]


@dataclass(frozen=True)
class Summary:
    """What all hits have in common."""

    facets: Facets
    histogram: tuple[Bar, ...]


def summary(searcher: Searcher, query: TantivyQuery) -> Summary:
    """Count the values of all hits of a query."""
    asked = {name: terms(name, _VALUES) for name in (SOURCE, LANGUAGE, AGENCY)}
    asked |= {label: terms(entity_field(label), _NAMES) for label in LABELS}
    found = searcher.aggregate(query, asked | {DATE: histogram(DAY)})
    entities = {label: named(label, buckets(found, label)) for label in LABELS if found[label]["buckets"]}
    sources, languages, agencies = (dict(buckets(found, name)) for name in (SOURCE, LANGUAGE, AGENCY))
    facets = Facets(sources, languages, agencies, entities)
    return Summary(facets, _bars(searcher, query, found[DATE]))


def terms(field: str, size: int) -> dict[str, Any]:
    return {"terms": {"field": field, "size": size, "segment_size": size * _EXACT}}


def histogram(interval: int, offset: int = 0) -> dict[str, Any]:
    return {"histogram": {"field": DATE, "interval": interval, "offset": offset, "min_doc_count": 1}}


def buckets(found: Mapping[str, Any], name: str) -> list[tuple[str, int]]:
    return [(str(bucket["key"]), int(bucket["doc_count"])) for bucket in found[name]["buckets"]]


def named(label: str, counts: Counts) -> tuple[NamedEntity, ...]:
    return tuple(NamedEntity(label, name, count) for name, count in counts)


def counted(found: Mapping[str, Any]) -> dict[int, int]:
    """Return a histogram's counts by the second at which each bar begins."""
    return {int(bucket["key"]): int(bucket["doc_count"]) for bucket in found["buckets"]}


def daily(days: Mapping[int, int]) -> tuple[Bar, ...]:
    """Return a bar for each day from the first to the last, also for those without any article."""
    return _filled(days, DAY)


def _bars(searcher: Searcher, query: TantivyQuery, found: Mapping[str, Any]) -> tuple[Bar, ...]:
    """Return bars of hours, days, weeks or months, so that there are neither few nor hundreds."""
    days = counted(found)
    if not days:
        return ()
    span = (max(days) - min(days)) // DAY + 1
    if span * 24 <= _MOST_HOURS:
        return _filled(counted(searcher.aggregate(query, {DATE: histogram(HOUR)})[DATE]), HOUR)
    if span <= _MOST_DAYS:
        return daily(days)
    if span <= 7 * _MOST_WEEKS:
        return _filled(_summed(days, lambda day: (day - _MONDAY) // WEEK * WEEK + _MONDAY), WEEK)
    return _months(_summed(days, lambda day: int(_month(moment(day)).timestamp())))


def _summed(days: Mapping[int, int], start: Any) -> dict[int, int]:  # noqa: ANN401 - a function of a second
    sums: dict[int, int] = {}
    for day, count in days.items():
        sums[start(day)] = sums.get(start(day), 0) + count
    return sums


def _filled(counts: Mapping[int, int], interval: int) -> tuple[Bar, ...]:
    if not counts:
        return ()
    starts = range(min(counts), max(counts) + 1, interval)
    return tuple(Bar(moment(at), moment(at + interval), counts.get(at, 0)) for at in starts)


def _months(counts: Mapping[int, int]) -> tuple[Bar, ...]:
    start, last, bars = moment(min(counts)), max(counts), []
    while start.timestamp() <= last:
        end = _month(start + timedelta(days=32))
        bars.append(Bar(start, end, counts.get(int(start.timestamp()), 0)))
        start = end
    return tuple(bars)


def _month(day: datetime) -> datetime:
    return day.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
