"""``wireroom import``: the runs of `wireroom publish`: list, pause, resume, cancel, and take a mistaken one back."""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from nats.errors import NoRespondersError

from services.store import queries
from services.store.queries import Article, Documents
from shared.broker.withdrawals import lift
from shared.errors import Unavailable
from shared.settings import Settings
from wireroom.cli.commands.withdraw_command import take_down
from wireroom.cli.connections import jetstream, mongo_articles, nats_connection
from wireroom.cli.output import counted, err, fail, json_line, table, tell
from wireroom.ops import import_runs, withdraw
from wireroom.ops.withdraw import Found, Wanted
from wireroom.publisher import import_control
from wireroom.publisher.import_control import Order

EX_NOT_FOUND = 1
EX_UNAVAILABLE = 69
EX_TEMPORARY = 75
_PAUSE = 0.5  # seconds between two looks at what is left
_NAMED = 20


@dataclass(frozen=True)
class _Plan:
    """``kept`` are articles that were there before the run."""

    found: dict[str, Found]
    kept: set[str]
    stored: int


def list_runs(
    as_json: Annotated[bool, typer.Option("--json", help="JSON, one object per line.")] = False,
) -> None:
    """List the runs of `wireroom publish` that the streams tell of: when each began, and how far it is.

    Example: `wireroom import ls`
    """
    columns = ("run", "began", "waiting", "ingested", "dead")
    found = asyncio.run(_runs())
    rows = [
        (name, run.began.isoformat(" ", "seconds") if run.began else "", run.waiting, run.ingested, run.dead)
        for name, run in sorted(found.items(), key=lambda item: str(item[1].began))
    ]
    if as_json:
        for row in rows:
            json_line({"v": 1, **dict(zip(columns, row, strict=True))})
    elif rows:
        table(columns, rows, numbers=columns[2:])
    else:
        err.print("No run of `wireroom publish` is in the streams.")


async def _runs() -> dict[str, import_runs.Run]:
    async with jetstream() as js:
        return await import_runs.runs(js)


