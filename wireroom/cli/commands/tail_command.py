"""``wireroom tail``: what flows through the queue, live or from the beginning."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from pydantic import ValidationError
from rich.text import Text

from shared.broker.nats_address import without_password
from shared.broker.stream_reader import fields
from shared.messages import MESSAGES, Message
from shared.settings import Settings
from wireroom.cli import subject_arguments
from wireroom.cli.connections import lasting_nats_connection
from wireroom.cli.output import err, fail, json_line, one_line, out
from wireroom.cli.rendering import entity_names
from wireroom.cli.subject_arguments import STREAMS, Stage, subject
from wireroom.cli.time_arguments import duration
from wireroom.cli.time_arguments import since as moment
from wireroom.ops.article_lookup import names_entity
from wireroom.ops.stream_follower import Follower

EX_UNAVAILABLE = 69
_SHOWN_ENTITIES = 4
_MODELS: dict[Stage, type[Message]] = {Stage(model.event): model for model in MESSAGES if model.event in STREAMS}

BySource = Annotated[
    str | None, typer.Option(callback=subject_arguments.source, help="Only this source; not for dead.")
]
ByLanguage = Annotated[
    str | None, typer.Option(callback=subject_arguments.language, help="Only this language; not for raw.")
]


@dataclass(frozen=True)
class _Wanted:
    stage: Stage
    subject: str
    entity: str | None
    count: int | None
    idle: float | None


def tail(
    stage: Annotated[Stage, typer.Argument(help="raw, extracted, stored, withdrawn or dead.")] = Stage.EXTRACTED,
    source: BySource = None,
    language: ByLanguage = None,
    entity: Annotated[str | None, typer.Option(help="Only with this name or LABEL:name; for extracted.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="From the beginning of the stream.")] = False,
    since: Annotated[datetime | None, typer.Option(parser=moment, help="From then on: 10m, 2h, 2026-03-01.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    until_idle: Annotated[float | None, typer.Option(parser=duration, help="End after so long a silence: 5s.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per message.")] = False,
) -> None:
    """Follow what flows through the queue; nothing is taken from it.

    A broker that becomes unavailable is waited for, and nothing is missed or shown twice.

    Examples: `wireroom tail --all --entity ORG:Reuters`, `wireroom tail stored --since 10m --until-idle 2s --json`
    """
    if language and stage not in {Stage.EXTRACTED, Stage.STORED}:
        raise typer.BadParameter(f"{stage} has no language; follow extracted or stored")
    if source and stage is Stage.DEAD:
        raise typer.BadParameter("dead letters have no source in their subject; `wireroom dead ls` lists them")
    if entity and stage is not Stage.EXTRACTED:
        raise typer.BadParameter("only extracted articles have entities")
    wanted = _Wanted(stage, subject(stage, source, language), entity, count, until_idle)
    asyncio.run(_tail(wanted, everything=everything, since=since, as_json=as_json))


async def _tail(wanted: _Wanted, *, everything: bool, since: datetime | None, as_json: bool) -> None:
    url = Settings().nats_url
    follower = Follower(STREAMS[wanted.stage], wanted.subject, err.print)

    async def lost() -> None:
        err.print(f"NATS at {without_password(url)} became unavailable; waiting for it to come back")
        await follower.lost()

    async def back() -> None:
        err.print(f"NATS at {without_password(url)} is back")
        await follower.back()

    async with lasting_nats_connection(url, lost, back) as connection:
        messages = follower.messages(
            connection.jetstream(timeout=5), everything=everything, since=since, idle=wanted.idle
        )
        async for message in _wanted(messages, wanted):
            if as_json:
                json_line(_as_object(message, wanted.stage))
            else:
                print_line(_as_line(message, wanted.stage))


async def _wanted(messages: AsyncIterator[Msg], wanted: _Wanted) -> AsyncIterator[Msg]:
    seen = 0
    try:
        async for message in messages:
            entities = _article(message, wanted.stage).get("entities", ()) if wanted.entity else ()
            if wanted.entity and not names_entity(entities, wanted.entity):
                continue
            seen += 1
            yield message
            if seen == wanted.count:
                return
    except NotFoundError:
        fail(EX_UNAVAILABLE, f"the broker has no stream {STREAMS[wanted.stage]}. Run `wireroom setup` first.")


def _as_object(message: Msg, stage: Stage) -> dict[str, Any]:
    if stage is Stage.DEAD:
        headers = {k: v for k, v in (message.headers or {}).items() if k.startswith("wireroom-")}
        return {"v": 1, "sequence": message.metadata.sequence.stream, **headers}
    return {"v": 1, **fields(message.data)}


def _article(message: Msg, stage: Stage) -> dict[str, Any]:
    """Return the fields of a message, none if it is no message of ours: anyone may publish."""
    try:
        return _MODELS[stage].model_validate_json(message.data).model_dump()
    except ValidationError:
        return {}


def _as_line(message: Msg, stage: Stage) -> Text:
    at = f"{message.metadata.timestamp.astimezone():%H:%M:%S}  "
    if stage is Stage.DEAD:
        headers = message.headers or {}
        place = f"{message.metadata.sequence.stream:<6}"
        reason = f"{headers.get('wireroom-service')} {headers.get('wireroom-reason')}  "
        return Text.assemble((at, "dim"), place, (reason, "red"), _cut(headers.get("wireroom-detail", ""), 120))
    article = _article(message, stage)
    if not article:
        return Text.assemble((at, "dim"), ("no article  ", "red"), _cut(message.subject, 120))
    if stage is Stage.WITHDRAWN:
        which = f"{at}{article['id'][:12]}  {article['source']}  "
        return Text.assemble((which, "dim"), ("withdrawn  ", "red"), _cut(article.get("reason", ""), 120))
    facts = [article["id"][:12], article.get("outcome"), article["source"], article.get("language")]
    title = article.get("title") or next(iter(article.get("paragraphs", ())), "") or "(no title)"
    names = entity_names(article.get("entities", ()), _SHOWN_ENTITIES)
    head = "  ".join(fact for fact in facts if fact)
    return Text.assemble((f"{at}{_cut(head, 120)}  ", "dim"), (_cut(title, 80), "bold"), f"  {_cut(names, 100)}")


def print_line(line: Text) -> None:
    """Print one line: cut to the width of a terminal, whole into a pipe, where rich cuts it too if told of a width."""
    out.print(line, soft_wrap=not out.is_terminal, overflow="ellipsis" if out.is_terminal else "ignore", no_wrap=True)


def _cut(text: str, limit: int) -> str:
    """Return the text on one line; only a terminal needs it short."""
    return one_line(text, limit if out.is_terminal else sys.maxsize)
