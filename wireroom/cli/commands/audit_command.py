"""``wireroom audit``: whether everything that was accepted is accounted for."""

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from nats.js.errors import NotFoundError
from pymongo.database import Database

from services.store import queries
from shared.errors import Unavailable
from shared.messages import ArticleStored
from shared.settings import Settings
from wireroom.cli.connections import mongo_articles, nats_connection
from wireroom.cli.output import fail, json_line, out
from wireroom.ops.audit import Balance, balance, gather, ledger_places
from wireroom.ops.audit_snapshot import Evidence

EX_CHECK = 1
EX_DATA = 65
EX_UNAVAILABLE = 69
_NAMED = 20
_RESTORED = "the broker lost its data or was given older data, so new articles look old. Run `wireroom setup`."


def audit(
    ledger: Annotated[Path | None, typer.Option(help="Only what this ledger of `publish --ledger` names.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check that accepted = inserted + updated + duplicate + superseded + withdrawn + dead + dropped + in flight.

    Looks back as far as the streams do. Exit code 1 if something is missing.

    Examples: `wireroom audit`, `wireroom publish big.jsonl --ledger sent.jsonl; wireroom audit --ledger sent.jsonl`
    """
    places = None if ledger is None else _read(ledger)
    evidence = asyncio.run(_gather(Settings().nats_url))
    with mongo_articles(Settings()) as database:
        unsaid = _not_in_mongo(evidence, database)
        evidence = replace(evidence, kept=queries.stored_places(database, evidence.gaps))
        behind = queries.number_behind(database, evidence.last)
    found = balance(evidence, places)
    fine = found.adds_up and not unsaid and behind is None
    if as_json:
        json_line({"v": 1, **asdict(found), "not_in_database": unsaid, "stored_ahead": behind, "adds_up": fine})
    else:
        _show(found, unsaid, fine=fine)
        if behind:
            out.print(f"Version {behind} is stored, INBOX ended at {evidence.last}: {_RESTORED}", soft_wrap=True)
    raise typer.Exit(0 if fine else EX_CHECK)


def _read(ledger: Path) -> list[int]:
    try:
        return ledger_places(ledger.read_text("utf-8").splitlines())
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{ledger} is no ledger of `wireroom publish --ledger`: {error}.")


async def _gather(url: str) -> Evidence:
    async with nats_connection(url) as connection:
        try:
            return await gather(connection.jetstream(timeout=10))
        except Unavailable as error:
            fail(EX_UNAVAILABLE, f"{error}.")
        except NotFoundError as error:
            fail(EX_UNAVAILABLE, f"the broker lacks a stream or consumer ({error.description}). Run `wireroom setup`.")


def _not_in_mongo(evidence: Evidence, database: Database[dict[str, Any]]) -> list[str]:
    """Return the ids of articles that were announced as stored but are not there, or only in an older version."""
    newest: dict[str, ArticleStored] = {}
    for _, event in sorted(evidence.stored.items()):
        newest[event.id] = event
    kept = queries.current_versions(database)
    return sorted(id_ for id_, event in newest.items() if kept.get(id_, 0) < event.version)


def _show(found: Balance, unsaid: list[str], *, fine: bool) -> None:
    parts = [f"{number} {outcome}" for outcome, number in sorted(found.outcomes.items())]
    parts += [f"{found.dead} dead", f"{found.in_flight} in flight"]
    parts += [f"{number} {what}" for number, what in ((found.dropped, "dropped"), (found.too_old, "too old")) if number]
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
        out.print(f"{said}: they went with it, unless they were duplicates or set aside. Publish them again.")
    for id_ in unsaid[:_NAMED]:
        out.print(f"{id_} was announced as stored but is not in the database.")
