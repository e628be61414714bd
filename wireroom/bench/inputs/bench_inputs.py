"""``wireroom bench inputs``: articles a second over HTTP and from WARC beside the bare NATS client, and feeds polled.

One by one the bare client waits for each acknowledgement, as the HTTP client does over one connection; against hundreds
and against WARC it has as many in flight as `wireroom publish`. HTTP is served by a process of its own.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path
from typing import Annotated

import typer
from nats.js import JetStreamContext

from shared.broker import provisioning
from wireroom.bench.inputs.feed_load import FeedsMeasured, measure_feeds
from wireroom.bench.inputs.input_load import HUNDRED, http_process, post_in_hundreds, post_one_by_one, write_warc
from wireroom.bench.texts import sample_submissions
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import json_line, table
from wireroom.publisher import submissions as intake
from wireroom.publisher.sender import IN_FLIGHT, published

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Measured:
    """Articles a second, medians of the rounds; ``ratio`` is ours over the bare client's."""

    way: str
    bare: float
    ours: float
    ratio: float


def bench_inputs(
    articles: Annotated[int, typer.Option(min=HUNDRED, help="In each round.")] = 2000,
    rounds: Annotated[int, typer.Option(min=1, help="For each of the ways, in turns.")] = 5,
    feeds: Annotated[int, typer.Option(min=0, help="That are polled twice; 0: none.")] = 5000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure HTTP and WARC beside the bare NATS client that publishes the same bytes, and polls of feeds on loopback.

    Examples: `wireroom bench inputs`, `wireroom bench inputs --articles 500 --rounds 3 --feeds 0 --json`
    """
    found, polled = asyncio.run(_measure(articles, rounds, feeds))
    if as_json:
        json_line({"v": 1, "inputs": [asdict(each) for each in found], "feeds": asdict(polled) if polled else None})
        return
    rows = [(each.way, f"{each.bare:,.0f}", f"{each.ours:,.0f}", f"{each.ratio:.2f}") for each in found]
    table(("way", "bare NATS client, articles/s", "ours", "ratio"), rows, numbers=("ours", "ratio"))
    if polled:
        row = (f"{polled.polls_a_minute:,.0f}", f"{polled.unchanged_a_minute:,.0f}", f"{polled.memory_mb:.0f}")
        columns = ("feeds", "polls a minute, 3 articles each", "unchanged (304)", "MB of memory")
        typer.echo()
        table(columns, [(f"{polled.feeds:,}", *row)], numbers=columns)


async def _measure(number: int, rounds: int, feeds: int) -> tuple[list[Measured], FeedsMeasured | None]:
    from wireroom.local.servers import nats_server  # noqa: PLC0415 - the supervisor's imports take half a second

    bodies = [article.model_dump_json(exclude_none=True).encode() for article in islice(sample_submissions(), number)]
    with tempfile.TemporaryDirectory(prefix="wireroom-bench-") as folder, nats_server(Path(folder)) as url:
        warc = Path(folder) / "crawl.warc.gz"
        pages = write_warc(warc, bodies)
        async with nats_connection(url) as connection, http_process(url) as port:
            js = connection.jetstream(timeout=10)
            await provisioning.apply(js)
            ids = count()
            ways: list[tuple[str, Work, Work]] = [
                ("HTTP, one by one", lambda: _bare(js, bodies, ids, 1), lambda: post_one_by_one(port, bodies)),
                (
                    "HTTP, in hundreds",
                    lambda: _bare(js, bodies, ids, IN_FLIGHT),
                    lambda: post_in_hundreds(port, bodies),
                ),
                ("WARC", lambda: _bare(js, pages, ids, IN_FLIGHT), lambda: _from_warc(js, warc)),
            ]
            found = [await _in_turns(js, name, bare, ours, number, rounds) for name, bare, ours in ways]
            return found, await measure_feeds(js, feeds) if feeds else None


async def _in_turns(js: JetStreamContext, name: str, bare: Work, ours: Work, number: int, rounds: int) -> Measured:
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for kept, work in zip(times, (bare, ours), strict=True):
            began = time.perf_counter()
            await work()
            if turn:  # the first is for warming up
                kept.append(time.perf_counter() - began)
            await js.purge_stream("INBOX")
    plain, own = (number / statistics.median(found) for found in times)
    return Measured(name, plain, own, own / plain)


async def _bare(js: JetStreamContext, bodies: list[bytes], ids: Iterator[int], at_once: int) -> None:
    left = iter(bodies)

    async def work() -> None:
        for body in left:
            await js.publish("news.v1.submitted", body, timeout=10, headers={"Nats-Msg-Id": f"bare-{next(ids)}"})

    await asyncio.gather(*(work() for _ in range(at_once)))


async def _from_warc(js: JetStreamContext, path: Path) -> None:
    await published(js, intake.read([str(path)], source="bench"))
