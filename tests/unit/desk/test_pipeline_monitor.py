"""Rates and history of the pipeline's page, and what the probes of services say."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from nats.js import JetStreamContext

from services.desk.pages.pipeline_monitor import PipelineMonitor, Rates, Sample, breakers, history_of, rates_between
from services.desk.settings import DeskSettings, Probe
from shared.errors import WrongSetting
from wireroom.ops.pipeline_status import PipelineState, ServiceState


def sample(at: float, pending: int, unanswered: int, answered: int) -> Sample:
    state = ServiceState("extract", "working", pending=pending, unanswered=unanswered, answered=answered)
    return Sample(at, PipelineState(services=(state,), streams=(), dead={}))


def test_rates_are_what_came_and_what_was_answered_in_the_last_ten_seconds() -> None:
    samples = [sample(0, 900, 0, 0), sample(20, 100, 10, 400), sample(28, 140, 10, 480)]
    assert rates_between(samples, "extract") == Rates(arrived=(80 + 40) / 8, answered=10)
    assert rates_between(samples[:1], "extract") == Rates()
    assert rates_between(samples, "store") == Rates()


def test_samples_that_are_far_apart_still_give_a_rate() -> None:
    assert rates_between([sample(0, 0, 0, 0), sample(60, 0, 0, 120)], "extract") == Rates(arrived=2, answered=2)


def test_a_consumer_that_was_made_anew_has_no_negative_rate() -> None:
    assert rates_between([sample(0, 0, 0, 500), sample(2, 0, 0, 0)], "extract") == Rates(arrived=0, answered=0)


def test_history_is_of_at_most_sixty_points_and_keeps_peaks() -> None:
    samples = [sample(number, 1000 if number == 200 else 1, 0, 0) for number in range(450)]
    values = history_of(samples, "extract")
    assert (len(values) <= 60, max(values)) == (True, 1000)


def test_causes_of_all_processes_of_a_service_are_told_once() -> None:
    said: dict[int, list[str]] = {
        1: [],
        2: ["the database is unavailable"],
        3: ["the database is unavailable", "it is stopping"],
    }

    def ask(port: int, host: str) -> list[str]:
        assert host == "127.0.0.1"
        return said[port]

    probes: Sequence[Probe] = [Probe("store", "127.0.0.1", port) for port in (1, 2, 3)]
    assert breakers(probes, ask) == {"store": ("the database is unavailable", "it is stopping")}
    assert breakers(probes[:1], ask) == {"store": ()}


async def test_pages_that_are_live_are_counted_until_they_leave() -> None:
    monitor = PipelineMonitor(cast("JetStreamContext", None))
    pages = [monitor.updates() for _ in range(3)]
    waiting = [asyncio.ensure_future(anext(page)) for page in pages]
    await asyncio.sleep(0)
    assert monitor.readers == len(pages)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert monitor.readers == 0


def test_probes_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_DESK_PROBES", "ingest=ingest:8080, extract=127.0.0.1:8081")
    assert DeskSettings().probes == (Probe("ingest", "ingest", 8080), Probe("extract", "127.0.0.1", 8081))
    monkeypatch.setenv("WIREROOM_DESK_PROBES", "extract:8081")
    with pytest.raises(WrongSetting, match="service=host:port"):
        DeskSettings()
