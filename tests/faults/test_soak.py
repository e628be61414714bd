"""`wireroom bench soak`, for some seconds: what it kills comes back, and its sum is right."""

import asyncio
import json
import sys
from pathlib import Path

import pytest


@pytest.mark.nightly
async def test_a_short_soak_adds_up() -> None:
    arguments = ("bench", "soak", "--minutes", "0.15", "--every", "1.5", "--rate", "20", "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wireroom", *arguments, cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 110)
    assert process.returncode == 0, err.decode()
    found = json.loads(out)
    assert found["adds_up"]
    assert found["acked"] == sum(found["outcomes"].values()) > 0
    assert {"inserted", "updated", "duplicate"} <= found["outcomes"].keys()
    assert set(found["kills"]) == {"nats-server", "mongod", "ingest", "extract", "store"}
