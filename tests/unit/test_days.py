"""A day is read where it can be read in one way only, in the languages whose months are known."""

from datetime import UTC, datetime

import pytest

from services.extract.clean.rules.dates import day_in


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24",
        "Published 2026/11/24 09:30",
        "2026年11月24日",
        "2026. 11. 24",
        "November 24, 2026",
        "Nov. 24th, 2026 at 9:30",
        "Tue 24 Nov 2026",
        "24. November 2026, 9:30 Uhr",
        "24.11.2026",
        "le 24 novembre 2026",
        "24 de noviembre de 2026",
        "24 listopada 2026",
    ],
)
def test_a_day_is_read_as_it_is_written_in_many_languages(text: str) -> None:
    assert day_in(text) == datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "24/11/2026", "11/12/2026", "31.02.2026", "24 Hours 2026", "November 2026", "1.2.3"]
)
def test_what_names_no_day_or_may_be_read_in_two_ways_is_left_alone(text: str) -> None:
    assert day_in(text) is None
