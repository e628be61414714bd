"""``wireroom audit``: whether everything that was accepted is accounted for."""

import asyncio
import getpass
import socket
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from nats.js.errors import NotFoundError
from pymongo.database import Database

from services.store import queries
from services.store.queries import AcceptedLoss
from shared.broker.dead_letters import as_ranges
from shared.errors import Unavailable
from shared.messages import ArticleStored
from shared.settings import Settings
from wireroom.cli.connections import mongo_articles, nats_connection
from wireroom.cli.output import counted, fail, json_line, out
from wireroom.ops.audit import Balance, balance, gather, ledger_places
from wireroom.ops.audit_snapshot import AuditSnapshot

EX_CHECK = 1
EX_DATA = 65
EX_UNAVAILABLE = 69
_NAMED = 20
_RESTORED = "the broker lost its data or was given older data, so new articles look old. Run `wireroom setup`."


def audit(
    ledger: Annotated[Path | None, typer.Option(help="Only what this ledger of `publish --ledger` names.")] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Note what is missing now as lost: it is counted as that from then on.")
    ] = False,
    reason: Annotated[str, typer.Option(help="With --accept: how it was lost.")] = "",
    by: Annotated[str, typer.Option(help="With --accept: who says so; else the user of this machine.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check that everything accepted is accounted for: stored, withdrawn, dead-lettered, dropped or in flight.

    Looks back as far as the streams do. Exit code 1 if something is missing.

    Examples: `wireroom audit`, `wireroom publish big.jsonl --ledger sent.jsonl; wireroom audit --ledger sent.jsonl`,
    `wireroom audit --accept --reason "the disk of the broker was replaced, the backup was a day old"`
    """
    if accept and not reason.strip():
        raise typer.BadParameter("a loss is accepted with its --reason: it is shown by every later audit")
    places = None if ledger is None else _read(ledger)
    snapshot = asyncio.run(_gather(Settings().nats_url))
    with mongo_articles(Settings()) as database:
        absent = _not_in_mongo(snapshot, database)
        snapshot = replace(snapshot, kept=queries.stored_places(database, snapshot.gaps))
        behind = queries.number_behind(database, snapshot.last)
        losses = queries.accepted_losses(database)
        found, unsaid = _judged(snapshot, places, absent, losses)
        if accept and (found.missing or unsaid):
            queries.accept_loss(database, found.missing, unsaid, reason.strip(), by or _user())
            losses = queries.accepted_losses(database)
            found, unsaid = _judged(snapshot, places, absent, losses)
    fine = found.adds_up and not unsaid and behind is None
    if as_json:
        facts = {"not_in_database": [name.partition(":")[0] for name in unsaid], "stored_ahead": behind}
        noted = [_as_object(loss) for loss in losses]
        json_line({"v": 1, **asdict(found), **facts, "losses": noted, "adds_up": fine})
    else:
        _show(found, unsaid, losses, fine=fine)
        if behind:
            out.print(f"Version {behind} is stored, INBOX ended at {snapshot.last}: {_RESTORED}")
    raise typer.Exit(0 if fine else EX_CHECK)


def _judged(
    snapshot: AuditSnapshot, places: list[int] | None, absent: list[str], losses: Sequence[AcceptedLoss]
) -> tuple[Balance, list[str]]:
    """Return the balance, and which announced articles are not in the database; what is noted as lost is neither."""
    lost = frozenset[int]().union(*(loss.places for loss in losses))
    articles = frozenset[str]().union(*(loss.articles for loss in losses))
    return balance(replace(snapshot, accepted_losses=lost), places), [name for name in absent if name not in articles]


def _user() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _as_object(loss: AcceptedLoss) -> dict[str, Any]:
    numbers = {"places": as_ranges(loss.places), "articles": len(loss.articles)}
    return {"at": loss.at, "by": loss.by, "reason": loss.reason, **numbers}


def _read(ledger: Path) -> list[int]:
    try:
        return ledger_places(ledger.read_text("utf-8").splitlines())
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{ledger} is no ledger of `wireroom publish --ledger`: {error}.")


async def _gather(url: str) -> AuditSnapshot:
    async with nats_connection(url) as connection:
        try:
            return await gather(connection.jetstream(timeout=10))
        except Unavailable as error:
            fail(EX_UNAVAILABLE, f"{error}.")
        except NotFoundError as error:
            fail(EX_UNAVAILABLE, f"the broker lacks a stream or consumer ({error.description}). Run `wireroom setup`.")


def _not_in_mongo(snapshot: AuditSnapshot, database: Database[dict[str, Any]]) -> list[str]:
    """Return ``id:version`` of articles that were announced as stored but are absent, or there in an older version."""
    newest: dict[str, ArticleStored] = {}
    for _, event in sorted(snapshot.stored.items()):
        newest[event.id] = event
    kept = queries.current_versions(database)
    return sorted(f"{name}:{event.version}" for name, event in newest.items() if kept.get(name, 0) < event.version)


def _show(found: Balance, unsaid: list[str], losses: Sequence[AcceptedLoss], *, fine: bool) -> None:
    parts = [f"{number} {outcome}" for outcome, number in sorted(found.outcomes.items())]
    parts += [f"{found.dead} dead-lettered", f"{found.in_flight} in flight"]
    parts += [
        f"{number} {what}"
        for number, what in ((found.dropped, "dropped"), (found.too_old, "too old"), (found.accepted_losses, "lost"))
        if number
    ]
    if found.missing:
        parts.append(f"{len(found.missing)} without a trace")
    out.print(f"accepted {found.accepted} = {' + '.join(parts)}   {'OK' if fine else 'NOT OK'}")
    if found.too_old:
        out.print(f"{found.too_old} are older than what the streams keep, so nothing can be said of them.")
    if found.missing:
        named = ", ".join(map(str, found.missing[:_NAMED])) + (", ..." if len(found.missing) > _NAMED else "")
        out.print(
            f"Without a trace, by their place in INBOX: {named}. Look for them in the logs of ingest and extract."
        )
    if found.lost_by_broker:
        said = f"{len(found.lost_by_broker)} of them were accepted by a broker whose data is gone"
        out.print(f"{said}: they went with it, unless they were duplicates or dead-lettered. Publish them again.")
    for name in unsaid[:_NAMED]:
        out.print(f"{name.partition(':')[0]} was announced as stored but is not in the database.")
    for loss in losses:
        what = f"{counted(len(loss.places), 'submission')} and {counted(len(loss.articles), 'stored article')}"
        out.print(f"Accepted as lost on {loss.at:%Y-%m-%d %H:%M} by {loss.by}: {what}: {loss.reason}")
