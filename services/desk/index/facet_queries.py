"""Facets and the histogram of all hits of a query, by aggregations over the index's columns.

Reading a value costs 10 ns, that of a column of names 100 ns, and an article has a dozen of these. So of very many hits
a random sample is counted, and the counts are multiplied.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tantivy import Query as TantivyQuery
from tantivy import Searcher

from services.desk.index.index_schema import AGENCY, DATE, LABELS, LANGUAGE, SOURCE, entity_field, moment
from services.desk.index.query_builder import QueryBuilder
from services.desk.search_engine import Bar, Facets, NamedEntity

_VALUES, _NAMES = 50, 20  # most frequent values of a facet, and names of each label
VALUES_ENOUGH, NAMES_ENOUGH = 30_000, 5_000  # hits that are counted at least, to within a few percent of a usual count
_EXACT = 8  # times as many are counted in each segment, for segments differ in what is frequent
HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400
_MOST_HOURS, _MOST_DAYS, _MOST_WEEKS = 72, 120, 156  # bars, then they are of the next larger size
_MONDAY = 4 * DAY  # 1970-01-05

Counts = Iterable[tuple[str, int]]


@dataclass(frozen=True)
class Summary:
    """What all hits have in common. ``rate``: one hit in so many was counted for the histogram."""

    facets: Facets
    histogram: tuple[Bar, ...]
    rate: int = 1


def summary(builder: QueryBuilder, searcher: Searcher, query: TantivyQuery, total: int) -> Summary:
    """Count the values of all ``total`` hits of a query, in samples where these are very many."""
    sample, rate = builder.sample(query, total, VALUES_ENOUGH)
    names_sample, names_rate = builder.sample(query, total, NAMES_ENOUGH)
    asked: dict[str, Any] = {name: terms(name, _VALUES) for name in (SOURCE, LANGUAGE, AGENCY)}
    asked |= {DATE: histogram(DAY)}
    if rate == names_rate:  # once, for a phrase of common words costs more to find than its hits to count
        found = counted_names = searcher.aggregate(sample, asked | _names_asked(_NAMES))
    else:
        found = searcher.aggregate(sample, asked)
        counted_names = searcher.aggregate(names_sample, _names_asked(_NAMES))
    sources, languages, agencies = (dict(buckets(found, name, rate)) for name in (SOURCE, LANGUAGE, AGENCY))
    facets = Facets(sources, languages, agencies, _by_label(counted_names, names_rate), rate, names_rate)
    return Summary(facets, _bars(searcher, sample, counted(found[DATE], rate), rate), rate)


def entities_of(
    builder: QueryBuilder, searcher: Searcher, query: TantivyQuery, total: int, most: int
) -> tuple[dict[str, tuple[NamedEntity, ...]], int]:
    """Return the entities named most, by label, and the rate of the sample that was counted."""
    sample, rate = builder.sample(query, total, NAMES_ENOUGH)
    return _by_label(searcher.aggregate(sample, _names_asked(most)), rate), rate


def _names_asked(most: int) -> dict[str, Any]:
    return {label: terms(entity_field(label), most) for label in LABELS}


def _by_label(found: Mapping[str, Any], rate: int) -> dict[str, tuple[NamedEntity, ...]]:
    return {label: named(label, buckets(found, label, rate)) for label in LABELS if found[label]["buckets"]}


def terms(field: str, size: int) -> dict[str, Any]:
    return {"terms": {"field": field, "size": size, "segment_size": size * _EXACT}}


def histogram(interval: int, offset: int = 0) -> dict[str, Any]:
    return {"histogram": {"field": DATE, "interval": interval, "offset": offset, "min_doc_count": 1}}


def buckets(found: Mapping[str, Any], name: str, rate: int = 1) -> list[tuple[str, int]]:
    return [(str(bucket["key"]), int(bucket["doc_count"]) * rate) for bucket in found[name]["buckets"]]


def named(label: str, counts: Counts) -> tuple[NamedEntity, ...]:
    return tuple(NamedEntity(label, name, count) for name, count in counts)


def counted(found: Mapping[str, Any], rate: int = 1) -> dict[int, int]:
    """Return a histogram's counts by the second at which each bar begins."""
    return {int(bucket["key"]): int(bucket["doc_count"]) * rate for bucket in found["buckets"]}


def daily(days: Mapping[int, int]) -> tuple[Bar, ...]:
    """Return a bar for each day from the first to the last, also for those without any article."""
    return _filled(days, DAY)


def _bars(searcher: Searcher, query: TantivyQuery, days: dict[int, int], rate: int) -> tuple[Bar, ...]:
    """Return bars of hours, days, weeks or months, so that there are neither few nor hundreds."""
    if not days:
        return ()
    span = (max(days) - min(days)) // DAY + 1
    if span * 24 <= _MOST_HOURS:
        return _filled(counted(searcher.aggregate(query, {DATE: histogram(HOUR)})[DATE], rate), HOUR)
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
