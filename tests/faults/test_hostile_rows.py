"""Rows of the fault matrix about hostile publishers: nothing they send stops a service or delays other articles."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from shared.errors import Reason
from tests import attacks
from tests.attacks import Attack
from tests.faults.report import Report
from tests.faults.rig.siege import besieged, dead_letters, hold
from tests.paths import ROOT

SECONDS = {"34": 6.0}  # a work bomb a second: each may cost what the largest article that is taken costs
QUOTA = 250  # articles an hour: more than the good source has, and a source that floods has four times as many
GROWN_BACK = 20  # articles: a quota of an hour grows back evenly
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(420)]

ROWS: dict[str, Callable[[], Iterable[Attack]]] = {
    "32": attacks.headers,
    "33": lambda: attacks.internal(170),
    "34": attacks.bombs,
    "35": attacks.foreign,
}


@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.row(row)) for row in ROWS])
async def test_what_is_hostile_stops_nothing(row: str, tmp_path: Path, report: Report) -> None:
    made = list(ROWS[row]())
    async with besieged(tmp_path / "stack", int(row)) as found:
        await found.rounds(made, SECONDS.get(row, 3.0))
        await hold(report, row, found, made)


@pytest.mark.row("36")
async def test_36_ids_that_were_taken_make_no_article_vanish(tmp_path: Path, report: Report) -> None:
    async with besieged(tmp_path / "stack", 36) as found:
        made = await found.before_each_round(attacks.taken_ids)
        await hold(report, "36", found, made)
    assert made


@pytest.mark.row("37")
async def test_37_a_source_that_floods_is_refused_beyond_its_quota(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_INGEST_SOURCE_ARTICLES", str(QUOTA))
    flood = list(attacks.flood(4 * QUOTA))
    async with besieged(tmp_path / "stack", 37) as found:
        await found.warm_up(flood[:QUOTA])  # within it, its articles are as good as others
        await found.rounds(flood[QUOTA:])
        await hold(report, "37", found, flood)
        refused = await dead_letters(found.connection)
    over = [place for place, letter in refused.items() if letter.headers["wireroom-reason"] == Reason.OVER_QUOTA]
    assert 3 * QUOTA - GROWN_BACK <= len(over) <= 3 * QUOTA


@pytest.mark.row("38")
async def test_38_hostile_messages_without_end(report: Report) -> None:
    arguments = ("bench", "hostile", "--minutes", "0.5", "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wireroom", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 400)
    found = json.loads(out)
    told = ("seed", "good", "hostile", "loop_longest_ms", "restarts", "delay_ms", "usual_delay_ms", "problems")
    figures = {name: found[name] for name in told} | {"dead": found["account"]["dead"]}
    report.add("38", fine=not found["problems"], lost=len(found["lost"]), **figures)
    assert process.returncode == 0, err.decode()
