"""``wireroom bench hostile``: good articles among hostile messages, and whether they stopped anything."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Annotated

import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.broker.connect import brief_connection
from shared.errors import Reason
from shared.topology import CONSUMERS
from wireroom.cli.output import json_line, out, say, table
from wireroom.ops.audit import balance, gather

if TYPE_CHECKING:
    from wireroom.bench.hostile_load import Tally
    from wireroom.bench.process_monitor import Memory, Steadiness
    from wireroom.bench.raw_nats import Publication

_SERVICES = frozenset(consumer.durable for consumer in CONSUMERS)
EX_CHECK = 1
_WARM = 3.0  # seconds of good articles only, before anything is measured
_QUIET = 10.0  # seconds of good articles only, against which the delays are held
_DRAINED = 120.0  # seconds for the hostile messages that are left
_GROWTH = 0.1  # of a service's memory, from the middle third to the last
_GROWTH_MB = 10.0  # less is noise
_FILLED = 5.0  # minutes until the workers' own pages and caches are filled; a shorter run says nothing of growth
_LOOP_MS = 100.0
_DEATHS = 4  # of a process for one message: among others, and three times alone
_FATAL = (Reason.CRASH_LOOP, Reason.TIME_LIMIT)


@dataclass(frozen=True)
class Account:
    """What the streams say at the end: places without a trace, dead letters, and what waits for an answer.

    ``missing`` is None where the audit could not read the streams.
    """

    missing: tuple[int, ...] | None
    dead: dict[str, int]
    unanswered: dict[str, int]


@dataclass(frozen=True)
class Result:
    """``lost`` are places of good articles that were not stored; ``problems`` is empty if everything held."""

    minutes: float
    seed: int
    good: int
    hostile: dict[str, int]
    refused: dict[str, int]
    lost: tuple[int, ...]
    account: Account
    delay_ms: float
    usual_delay_ms: float
    memory: dict[str, "Memory"]
    loop_longest_ms: dict[str, float | None]
    restarts: dict[str, int]

    @property
    def problems(self) -> list[str]:
        return [*self._of_messages(), *self._of_processes()]

    def _of_messages(self) -> Iterator[str]:
        if self.lost:
            yield f"{len(self.lost)} good articles were not stored"
        if self.account.missing is None:
            yield "the audit could not read the streams"
        elif self.account.missing:
            yield f"{len(self.account.missing)} submissions are without a trace"
        for durable, waiting in self.account.unanswered.items():
            yield f"{waiting} messages wait for {durable}"

    def _of_processes(self) -> Iterator[str]:
        for name, found in self.memory.items():
            grows = found.growth > _GROWTH and found.last - found.middle > _GROWTH_MB
            if name in _SERVICES and self.minutes >= _FILLED and grows:
                yield f"the memory of {name} grows: {found.middle:g} MB, then {found.last:g} MB"
        for name, longest in self.loop_longest_ms.items():
            if longest is not None and longest > _LOOP_MS:
                yield f"the event loop of {name} was blocked for {longest:.0f} ms"
        for name, starts in self.restarts.items():
            if starts > (explained := _explained(name, self.account.dead)):
                yield f"{name} ended {starts} times, and dead letters explain {explained}"


def _explained(name: str, dead: Mapping[str, int]) -> int:
    """Return how often the crash guard lets a process end for the messages that were dead-lettered as fatal."""
    return _DEATHS * sum(dead.get(f"{name} {reason}", 0) for reason in _FATAL)


def bench_hostile(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long hostile messages come.")] = 10.0,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second, good and hostile.")] = 15.0,
    share: Annotated[float, typer.Option(min=0.01, max=0.99, help="Of the messages that are hostile.")] = 1 / 3,
    seed: Annotated[int | None, typer.Option(help="Of the hostile messages; else drawn and told.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Publish good articles among hostile bytes, headers, subjects and bucket values, on a stack of its own.

    Exit code 1 if a good article is not stored, a message stays unanswered, a service's memory grows (in five minutes
    and more), its event loop was blocked for more than 100 ms, or a process ended more often than dead letters explain.

    Examples: `wireroom bench hostile`, `wireroom bench hostile --minutes 1 --seed 7 --json`
    """
    drawn = SystemRandom().getrandbits(32) if seed is None else seed
    say(f"seed {drawn}")
    with tempfile.TemporaryDirectory(prefix="wireroom-hostile-") as folder:
        result = asyncio.run(_measure(Path(folder), minutes, rate, share, drawn))
    if as_json:
        json_line({"v": 1, **asdict(result), "problems": result.problems})
    else:
        _show(result)
    raise typer.Exit(EX_CHECK if result.problems else 0)


