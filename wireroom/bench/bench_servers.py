"""``wireroom bench publish`` and ``store``: what our own care costs beside the bare clients, on the same servers."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from nats.js import JetStreamContext

from services.ingest.identity import ingested
from services.store.documents import document
from services.store.repository import Articles, connect
from shared.broker import provisioning
from shared.messages import ArticleExtracted, Pipeline
from wireroom.bench.texts import sample_submissions
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import json_line, table
from wireroom.publisher.sender import IN_FLIGHT, published
from wireroom.publisher.submissions import Submission

_BATCH = 200  # as store takes them

Work = Callable[[], Awaitable[None]]
Way = Callable[[int], Work]  # makes ready what a round needs, which is not measured, and returns its work


@dataclass(frozen=True)
class Result:
    """Articles a second, medians of the rounds; ``ratio`` is ours over the bare client's."""

    bare: float
    ours: float
    ratio: float


AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Rounds = Annotated[int, typer.Option(min=1, help="For each of the two ways, in turns.")]


def bench_publish(
    articles: Annotated[int, typer.Option(min=100, help="In each round.")] = 2000,
    rounds: Rounds = 5,
    as_json: AsJson = False,
) -> None:
    """Measure publishing beside the bare NATS client, as many in flight, on the same broker.

    Examples: `wireroom bench publish`, `wireroom bench publish --articles 10000 --json`
    """
    _tell("nats-py, js.publish", asyncio.run(_publish(articles, rounds)), as_json=as_json)


def bench_store(
    articles: Annotated[int, typer.Option(min=_BATCH, help="In each round.")] = 2000,
    rounds: Rounds = 20,
    as_json: AsJson = False,
) -> None:
    """Measure storing beside bare `insert_many`, the same documents, batches, indexes and durability.

    Examples: `wireroom bench store`, `wireroom bench store --articles 20000 --rounds 3`
    """
    _tell("pymongo, insert_many", asyncio.run(_store(articles, rounds)), as_json=as_json)


async def _publish(count: int, rounds: int) -> Result:
    from wireroom.local.servers import nats_server  # noqa: PLC0415 - the supervisor's imports take half a second

    bodies = [article.model_dump_json().encode() for article in islice(sample_submissions(), count)]
    with tempfile.TemporaryDirectory(prefix="wireroom-bench-") as folder, nats_server(Path(folder)) as url:
        async with nats_connection(url) as connection:
            js = connection.jetstream(timeout=10)
            await provisioning.apply(js)

            def bare(number: int) -> Work:
                return lambda: _bare_publish(js, bodies, number)

            def ours(number: int) -> Work:
                submissions = [Submission(f"{number}-{n}", body) for n, body in enumerate(bodies)]

                async def work() -> None:
                    await published(js, submissions)

                return work

            return await _in_turns(bare, ours, count, rounds)


async def _bare_publish(js: JetStreamContext, bodies: list[bytes], number: int) -> None:
    left = iter(enumerate(bodies))

    async def work() -> None:
        for n, body in left:
            headers = {"Nats-Msg-Id": f"bare-{number}-{n}"}
            await js.publish("news.v1.submitted", body, timeout=10, headers=headers)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


async def _store(count: int, rounds: int) -> Result:
    from wireroom.local.servers import mongod  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="wireroom-bench-") as folder, mongod(Path(folder)) as url:
        async with connect(url) as client:
            stored, plain = Articles(client["ours"]), Articles(client["bare"])
            await stored.prepare()
            await plain.prepare()  # the same indexes and validators

            def bare(number: int) -> Work:
                batches = [[document(article) for article in batch] for batch in _batches(count, number)]

                async def work() -> None:
                    for batch in batches:
                        await client["bare"]["articles"].insert_many(batch, ordered=False)

                return work

            def ours(number: int) -> Work:
                batches = _batches(count, number)

                async def work() -> None:
                    for batch in batches:
                        await stored.write(batch)

                return work

            return await _in_turns(bare, ours, count, rounds)


def _batches(count: int, number: int) -> list[list[ArticleExtracted]]:
    made = [_extracted(article, f"{number}-{n}", n) for n, article in enumerate(islice(sample_submissions(), count), 1)]
    return [made[start : start + _BATCH] for start in range(0, count, _BATCH)]


def _extracted(article: Any, guid: str, version: int) -> ArticleExtracted:  # noqa: ANN401 - a submission
    raw = ingested(article.model_copy(update={"guid": guid}), version=version, received_at=datetime.now(UTC))
    kept = {name: value for name, value in raw if name in ArticleExtracted.model_fields}
    made = {"language": "en", "paragraphs": tuple(raw.body.splitlines()), "pipeline": Pipeline(wireroom="0", rules="0")}
    return ArticleExtracted(**kept | made)


async def _in_turns(bare: Way, ours: Way, count: int, rounds: int) -> Result:
    """Run both ways round by round; the first round, which opens connections and files, is left out."""
    rates: dict[Way, list[float]] = {bare: [], ours: []}
    for number in range(rounds + 1):
        for way, found in rates.items():
            work = way(number)
            began = time.perf_counter()
            await work()
            found.append(count / (time.perf_counter() - began))
    plain, cared = (statistics.median(found[1:]) for found in rates.values())
    return Result(plain, cared, cared / plain)


def _tell(bare: str, result: Result, *, as_json: bool) -> None:
    if as_json:
        json_line({"v": 1, **asdict(result)})
        return
    rows = [(bare, f"{result.bare:.0f}", "1.00"), ("wireroom", f"{result.ours:.0f}", f"{result.ratio:.2f}")]
    table(("way", "articles/s", "ratio"), rows, numbers=("articles/s", "ratio"))
