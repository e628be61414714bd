"""The report of the fault matrix, row by row, and the judgement of a row that had load."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nats.js import JetStreamContext

from tests.faults.matrix import MATRIX
from tests.faults.rig.load import Entry
from tests.faults.rig.verdict import verify
from tests.faults.rig.watch import Watch

Rows = dict[str, dict[str, Any]]


@dataclass
class Report:
    """Written after each row, so that a run that ends early has told something; rows of earlier runs stay."""

    path: Path

    def rows(self) -> Rows:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def add(self, row: str, **figures: object) -> None:
        """Note a row as it was seen; ``row`` is its number, and may have a part: 12b/loss."""
        self._put(row, {"fine": True} | figures)

    def failed(self, row: str, why: str) -> None:
        self._put(row, self.rows().get(row, {}) | {"fine": False, "why": why})

    def skipped(self, row: str, why: str) -> None:
        self._put(row, {"skipped": why})

    def _put(self, row: str, seen: dict[str, Any]) -> None:
        assert number(row) in MATRIX, row
        rows = self.rows() | {row: {**seen, "at": datetime.now(UTC).isoformat(timespec="seconds")}}
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(rows, indent=1, default=str) + "\n")


def number(row: str) -> str:
    return row.partition("/")[0]


def untold(rows: Rows) -> list[str]:
    """Return the rows of the matrix of which a report says nothing."""
    told = {number(row) for row in rows}
    return [row for row in MATRIX if row not in told]


async def judge(
    report: Report,
    row: str,
    js: JetStreamContext,
    mongo_url: str,
    entries: list[Entry],
    watch: Watch,
    **figures: object,
) -> None:
    """Wait until everything is settled, hold what is found against the invariants, and write the row down.

    Called while the watch still looks: what comes back late is seen.
    """
    with seconds() as recovery:
        verdict = await verify(js, mongo_url, entries)
    recovered = recovery()
    ready = await asyncio.to_thread(watch.all_ready)
    found = {name: value if isinstance(value, (int, dict)) else len(value) for name, value in asdict(verdict).items()}
    seen = {"regressions": len(watch.regressions), "ready_again": ready, "red": sorted(watch.red)}
    seen |= {"peak_mb": watch.peaks(), "recovery_s": recovered}
    seen |= {"livez_slowest_s": round(watch.livez_slowest, 2), "livez_silent": sorted(set(watch.livez_silent))}
    report.add(row, **found, **seen, **figures)
    assert verdict.fine, verdict
    assert watch.regressions == []
    assert watch.too_large == {}
    assert ready, "a service is not ready although everything is settled"


@contextmanager
def seconds() -> Iterator[Callable[[], float]]:
    began = time.monotonic()
    yield lambda: round(time.monotonic() - began, 1)
