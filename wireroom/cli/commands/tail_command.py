"""``wireroom tail``: what flows through the queue, live or from the beginning."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from pydantic import ValidationError
from rich.text import Text

from shared.broker.stream_reader import fields
from shared.messages import MESSAGES, Message
from shared.settings import Settings
from wireroom.cli import subject_arguments
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import fail, json_line, one_line, out
from wireroom.cli.rendering import entity_names
from wireroom.cli.subject_arguments import STREAMS, Stage, subject
from wireroom.cli.time_arguments import duration
from wireroom.cli.time_arguments import since as moment
from wireroom.ops.article_lookup import names_entity

EX_UNAVAILABLE = 69
EX_INTERRUPTED = 130
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

    Examples: `wireroom tail --all --entity ORG:Reuters`, `wireroom tail stored --since 10m --until-idle 2s --json`
    """
    if language and stage not in {Stage.EXTRACTED, Stage.STORED}:
        raise typer.BadParameter(f"{stage} has no language; follow extracted or stored")
    if source and stage is Stage.DEAD:
        raise typer.BadParameter("dead letters have no source in their subject; `wireroom dead ls` lists them")
    if entity and stage is not Stage.EXTRACTED:
        raise typer.BadParameter("only extracted articles have entities")
    wanted = _Wanted(stage, subject(stage, source, language), entity, count, until_idle)
    try:
        asyncio.run(_tail(wanted, _start(everything=everything, since=since), as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(EX_INTERRUPTED) from None


def _start(*, everything: bool, since: datetime | None) -> ConsumerConfig:
    if since:
        start: Any = since.isoformat()  # the client hands it to the broker as it is, which wants RFC 3339
        return ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=start)
    return ConsumerConfig(deliver_policy=DeliverPolicy.ALL if everything else DeliverPolicy.NEW)


async def _tail(wanted: _Wanted, start: ConsumerConfig, *, as_json: bool) -> None:
    async with nats_connection(Settings().nats_url) as connection:
        async for message in _messages(connection.jetstream(timeout=5), wanted, start):
            if as_json:
                json_line(_as_object(message, wanted.stage))
            else:
                out.print(
                    _as_line(message, wanted.stage), soft_wrap=not out.is_terminal, overflow="ellipsis", no_wrap=True
                )


async def _messages(js: JetStreamContext, wanted: _Wanted, start: ConsumerConfig) -> AsyncIterator[Msg]:
    try:
        reader = await js.subscribe(wanted.subject, stream=STREAMS[wanted.stage], ordered_consumer=True, config=start)
    except NotFoundError:
        fail(EX_UNAVAILABLE, f"the broker has no stream {STREAMS[wanted.stage]}. Run `wireroom setup` first.")
    seen = 0
    while wanted.count is None or seen < wanted.count:
        try:
            message = await reader.next_msg(wanted.idle or 60)
        except NatsTimeoutError:
            if wanted.idle:
                return
            continue
        if wanted.entity and not names_entity(_article(message, wanted.stage).get("entities", ()), wanted.entity):
            continue
        seen += 1
        yield message


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
        return Text.assemble((at, "dim"), place, (reason, "red"), one_line(headers.get("wireroom-detail", ""), 120))
    article = _article(message, stage)
    if not article:
        return Text.assemble((at, "dim"), ("no article  ", "red"), one_line(message.subject, 120))
    if stage is Stage.WITHDRAWN:
        which = f"{at}{article['id'][:12]}  {article['source']}  "
        return Text.assemble((which, "dim"), ("withdrawn  ", "red"), one_line(article.get("reason", ""), 120))
    facts = [article["id"][:12], article.get("outcome"), article["source"], article.get("language")]
    title = article.get("title") or next(iter(article.get("paragraphs", ())), "") or "(no title)"
    names = entity_names(article.get("entities", ()), _SHOWN_ENTITIES)
    head = "  ".join(fact for fact in facts if fact)
    return Text.assemble(
        (f"{at}{one_line(head, 120)}  ", "dim"), (one_line(title, 80), "bold"), f"  {one_line(names, 100)}"
    )
