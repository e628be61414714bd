"""``wireroom bench soak``: every process is killed in turn under load, and at the end each article is accounted for."""

import asyncio
import itertools
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import nats
import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.messages import ArticleSubmitted
from wireroom.bench.texts import sample_submissions
from wireroom.cli.output import json_line, out, say
from wireroom.ops.audit import balance, gather
from wireroom.ops.outcomes import follow

EX_CHECK = 1
_SETTLED = 600.0  # seconds for what was in flight when the killing ended
_AGAIN = 10  # every so many articles one is sent again as it was, and one with a change


@dataclass(frozen=True)
class Result:
    """``acked`` submissions by what became of them; ``kills`` by process; recovery in seconds after the last kill."""

    minutes: float
    acked: int
    outcomes: dict[str, int]
    dead: int
    in_flight: int
    missing: tuple[int, ...]
    kills: dict[str, int]
    longest_stall: float
    recovery: float
    adds_up: bool


def bench_soak(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long processes are killed.")] = 5.0,
    rate: Annotated[float, typer.Option(min=1, help="Articles a second.")] = 50.0,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two kills.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Kill every process of a stack in turn while articles come in, then check that each is accounted for.

    The stack is its own, in a temporary folder. Exit code 1 if anything is missing.

    Examples: `wireroom bench soak`, `wireroom bench soak --minutes 30 --rate 80 --json`
    """
    with tempfile.TemporaryDirectory(prefix="wireroom-soak-") as folder:
        result = asyncio.run(_soak(Path(folder), minutes, rate, every))
    if as_json:
        json_line({"v": 1, **asdict(result)})
    else:
        _show(result)
    raise typer.Exit(0 if result.adds_up else EX_CHECK)


async def _soak(folder: Path, minutes: float, rate: float, every: float) -> Result:
    from wireroom.local.local_stack import running  # noqa: PLC0415 - the supervisor's imports take half a second

    async with running(folder, say, usual_ports=False) as stack, _publisher(stack.nats_url) as js:
        load = _Load(js, rate)
        publishing = asyncio.create_task(load.run())
        kills = Counter[str]()
        end = time.monotonic() + 60 * minutes
        for name in itertools.cycle(list(stack.processes)):
            await asyncio.sleep(every)
            if time.monotonic() >= end:
                break
            if pid := stack.processes.get(name):
                os.kill(pid, signal.SIGKILL)
                kills[name] += 1
        load.stop()
        await publishing
        began = time.monotonic()
        await follow(js, set(load.places), patience=_SETTLED, progress=lambda _: None)
        recovery = time.monotonic() - began
        found = balance(await gather(js), load.places)
    adds_up = not found.missing and not found.in_flight and sum(found.outcomes.values()) + found.dead == found.accepted
    return Result(
        minutes=minutes,
        acked=len(load.places),
        outcomes=found.outcomes,
        dead=found.dead,
        in_flight=found.in_flight,
        missing=found.missing,
        kills=dict(kills),
        longest_stall=round(load.longest_stall, 1),
        recovery=round(recovery, 1),
        adds_up=adds_up,
    )


class _Load:
    """Publishes at a steady rate; what is not acknowledged is sent again under the same id."""

    def __init__(self, js: JetStreamContext, rate: float) -> None:
        self._js, self._rate = js, rate
        self._running = True
        self.places: list[int] = []
        self.longest_stall = 0.0

    def stop(self) -> None:
        self._running = False

    async def run(self) -> None:
        for number, article in enumerate(_articles()):
            if not self._running:
                return
            began = time.monotonic()
            self.places.append(await self._until_taken(article, f"soak:{number}"))
            took = time.monotonic() - began
            self.longest_stall = max(self.longest_stall, took)
            await asyncio.sleep(max(1 / self._rate - took, 0))

    async def _until_taken(self, article: ArticleSubmitted, message_id: str) -> int:
        data, headers = article.model_dump_json().encode(), {"Nats-Msg-Id": message_id}
        while True:
            try:
                return (await self._js.publish(article.subject, data, timeout=5, stream="INBOX", headers=headers)).seq
            except (NatsError, APIError, TimeoutError):
                await asyncio.sleep(0.2)


def _articles() -> Iterator[ArticleSubmitted]:
    """Yield new articles without end, and now and then the one before again, as it was and with a change."""
    for number, article in enumerate(sample_submissions()):
        yield article
        if number % _AGAIN == 0:
            yield article
            yield article.model_copy(update={"body": f"{article.body}\n\nThe figures were corrected on Friday."})


@asynccontextmanager
async def _publisher(url: str) -> AsyncIterator[JetStreamContext]:
    connection = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=_expected)
    try:
        yield connection.jetstream(timeout=30)
    finally:
        await connection.close()


async def _expected(_error: Exception) -> None:
    """The broker is killed on purpose."""


def _show(result: Result) -> None:
    parts = [f"{number} {outcome}" for outcome, number in sorted(result.outcomes.items())] + [f"{result.dead} dead"]
    if result.in_flight:
        parts.append(f"{result.in_flight} in flight")
    if result.missing:
        parts.append(f"{len(result.missing)} without a trace")
    kills = ", ".join(f"{name} {count} times" for name, count in result.kills.items())
    out.print(f"killed {kills} in {result.minutes:g} minutes")
    out.print(
        f"longest wait of the publisher {result.longest_stall} s; all was settled {result.recovery} s after the end"
    )
    out.print(f"acked {result.acked} = {' + '.join(parts)}   {'OK' if result.adds_up else 'NOT OK'}")
