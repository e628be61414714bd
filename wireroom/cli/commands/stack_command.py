"""``wireroom run``, ``setup``, ``up`` and ``down``: one service, the streams, and everything on one machine."""

import asyncio
import heapq
import os
import signal
import sys
import time
from collections import deque
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import Unavailable
from wireroom.cli.output import fail, out, say
from wireroom.cli.time_arguments import since as moment
from wireroom.local import daemon, stack_state
from wireroom.local.server_binaries import Missing
from wireroom.local.supervisor import NotStarted

if TYPE_CHECKING:
    from wireroom.local.program_log import LogLine

EX_CHECK = 1
_LOOK_EVERY = 0.2  # seconds between two looks at the logs that are followed
EX_UNAVAILABLE = 69
EX_TEMPORARY = 75
NO_STORAGE = 10047  # JetStream: insufficient storage resources available


def run(
    name: Annotated[str, typer.Argument(help="Directory of services/ with an app.py, such as extract.")],
) -> None:
    """Run one service in the foreground, as containers do.

    Examples: `wireroom run extract`, `WIREROOM_NATS_URL=nats://queue:4222 wireroom run store`
    """
    from shared.runtime.run import main as run_service  # noqa: PLC0415 - the service frameworks are slow to import

    sys.exit(run_service([name]))


def setup(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change, old -> new.")] = False,
    delete: Annotated[bool, typer.Option("--delete-older", help="Apply also what deletes messages at once.")] = False,
    restored: Annotated[
        bool, typer.Option("--restored", help="Once, after a backup was put back: leave out numbers given since it.")
    ] = False,
    without_database: Annotated[
        bool, typer.Option("--without-database", help="There is none yet whose numbers INBOX has to stay above.")
    ] = False,
) -> None:
    """Make the streams, consumers and buckets on the broker as the settings say; run twice it changes nothing.

    A broker that lost its data or was given older data goes on above the numbers that the database has.

    Examples: `wireroom setup --dry-run`, `WIREROOM_RAW_AGE=14d WIREROOM_NEWS_AGE=14d wireroom setup`
    """
    from shared.broker.provisioning import NOT_APPLIED  # noqa: PLC0415

    data, from_stack = _folder(context)[0], context.find_root().obj
    changes = _setup(data, from_stack, dry_run=dry_run, delete=delete, restored=restored, compare=not without_database)
    for change in changes or ["Everything is as the settings say."]:
        out.print(change)
    if any(change.startswith(NOT_APPLIED) for change in changes):
        raise typer.Exit(EX_CHECK)


def _as_setup(data: Path, from_stack: frozenset[str]) -> dict[str, Any]:
    """Return the addresses of the running stack for the user who may change streams; commands have the operator's."""
    if stack_state.FOLDER_OF_CONTAINERS in os.environ:
        folder = stack_state.credentials_folder(data) / "setup"
        return {name: (folder / name).read_text("utf-8") for name in ("nats_url", "mongo_url")}
    if not ((found := stack_state.running(data)) and found.guarded):
        return {}
    known = stack_state.addresses(data, "setup")
    return {name.removeprefix("WIREROOM_").lower(): url for name, url in known.items() if name in from_stack}


def _setup(data: Path, from_stack: frozenset[str], **wish: bool) -> list[str]:
    from nats.errors import ConnectionClosedError, NoRespondersError  # noqa: PLC0415 - other commands here need none
    from nats.js.errors import APIError  # noqa: PLC0415

    from services.setup import preparation  # noqa: PLC0415 - the service frameworks are slow to import
    from shared.broker.nats_address import without_password  # noqa: PLC0415
    from shared.limits import Limits  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    settings, limits = Settings(**_as_setup(data, from_stack)), Limits()
    try:
        return asyncio.run(preparation.setup(settings, limits, preparation.Wish(**wish)))
    except Unavailable as outage:
        setting = "WIREROOM_MONGO_URL" if outage.what == "MongoDB" else "WIREROOM_NATS_URL"
        more = " Where there is none yet: `wireroom setup --without-database`." if outage.what == "MongoDB" else ""
        fail(EX_UNAVAILABLE, f"{outage}. Start one with `wireroom up`, or name yours in {setting}.{more}")
    except (ConnectionClosedError, NoRespondersError, TimeoutError) as error:
        where = without_password(settings.nats_url)
        fail(EX_UNAVAILABLE, f"NATS at {where} became unavailable: {str(error) or type(error).__name__}. Run it again.")
    except APIError as error:
        more = " Raise max_file_store in its configuration." if error.err_code == NO_STORAGE else ""
        fail(EX_UNAVAILABLE, f"the broker refuses: {error.description or error}.{more}")