def undo(
    run: Annotated[str, typer.Argument(help="As `wireroom publish` prints it and `wireroom import ls` lists it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken back.")] = False,
    for_good: Annotated[bool, typer.Option("--for-good", help="Leave the tombstones: it must not come again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for what is still on its way.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Take a run back: what waits is not stored, what is stored is withdrawn, and it may be imported again.

    Articles that were there before the run stay, with what the run made of them. Interrupted, it is repeated.

    Examples: `wireroom import undo 20260301-093000-0011aabb --dry-run`
    """
    settings = Settings()
    try:
        plan = _plan(settings, run)
        numbers = {"run": run, "articles": len(plan.found), "stored": plan.stored, "kept": sorted(plan.kept)}
        said = f"{counted(len(plan.found), 'article')} of run {run}, {plan.stored} of them stored"
        if dry_run:
            tell(f"would take back {said}", numbers | {"dry_run": True}, as_json=as_json)
        else:
            _undo(settings, run, plan, ask=f"Take back {said}?" if not yes and plan.found else "", patience=patience)
            lifted = 0 if for_good else asyncio.run(_lift_all(settings, run))
            tell(f"took back {said}", numbers | {"lifted": lifted}, as_json=as_json)
    except Unavailable as outage:
        fail(EX_UNAVAILABLE, f"{outage}. Repeat it: what was done already stays done.")
    if plan.kept:
        named = ", ".join(sorted(plan.kept)[:_NAMED]) + (", ..." if len(plan.kept) > _NAMED else "")
        err.print(f"There before the run, and left as they are now: {counted(len(plan.kept), 'article')}: {named}")


def _undo(settings: Settings, run: str, plan: _Plan, *, ask: str, patience: float) -> None:
    if not plan.found and not asyncio.run(_unfinished(settings, run)):
        if plan.kept:
            return
        fail(EX_NOT_FOUND, f"the streams have no article of run {run}; nothing was done.")
    if ask:
        typer.confirm(ask, abort=True, err=True)
    take_down(settings, plan.found, import_runs.reason(run))
    if not asyncio.run(_gone(settings, run, plan.kept, patience)):
        said = "some of it is still on its way, and will be withdrawn as the services come to it"
        fail(EX_TEMPORARY, f"{said}. Repeat the command once they have, so that the articles may come in again.")


def _plan(settings: Settings, run: str) -> _Plan:
    """Find the articles of a run, and leave out those that are older than it."""

    async def look() -> tuple[import_runs.Content, dict[str, Found]]:
        async with nats_connection(settings.nats_url) as connection:
            js = connection.jetstream(timeout=10)
            content = await import_runs.content(js, run)
            with mongo_articles(settings) as database:
                kept.update(_older(database, content))
                ids = list(content.versions.keys() - kept)
                stored.extend(queries.with_ids(database, ids, withdraw.FIELDS))
            return content, await withdraw.find(js, Wanted(set(ids)), stored)

    kept, stored = set[str](), list[Article]()
    content, found = asyncio.run(look())
    for name, waiting in content.waiting.items():
        if name not in kept:
            article = found.setdefault(name, waiting)
            article.source, article.waiting = waiting.source, waiting.waiting
            article.names |= waiting.names
    return _Plan(found, kept, len(stored))


def _older(database: Documents, content: import_runs.Content) -> set[str]:
    ids = list(content.versions)
    stored = {found["_id"]: found for found in queries.with_ids(database, ids, ("version", "content_version"))}
    return import_runs.older(content, stored, queries.older_versions(database, ids))


async def _unfinished(settings: Settings, run: str) -> bool:
    """Tell whether an undo broke off before it lifted what it had set."""
    async with nats_connection(settings.nats_url) as connection:
        return bool(await import_runs.tombstones(connection.jetstream(timeout=10), run))


async def _gone(settings: Settings, run: str, kept: set[str], patience: float) -> bool:
    deadline = time.monotonic() + patience
    async with nats_connection(settings.nats_url) as connection:
        js = connection.jetstream(timeout=10)
        while await import_runs.is_left(js, run, kept):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_PAUSE)
    return True


async def _lift_all(settings: Settings, run: str) -> int:
    async with nats_connection(settings.nats_url) as connection:
        js = connection.jetstream(timeout=10)
        stones = await import_runs.tombstones(js, run)
        with mongo_articles(settings) as database:
            queries.forget_withdrawals(database, [stone.id for stone in stones])
        for stone in stones:
            await lift(js, stone.id)
    return len(stones)


Running = Annotated[str, typer.Argument(help="As `wireroom publish` prints it when it begins.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def pause(run: Running, as_json: AsJson = False) -> None:
    """Pause an import that `wireroom publish` is sending, until it is resumed or cancelled.

    Example: `wireroom import pause 20260301-093000-0011aabb`
    """
    _give(Order.PAUSE, run, as_json=as_json)


def resume(run: Running, as_json: AsJson = False) -> None:
    """Let a paused import go on.

    Example: `wireroom import resume 20260301-093000-0011aabb`
    """
    _give(Order.RESUME, run, as_json=as_json)


def cancel(run: Running, as_json: AsJson = False) -> None:
    """End an import that is being sent; what was acknowledged stays until `wireroom import undo` takes it back.

    Example: `wireroom import cancel 20260301-093000-0011aabb`
    """
    _give(Order.CANCEL, run, as_json=as_json)


def _give(order: Order, run: str, *, as_json: bool) -> None:
    answer = asyncio.run(_ask(order, run))
    said = f"import {run} is {answer['state']}, {answer['acknowledged']} acknowledged"
    tell(said, {"run": run, **answer}, as_json=as_json)


async def _ask(order: Order, run: str) -> dict[str, Any]:
    async with nats_connection(Settings().nats_url) as connection:
        try:
            return await import_control.ask(connection, run, order)
        except NoRespondersError:
            fail(EX_NOT_FOUND, f"no `wireroom publish` is sending import {run} now; `wireroom import ls` lists all.")
        except (ValueError, LookupError) as error:
            fail(EX_NOT_FOUND, f"{error}.")
