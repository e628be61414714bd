"""A service as a process of its own: it ends when it is told to, with code 0, whatever it is doing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from nats.aio.client import Client

from shared.observability.healthcheck import ask, why
from shared.settings import Settings
from tests.commands import environment_of
from tests.paths import ROOT
from wireroom.local import ports


@contextmanager
def process(name: str, settings: Settings) -> Iterator[subprocess.Popen[str]]:
    known = environment_of(settings)
    with subprocess.Popen(
        [sys.executable, "-m", "shared.runtime.run", name], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        env=os.environ | known,
    ) as started:  # fmt: skip
        try:
            yield started
        finally:
            started.kill()


def until_it_says(started: subprocess.Popen[str], word: str) -> None:
    assert started.stderr
    for line in started.stderr:
        if word in line:
            return
    raise AssertionError(f"it ended with {started.wait()} and never said {word!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_service_that_waits_for_its_broker_says_so_and_ends_when_told_to(number: signal.Signals) -> None:
    [port] = ports.free(1)
    settings = Settings(nats_url="nats://127.0.0.1:1", health_port=port)
    with process("ingest", settings) as started:
        until_it_says(started, "NATS at nats://127.0.0.1:1")
        status, told = ask(port)
        assert (status, why(port)[0]) == (503, "it is starting"), told
        started.send_signal(number)
        assert started.wait(60) == 0


async def test_a_service_that_waits_for_its_streams_says_so_and_ends_when_told_to(
    empty_broker: Client,
) -> None:
    url = empty_broker.connected_url.geturl() if empty_broker.connected_url else ""
    with process("ingest", Settings(nats_url=url, health_port=0)) as started:
        until_it_says(started, "run `wireroom setup`")
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0


def test_a_service_without_its_model_ends_with_a_line_that_names_the_setting() -> None:
    settings = Settings(nats_url="nats://127.0.0.1:1", health_port=0)
    known = environment_of(settings)
    ended = subprocess.run(
        [sys.executable, "-m", "shared.runtime.run", "extract"], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | known | {"WIREROOM_EXTRACT_MODELS": '{"en": "no_such_model"}'},
    )  # fmt: skip
    assert ended.returncode == 78
    assert "Traceback" not in ended.stderr
    assert json.loads(ended.stderr.splitlines()[-1])["message"].startswith(
        "WIREROOM_EXTRACT_MODELS: model no_such_model for 'en' is not installed"
    )
