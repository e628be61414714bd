"""Row 31 of the fault matrix: `wireroom bench soak`; what it kills comes back, and its sum is right."""

import asyncio
import json
import sys

import pytest

from tests.faults.report import Report
from tests.paths import ROOT

MINUTES = "1"


@pytest.mark.row("31")
@pytest.mark.nightly
@pytest.mark.timeout(420)
async def test_31_a_soak_adds_up(report: Report) -> None:
    arguments = ("bench", "soak", "--minutes", MINUTES, "--every", "3", "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wireroom", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 400)
    assert process.returncode == 0, err.decode()
    found = json.loads(out)
    report.add("31", lost=len(found["missing"]), **{name: value for name, value in found.items() if name != "v"})
    assert found["adds_up"]
    assert found["acked"] == sum(found["outcomes"].values()) > 0
    assert {"inserted", "updated", "duplicate"} <= found["outcomes"].keys()
    assert set(found["kills"]) == {"nats-server", "mongod", "ingest", "extract", "store"}