def up(
    context: typer.Context,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready.")] = False,
    extract: Annotated[int, typer.Option(min=1, max=64, help="Processes for extract; each fills one core.")] = 1,
    restored: Annotated[
        bool, typer.Option("--restored", help="Once, after a backup of the broker was put back into the folder.")
    ] = False,
    detached: Annotated[bool, typer.Option("--detached", hidden=True)] = False,
) -> None:
    """Run everything on this machine: broker, database and services; Ctrl-C stops it in order.

    Examples: `wireroom up`, `wireroom up --detach --extract 2`
    """
    data, command = _folder(context)
    if found := stack_state.running(data):
        say(f"Already running on {data} as process {found.pid}.")
        _explain(found, command)
        raise typer.Exit(0 if detach else EX_CHECK)
    from wireroom.doctor.configuration import check_values  # noqa: PLC0415 - the settings of all services

    check_values()
    try:
        if detach:
            say(f"Starting everything on {data}; logs in {data}/logs")
            _explain(daemon.start(data, extract, restored=restored), command)
        else:
            asyncio.run(_serve(data, extract, command, restored=restored, detached=detached))
    except stack_state.AlreadyRunning:
        fail(EX_CHECK, f"another `wireroom up` is starting or stopping on {data}. Try again in a few seconds.")
    except (Missing, NotStarted) as error:
        fail(EX_UNAVAILABLE, str(error), lines=True)
    except KeyboardInterrupt:
        say("stopped")
        raise
    except asyncio.CancelledError:
        say("stopped")


async def _serve(data: Path, extract: int, command: str, *, restored: bool, detached: bool) -> None:
    from wireroom.local.local_stack import running  # noqa: PLC0415 - it takes half a second to import
    from wireroom.local.program_log import ProgramLog  # noqa: PLC0415

    if task := asyncio.current_task():
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    ready = asyncio.Event()
    with closing(ProgramLog(data / "logs/supervisor.log")) as log:

        def note(line: str) -> None:
            log.write(line)
            if not (detached and ready.is_set()):
                say(line)

        async with running(data, note, extract=extract, restored=restored) as stack:
            if found := stack_state.running(data):
                _explain(found, command)
            ready.set()
            await stack.until_broken()


def logs(
    context: typer.Context,
    service: Annotated[str | None, typer.Argument(help="extract, nats-server, supervisor; else all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.")] = False,
    since: Annotated[datetime | None, typer.Option(parser=moment, help="Since then: 10m, 2h, 2026-03-01.")] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="So many of the last ones, without --since.")
    ] = 100,
) -> None:
    """Show the logs of the stack of `wireroom up`, by time: of one program or of all.

    Examples: `wireroom logs`, `wireroom logs extract --follow`, `wireroom logs --since 10m`
    """
    from wireroom.local import program_log  # noqa: PLC0415

    data, _ = _folder(context)
    folder = data / "logs"
    known = program_log.programs(folder)
    wanted = [name for name in known if service is None or name == service or name.startswith(f"{service}-")]
    if not wanted:
        none = "`wireroom up` makes them; --data names its folder. With Docker Compose: `docker compose logs`"
        names = f"It has those of {', '.join(known)}" if known else none
        fail(EX_CHECK, f"{folder} has no log{f' of {service}' if service else ''}. {names}.")
    tails = [program_log.LogTail(folder, name) for name in wanted] if follow else []
    found = heapq.merge(*(program_log.read(folder, name) for name in wanted), key=lambda line: line.at)
    for line in deque(found, lines) if since is None else (line for line in found if line.at >= since):
        _print(line, every=len(wanted) > 1)
    while tails:
        for line in sorted(line for tail in tails for line in tail.added()):
            _print(line, every=len(wanted) > 1)
        time.sleep(_LOOK_EVERY)


def _print(line: "LogLine", *, every: bool) -> None:
    program = f"{line.program:<12} " if every else ""
    out.print(f"{line.at:%Y-%m-%d %H:%M:%S} {program}{line.text}")


def down(context: typer.Context) -> None:
    """Stop what `wireroom up` runs on this folder; everything published stays.

    Examples: `wireroom down`, `wireroom --data /srv/wireroom down`
    """
    data, _ = _folder(context)
    found = stack_state.running(data)
    if found is None:
        say(f"Nothing runs on {data}.")
    elif daemon.stop(data, found):
        say("stopped")
    else:
        limit = f"{daemon.DOWN_LIMIT:.0f} s"
        fail(
            EX_TEMPORARY,
            f"process {found.pid} is still stopping after {limit}. See `wireroom logs supervisor`, and try again.",
        )


def _folder(context: typer.Context) -> tuple[Path, str]:
    """Return the stack's folder, and how a person calls the command so that it finds it."""
    root = context.find_root()
    data: Path = root.params["data"]
    source = root.get_parameter_source("data")
    return data, f"wireroom --data {data}" if source and source.name == "COMMANDLINE" else "wireroom"


def _explain(found: stack_state.State, command: str) -> None:
    out.print(
        f"""\
Wireroom runs as process {found.pid}.
  {command} publish FILE     put articles on the queue
  {command} tail extracted   see clean articles with entities as they come
  {command} search WORDS     find them in the database
  {command} show ID          read one
  {command} status           how far behind each service is
  {command} down             stop
NATS     {found.nats_url}
MongoDB  {found.mongo_url}
HTTP     {found.articles_url}
Desk     {found.desk_url}""",
        lines=True,
    )
    for name, used in (("WIREROOM_NATS_URL", found.nats_url), ("WIREROOM_MONGO_URL", found.mongo_url)):
        if os.environ.get(name, used) != used:
            say(f"{name} is set to another server, and commands obey it. Unset it to use this stack.")
