"""Addresses of the search page: what they ask for, and that each says all of it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from services.desk.pages.page_query import PageQuery, entity_path, read
from services.desk.search_engine import InvalidQueryError, Query

VALUES = st.lists(st.text(min_size=1, max_size=8), max_size=3, unique=True).map(tuple)
TIMES = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
QUERIES = st.builds(
    Query, text=st.text(max_size=20).map(str.strip), sources=VALUES, languages=VALUES, entities=VALUES,
    since=TIMES, until=TIMES,
)  # fmt: skip


@given(QUERIES, st.sampled_from(["relevance", "newest", "oldest"]), st.integers(1, 500), st.integers(1, 100))
def test_an_address_says_all_of_its_query(query: Query, sort: str, page: int, size: int) -> None:
    asked = PageQuery(query, sort, page, size)  # type: ignore[arg-type]
    assert read(QueryParams(asked.address().partition("?")[2])) == asked


def test_a_facet_is_added_and_taken_away_and_the_first_page_shown_again() -> None:
    asked = PageQuery(Query(sources=("a",)), page=7).toggled("source", "b")
    assert (asked.query.sources, asked.page) == (("a", "b"), 1)
    assert asked.toggled("source", "a").query.sources == ("b",)


@given(QUERIES, st.integers(1, 500), st.text(min_size=1, max_size=8), st.sampled_from(["source", "entity"]))
def test_the_addresses_of_facets_and_bars_are_those_of_their_queries(
    query: Query, page: int, value: str, name: str
) -> None:
    asked, day = PageQuery(query, "oldest", page), datetime(2026, 3, 1, 5, tzinfo=UTC)
    for address, wanted in (
        (asked.address_with(name, value), asked.toggled(name, value)),
        (asked.address_within(day, day.replace(hour=6)), asked.within(day, day.replace(hour=6))),
    ):
        assert read(QueryParams(address.partition("?")[2])) == wanted


@pytest.mark.parametrize(
    "address", ["since=x", "until=2026-13-01", "page=0", "page=-1", "page=٣", "size=101", "sort=best", "page=99999999"]
)
def test_what_cannot_be_read_is_told_with_its_name(address: str) -> None:
    name = address.partition("=")[0]
    with pytest.raises(InvalidQueryError, match=f"^{name} is "):
        read(QueryParams(address))


def test_names_with_slashes_and_signs_stay_one_part_of_the_path() -> None:
    assert entity_path("ORG", "AC/DC & Söhne?#") == "/e/ORG/AC%2FDC%20%26%20S%C3%B6hne%3F%23"
