"""Addresses of the search page and the queries they stand for, both ways: every filter is in the URL."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any, get_args
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams

from services.desk.search_engine import MAX_PAGE_SIZE, InvalidQueryError, Query, Sort

DEFAULT_SIZE = 20
_LAST_PAGE = 100_000
_LISTS = {"source": "sources", "language": "languages", "agency": "agencies", "entity": "entities"}  # parameter: field
_SHORT = {"source": "source", "language": "language", "agency": "agency", "entity": "entity"}


@dataclass(frozen=True)
class PageQuery:
    """A query with how its hits are shown: what one address of the search page stands for."""

    query: Query = field(default_factory=Query)
    sort: Sort = "relevance"
    page: int = 1
    size: int = DEFAULT_SIZE

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Return the parameters of the address, without those that have their default."""
        query = self.query
        pairs = [("q", query.text)] if query.text else []
        pairs += [(name, value) for name, attribute in _LISTS.items() for value in getattr(query, attribute)]
        pairs += [(name, _moment(at)) for name, at in (("since", query.since), ("until", query.until)) if at]
        pairs += [("sort", self.sort)] if self.sort != self.default_sort else []
        pairs += [("page", str(self.page))] if self.page != 1 else []
        return pairs + ([("size", str(self.size))] if self.size != DEFAULT_SIZE else [])

    @property
    def default_sort(self) -> Sort:
        return "relevance" if self.query.text else "newest"

    def address(self, path: str = "/") -> str:
        """Return the address that stands for this, relative to the host."""
        encoded = urlencode(self.parameters, quote_via=quote)
        return f"{path}?{encoded}" if encoded else path

    def address_with(self, parameter: str, value: str) -> str:
        """Return the address of `toggled`: a page has it for dozens of values, and the rest of it is made once."""
        if self.has(parameter, value):
            return self.toggled(parameter, value).address()
        return _joined(self._first_page, [(parameter, value)])

    def address_within(self, since: datetime, until: datetime) -> str:
        """Return the address of `within`, for each bar of a histogram."""
        return _joined(self._without_dates, [("since", _moment(since)), ("until", _moment(until))])

    @cached_property
    def _first_page(self) -> str:
        return self.turned(1).address()

    @cached_property
    def _without_dates(self) -> str:
        return self.within(None, None).address()

    def turned(self, page: int) -> "PageQuery":
        return replace(self, page=page)

    def sorted_by(self, sort: Sort) -> "PageQuery":
        return replace(self, sort=sort, page=1)

    def toggled(self, parameter: str, value: str) -> "PageQuery":
        """Return the query with this value of a facet added, or taken away where it is there."""
        attribute = _LISTS[parameter]
        held = getattr(self.query, attribute)
        now = tuple(v for v in held if v != value) if value in held else (*held, value)
        return self._asking(**{attribute: now})

    def within(self, since: datetime | None, until: datetime | None) -> "PageQuery":
        return self._asking(since=since, until=until)

    def has(self, parameter: str, value: str) -> bool:
        return value in getattr(self.query, _LISTS[parameter])

    @property
    def chosen(self) -> list[tuple[str, str, "PageQuery"]]:
        """Return what restricts the hits besides the text: its kind, its value, and the query without it."""
        found = [
            (_SHORT[name], value, self.toggled(name, value))
            for name, attribute in _LISTS.items()
            for value in getattr(self.query, attribute)
        ]
        since, until = self.query.since, self.query.until
        if since:
            found.append(("since", f"{since:%Y-%m-%d %H:%M}", self.within(None, until)))
        if until:
            found.append(("before", f"{until:%Y-%m-%d %H:%M}", self.within(since, None)))
        return found

    def _asking(self, **changes: Any) -> "PageQuery":  # noqa: ANN401 - of any field of a query
        return replace(self, query=replace(self.query, **changes), page=1)


def _joined(address: str, pairs: list[tuple[str, str]]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(pairs, quote_via=quote)}"


def read(parameters: QueryParams) -> PageQuery:
    """Return what an address asks for; raises InvalidQueryError."""
    lists = {attribute: _unique(parameters.getlist(name)) for name, attribute in _LISTS.items()}
    times = {name: moment_of(name, parameters.get(name, "")) for name in ("since", "until")}
    query = Query(text=parameters.get("q", "").strip(), **lists, **times)  # type: ignore[arg-type] # names of fields
    sort = parameters.get("sort") or PageQuery(query).default_sort
    if sort not in get_args(Sort):
        raise InvalidQueryError(f"sort is {sort!r:.40}; it has to be one of {', '.join(get_args(Sort))}")
    return PageQuery(
        query,
        sort,  # type: ignore[arg-type] # one of its values
        page=_number(parameters, "page", 1, _LAST_PAGE),
        size=_number(parameters, "size", DEFAULT_SIZE, MAX_PAGE_SIZE),
    )


def of_entity(label: str, name: str) -> PageQuery:
    """Return the search for the articles that name an entity."""
    return PageQuery(Query(entities=(f"{label}:{name}",)), "newest")


def entity_path(label: str, name: str) -> str:
    """Return the path of an entity's page."""
    return f"/e/{quote(label, safe='')}/{quote(name, safe='')}"


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def moment_of(name: str, text: str) -> datetime | None:
    """Read a date or a time of ISO 8601, in UTC without an offset; None of nothing; raises InvalidQueryError."""
    if not text:
        return None
    try:
        moment = datetime.combine(date.fromisoformat(text), time()) if len(text) == len("2026-03-01") else None
        moment = moment or datetime.fromisoformat(text.replace(" ", "+"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidQueryError(f"{name} is {text!r:.40}; write a date such as 2026-03-01") from None


def _moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d}" if at.time() == time() else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(parameters: QueryParams, name: str, default: int, highest: int) -> int:
    text = parameters.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= highest):  # noqa: PLR2004
        raise InvalidQueryError(f"{name} is {text!r:.40}; it has to be a number from 1 to {highest}")
    return int(text)
