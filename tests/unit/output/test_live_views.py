"""What the live views show: rates from two looks, and frames that fit the terminal and say when the broker is away."""

import os
import pty
from asyncio import Event, get_running_loop, wait_for
from collections import deque
from datetime import UTC, datetime

import pytest

from wireroom.cli.commands.live import keys
from wireroom.cli.commands.live.top_command import _Screen, curve
from wireroom.cli.output import SafeConsole
from wireroom.ops.live.stage_rates import Look, stage_views
from wireroom.ops.pipeline_status import PipelineState, ServiceState, StreamState

AT = datetime(2026, 3, 1, tzinfo=UTC)


def a_state(**service: int) -> PipelineState:
    extract = ServiceState("extract", "working", **service)
    return PipelineState((extract,), (StreamState("RAW", 5, 95, 100),), {"extract crash_loop": 2, "store schema": 1})


def test_a_rate_is_what_came_and_what_was_answered_between_two_looks() -> None:
    before, now = a_state(pending=100, unanswered=10, delivered=50), a_state(pending=140, unanswered=20, delivered=100)
    [view] = stage_views(before, now, 2.0)
    assert (view.answered, view.arrived) == (20.0, 45.0)
    assert (view.waiting, view.in_flight, view.dead) == (140, 20, 2)


def test_the_first_look_and_one_at_a_consumer_that_was_made_anew_have_no_rates() -> None:
    now = a_state(delivered=3)
    assert stage_views(None, now, 2.0)[0].answered is None
    assert stage_views(a_state(delivered=50), now, 2.0)[0].answered is None
    missing = PipelineState((ServiceState("extract", "missing"),), (), {})
    assert stage_views(missing, now, 2.0)[0].arrived is None


@pytest.mark.parametrize("width", [140, 60, 20])
def test_a_frame_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    console = SafeConsole(width=width, height=30, force_terminal=True, color_system=None)
    monkeypatch.setattr("wireroom.cli.output.out", console)
    screen, state = _Screen("nats://127.0.0.1:4222", 2), a_state(pending=5, unanswered=1, delivered=9)
    with console.wrapping(), console.capture() as shown:
        console.print(screen.frame(Look(AT, stage_views(None, state, 1), state)))
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith("extract") for line in lines)


def test_while_the_broker_is_away_the_last_numbers_stay_and_it_is_said() -> None:
    console, screen = SafeConsole(width=120, force_terminal=True, color_system=None), _Screen("nats://x", 2)
    state = a_state(pending=7)
    screen.frame(Look(AT, stage_views(None, state, 1), state))
    with console.wrapping(), console.capture() as shown:
        console.print(screen.frame(Look(AT, error="timeout")))
    assert "The broker does not answer: timeout" in shown.get()
    assert "extract" in shown.get()


def test_a_curve_is_relative_to_its_highest_value() -> None:
    assert curve(deque([0.0, 5.0, 10.0])) == "▁▅█"
    assert curve(deque([0.0])) == "▁"


async def test_a_key_ends_the_view_and_the_terminal_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    ours, theirs = pty.openpty()
    pressed = Event()
    with open(theirs, "rb", buffering=0, closefd=True) as raw, os.fdopen(os.dup(theirs), "r") as stdin:  # noqa: PTH123, ASYNC230
        before = termios.tcgetattr(raw.fileno())
        monkeypatch.setattr("sys.stdin", stdin)
        with keys.on_key(get_running_loop(), "q", pressed.set):
            assert not termios.tcgetattr(raw.fileno())[3] & termios.ICANON
            os.write(ours, b"xq")
            await wait_for(pressed.wait(), 10)
        assert termios.tcgetattr(raw.fileno()) == before
    os.close(ours)
