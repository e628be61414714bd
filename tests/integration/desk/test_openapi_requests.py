"""Requests generated from the OpenAPI documents of ingest and of the desk: no 5xx, and nothing that they do not say."""

import asyncio
import sys
from pathlib import Path

import pytest
from nats.aio.client import Client

from shared.runtime.run import load
from shared.settings import Settings
from tests.integration.desk.announcing import announce, article
from tests.running import running
from wireroom.local import ports

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


async def conforms(port: int, base: str, folder: Path, *options: str) -> None:
    """Fail with what schemathesis printed, unless every answer is as the document says."""
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        *(SCHEMATHESIS, "run", f"{url}/v1/openapi.json", "--url", f"{url}{base}", "--checks", CHECKS),
        *("--max-examples", "6", "--seed", "1", "--request-timeout", "20", "--no-color", *options),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 0, said.decode()[-6000:]
    assert b"generated" in said


async def test_answers_are_those_of_the_documents(
    settings: Settings, broker: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest, desk = ports.free(2)
    monkeypatch.setenv("WIREROOM_INGEST_HTTP_PORT", str(ingest))
    monkeypatch.setenv("WIREROOM_DESK_FOLDER", str(tmp_path / "desk"))
    monkeypatch.setenv("WIREROOM_DESK_HTTP_PORT", str(desk))
    async with running(load("ingest"), load("desk"), settings=settings):
        await announce(broker, article(1, 5), article(2, 6))
        await conforms(ingest, "", tmp_path)
        await conforms(desk, "/v1", tmp_path, "--exclude-path", "/stream")  # which does not end
