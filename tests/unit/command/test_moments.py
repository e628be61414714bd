"""Times as people type them."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from wireroom.cli.time_arguments import duration, since


@pytest.mark.parametrize(("text", "ago"), [("90s", 90), ("10m", 600), ("2h", 7200), ("3d", 259200), ("1w", 604800)])
def test_so_long_ago(text: str, ago: int) -> None:
    assert abs(datetime.now(UTC) - timedelta(seconds=ago) - since(text)) < timedelta(seconds=5)
    assert duration(text) == ago


def test_a_date_and_a_moment() -> None:
    assert since("2026-03-01T09:30:00+01:00") == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert since("2026-03-01").tzinfo, "a bare date is meant in the zone of whoever types it"


@pytest.mark.parametrize("text", ["yesterday", "", "5 fortnights", "2026-13-01"])
def test_what_is_neither_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="10m"):
        since(text)
    with pytest.raises(typer.BadParameter, match="5s"):
        duration(text)


def test_what_is_longer_ago_than_time_itself_is_refused() -> None:
    for text in ("99999999w", "99999999999999w"):
        with pytest.raises(typer.BadParameter, match="too long"):
            since(text)
    with pytest.raises(typer.BadParameter, match="too long"):
        duration("99999999999999w")
