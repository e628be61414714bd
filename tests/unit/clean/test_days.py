# ruff: noqa: RUF001 - months of every alphabet
"""A day is read where it can be read in one way only, in the languages whose months are known."""

from datetime import UTC, datetime

import pytest

from services.extract.clean.rules.dates import day_in, published_day_in


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


@pytest.mark.parametrize("text", ["", "11/12/2026", "31.02.2026", "24 Hours 2026", "November 2026", "1.2.3"])
def test_what_names_no_day_or_may_be_read_in_two_ways_is_left_alone(text: str) -> None:
    assert day_in(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("12 марта 2026 г.", "12 березня 2026 р.", "12 Mart 2026", "12 MART 2026", "12 Μαρτίου 2026"),
        *("12 ΜΑΡΤΙΟΥ 2026", "12 مارس 2026", "١٢ مارس ٢٠٢٦", "12 مارس، 2026", "12 मार्च 2026", "१२ मार्च २०२६"),
        *("12. března 2026", "12. maaliskuuta 2026", "12. marts 2026", "12 mars 2026", "12. mars 2026"),
        *("2026年3月12日", "2026년 3월 12일", "2026. 3. 12.", "12. März 2026", "12 de marzo de 2026", "12 marca 2026"),
        *("12 de março de 2026", "12 maart 2026", "12 marzo 2026", "2026. március 12.", "March 12th, 2026"),
        *("12th of March 2026", "3/12/2026, 13/3/2026"),
    ],
)  # fmt: skip
def test_days_are_read_in_the_languages_of_the_packs_and_beyond(text: str) -> None:
    expected = datetime(2026, 3, 13 if "/" in text else 12, tzinfo=UTC)
    assert day_in(text) == expected


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Updated 13 March 2026", None),
        ("12 March 2026, updated 13 March 2026", 12),
        ("Updated 13 March 2026 · Published 12 March 2026", 12),
        ("Zuletzt aktualisiert: 13. März 2026", None),
        ("2026年3月13日 更新", None),
    ],
)
def test_the_day_of_an_update_is_not_that_of_publishing(text: str, day: int | None) -> None:
    assert published_day_in(text) == (day and datetime(2026, 3, day, tzinfo=UTC))
