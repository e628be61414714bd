"""``wireroom status`` and ``doctor``: how far the pipeline is, and whether what it needs is there."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.store import queries
from shared.limits import size_text
from shared.observability.healthcheck import why
from shared.settings import Settings
from wireroom.cli.connections import mongo_articles, nats_connection
from wireroom.cli.output import counted, err, json_line, out, table
from wireroom.cli.time_arguments import age, duration
from wireroom.local import process_memory, stack_state
from wireroom.ops.pipeline_status import PipelineState, look

EX_CHECK = 1
EX_UNAVAILABLE = 69
_MB = 1024 * 1024
_NEARLY_FULL = 0.05  # of a disk that is left
_FULL = 0.005


def status(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only findings; exit code 1 if there are any.")] = False,
    oldest: Annotated[float, typer.Option(parser=duration, help="Finding: work that waits longer.")] = 300.0,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(parser=duration, help="With --watch: after so long.")] = 2.0,
    count: Annotated[int | None, typer.Option(min=1, help="With --watch: end after so many times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with --watch one each time.")] = False,
) -> None:
    """Show how far behind each service is, what the streams hold, what is stored, and the dead letters.

    Examples: `wireroom status`, `wireroom status --watch`, `wireroom status --check --oldest 1m`
    """
    data: Path = context.find_root().params["data"]
    if watch and check:
        raise typer.BadParameter("--check looks once; leave out --watch", param_hint="--watch")
    if not watch:
        ask = _Ask(data, oldest, check=check, as_json=as_json)
        raise typer.Exit(ask.show())
    from wireroom.cli.commands.live.repeated import repeat  # noqa: PLC0415 - only here

    repeat(_Ask(data, oldest, check=False, as_json=as_json).show, every, count, blank=not as_json)


@dataclass(frozen=True)
class _Ask:
    data: Path
    oldest: float  # seconds
    check: bool
    as_json: bool

    def show(self) -> int:
        """Look once, print what was found, and return the exit code."""
        settings = Settings()
        broker = _attempt(lambda: asyncio.run(_broker(settings.nats_url)))
        stored = _attempt(lambda: _stored(settings))
        local = stack_state.running(self.data)
        processes = {name: process_memory.resident(pid) for name, pid in local.processes.items()} if local else {}
        causes = {name: why(port) for name, port in local.health_ports.items()} if local else {}
        findings = [f"{name} cannot take work: {'; '.join(said)}." for name, said in causes.items() if said]
        findings += broker.findings(self.oldest) if broker else []
        findings += full_disks(self.data) if local else []
        if self.as_json:
            parts = asdict(broker) if broker else {}
            json_line({"v": 1, **parts, "stored": stored, "processes": processes, "findings": findings})
        elif not self.check:
            _show(broker, stored, processes)
        if not self.as_json:
            for finding in findings:
                (out if self.check else err).print(finding)
        if broker is None or stored is None:
            return EX_UNAVAILABLE
        return EX_CHECK if self.check and findings else 0


def full_disks(data: Path) -> list[str]:
    """Say whether the disk of the embedded stack is full or nearly so: the broker's, the database's, or both."""
    found: dict[int, tuple[list[str], float, int]] = {}
    for name in ("nats", "mongo"):
        with suppress(OSError):
            usage, device = shutil.disk_usage(data / name), (data / name).stat().st_dev
            found.setdefault(device, ([], usage.free / usage.total, usage.free))[0].append(str(data / name))
    return [
        f"the disk of {' and '.join(names)} is {'full' if share < _FULL else 'nearly full'}: {size_text(free)} left."
        for names, share, free in found.values()
        if share < _NEARLY_FULL
    ]


def _attempt(ask: Any) -> Any:  # noqa: ANN401 - whatever the question answers
    """Return the answer, or None where the server is unavailable: that was printed, and the rest is shown."""
    try:
        return ask()
    except typer.Exit:
        return None


async def _broker(url: str) -> PipelineState:
    async with nats_connection(url) as connection:
        return await look(connection.jetstream(timeout=5))


def _stored(settings: Settings) -> dict[str, Any]:
    with mongo_articles(settings) as database:
        return queries.counts(database)


def _show(broker: PipelineState | None, stored: dict[str, Any] | None, processes: dict[str, int | None]) -> None:
    if broker:
        _show_readers(broker)
        kept = [(s.shown, s.messages, f"{s.bytes / _MB:.1f}", f"{s.limit / _MB:.0f}") for s in broker.streams]
        table(("kept in", "messages", "MB", "of MB"), kept, numbers=("messages", "MB", "of MB"))
        out.print()
        if broker.dead:
            table(("dead letters, open", "count"), sorted(broker.dead.items()), numbers=("count",))
            out.print()
        if broker.handled:
            handled = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(broker.handled.items()))
            out.print(f"dead letters that are not open: {handled}")
            out.print()
        if broker.foreign:
            table(("skipped, written by others", "count"), sorted(broker.foreign.items()), numbers=("count",))
            out.print()
    if stored:
        out.print(f"stored {stored['articles']:,} articles, {stored['article_versions']:,} versions of corrected ones")
        if unread := stored["no_model"]:
            languages = ", ".join(f"{count:,} {language}" for language, count in unread.items())
            out.print(f"without entities, because no model reads their language: {languages}")
    if processes:
        out.print()
        sizes = [(name, "-" if size is None else f"{size / _MB:.0f}") for name, size in processes.items()]
        table(("process", "MB resident"), sizes, numbers=("MB resident",))


def _show_readers(broker: PipelineState) -> None:
    columns = ("service", "pending", "unanswered", "delivered again", "asking", "oldest", "last answer", "state")
    rows = [
        (
            *(s.service, s.pending, s.unanswered, s.redelivered, s.asking),
            *(age(s.oldest_seconds), age(s.last_seconds), s.state),
        )
        for s in broker.services
    ]
    table(columns, rows, numbers=columns[1:7])
    out.print()
    if broker.readers:
        others = ("other reader", "stream", "unread", "asking", "oldest", "last progress", "expires in")
        lines = [
            (
                *(r.durable, r.stream, r.pending + r.unanswered, r.asking),
                *(age(r.oldest_seconds), age(r.last_seconds), age(r.seconds_left)),
            )
            for r in broker.readers
        ]
        table(others, lines, numbers=others[2:])
        out.print()


if TYPE_CHECKING:
    from wireroom.doctor.findings import Finding

EX_CHECK = 1


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Look at this machine, the broker and the database: each check with what to do; exit code 1 for a problem.

    Examples: `wireroom doctor`, `wireroom doctor --json`
    """
    from wireroom.doctor.findings import State  # noqa: PLC0415 - what it looks at is slow to import

    found = list(_checks(context.find_root().params["data"]))
    problems = sum(finding.state is State.PROBLEM for finding in found)
    warnings = sum(finding.state is State.WARNING for finding in found)
    if as_json:
        json_line({"v": 1, "checks": [asdict(finding) for finding in found], "problems": problems})
    else:
        rows = [(f.state, f.check, f"{f.found}. {f.todo}".strip() if f.todo else f.found) for f in found]
        table(("state", "check", "found"), rows)
        out.print(f"{counted(len(found), 'check')}: {counted(problems, 'problem')}, {counted(warnings, 'warning')}")
    raise typer.Exit(EX_CHECK if problems else 0)


def _checks(data: Path) -> "Iterator[Finding]":
    from shared.errors import WrongSetting  # noqa: PLC0415
    from shared.limits import Limits  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415
    from wireroom.doctor import broker_checks, database_checks, machine_checks  # noqa: PLC0415
    from wireroom.doctor.findings import ok, problem  # noqa: PLC0415

    yield from machine_checks.look(data)
    try:
        settings, limits = Settings(), Limits()
    except WrongSetting as wrong:
        yield problem("settings", str(wrong), "Nothing else can be looked at before.")
        return
    if data.exists():
        yield machine_checks.disk(data, limits)
    yield ok("settings", "can be used; `wireroom config check` looks further")
    yield from asyncio.run(broker_checks.look(settings, limits))
    yield from database_checks.look(settings)