async def _measure(folder: Path, minutes: float, rate: float, share: float, seed: int) -> Result:
    # the supervisor's imports take half a second
    from wireroom.bench.hostile_load import Siege  # noqa: PLC0415
    from wireroom.bench.process_monitor import watching  # noqa: PLC0415
    from wireroom.bench.raw_nats import connected  # noqa: PLC0415
    from wireroom.bench.texts import sample_submissions  # noqa: PLC0415
    from wireroom.local.local_stack import running  # noqa: PLC0415

    async with running(folder, say, usual_ports=False) as stack, connected(stack.nats_url) as connection:
        siege = Siege(connection, (article.model_dump_json().encode() for article in sample_submissions()))
        good, bad = rate * (1 - share), rate * share
        await siege.round(_WARM, good)
        async with watching(stack) as steadiness:
            usual = await siege.round(_QUIET, good)
            tally = await siege.round(60 * minutes, good, _without_end(seed), bad)
            account = await _account(stack.nats_url)
    return _result(minutes, seed, (usual, tally), steadiness, account)


def _without_end(seed: int) -> "Iterator[Publication]":
    from wireroom.bench.hostile_messages import hostile  # noqa: PLC0415 - with the others

    chance = Random(seed)
    while True:
        yield hostile(chance)


def _result(
    minutes: float, seed: int, rounds: "tuple[Tally, Tally]", steadiness: "Steadiness", account: Account
) -> Result:
    usual, tally = rounds
    return Result(
        minutes=minutes,
        seed=seed,
        good=len(usual.sent) + len(tally.sent),
        hostile=dict(tally.hostile),
        refused=dict(tally.refused),
        lost=(*usual.late, *tally.late),
        account=account,
        delay_ms=tally.median_ms,
        usual_delay_ms=usual.median_ms,
        memory=steadiness.memory,
        loop_longest_ms=steadiness.loop_longest_ms,
        restarts=steadiness.restarts,
    )


async def _account(url: str) -> Account:
    async with brief_connection(url) as connection:
        js = connection.jetstream(timeout=10)
        unanswered, dead = await _unanswered(js), await _dead(js)
        try:
            missing = balance(await gather(js)).missing
        except (NatsError, TimeoutError):  # a finding, and no reason to say nothing of the rest
            return Account(None, dead, unanswered)
        return Account(missing, dead, unanswered)


async def _unanswered(js: JetStreamContext) -> dict[str, int]:
    """Wait until each reader has answered everything; return what is left when patience is over."""
    deadline = asyncio.get_running_loop().time() + _DRAINED
    while True:
        infos = [await js.consumer_info(consumer.stream, consumer.durable) for consumer in CONSUMERS]
        left = {info.name: (info.num_pending or 0) + (info.num_ack_pending or 0) for info in infos}
        waiting = {name: count for name, count in left.items() if count}
        if not waiting or asyncio.get_running_loop().time() > deadline:
            return waiting
        await asyncio.sleep(1)


async def _dead(js: JetStreamContext) -> dict[str, int]:
    """Count the dead letters of our services by their subjects, which needs to read none of them."""
    subjects = (await js.stream_info("DEAD", subjects_filter="news.dead.>")).state.subjects or {}
    ours = {f"news.dead.{name}.{reason}": f"{name} {reason}" for name in sorted(_SERVICES) for reason in Reason}
    return {ours[subject]: count for subject, count in subjects.items() if subject in ours}


def _show(result: Result) -> None:
    account = result.account
    out.print(
        f"{result.good} good articles, {sum(result.hostile.values())} hostile messages: {_listed(result.hostile)}"
    )
    out.print(f"refused by the broker: {_listed(result.refused) or 'none'}")
    out.print(
        f"lost {len(result.lost)}, without a trace {len(account.missing or ())}; "
        f"dead: {_listed(account.dead) or 'none'}"
    )
    out.print(
        f"published to stored: median {result.delay_ms:.0f} ms, without hostile ones {result.usual_delay_ms:.0f} ms"
    )
    rows = [
        (name, f"{found.middle:.1f}", f"{found.last:.1f}", f"{found.mb_per_minute:+.2f}", _blocked(result, name))
        for name, found in result.memory.items()
    ]
    columns = ("process", "MB, middle third", "MB, last third", "MB a minute", "loop blocked, ms")
    table(columns, rows, numbers=columns[1:])
    out.print(f"started again: {_listed(result.restarts) or 'none'}")
    out.print("; ".join(result.problems) or "OK")


def _blocked(result: Result, name: str) -> str:
    if name not in result.loop_longest_ms:
        return ""
    longest = result.loop_longest_ms[name]
    return "not measured" if longest is None else f"{longest:.0f}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
