"""``wireroom bench inputs``: articles a second over HTTP and from WARC, beside the bare NATS client.

One by one the bare client waits for each acknowledgement, as the HTTP client does over one connection; against hundreds
and against WARC it has as many in flight as `wireroom publish`. HTTP is served by a process of its own.
"""

import asyncio
import gzip
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from itertools import count, islice
from pathlib import Path
from typing import Annotated

import typer
from nats.js import JetStreamContext

from shared.broker import provisioning
from wireroom.bench.texts import sample_submissions
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import json_line, table
from wireroom.publisher import submissions as intake
from wireroom.publisher.sender import IN_FLIGHT, published

_HUNDRED = 100
_AT_ONCE = 4  # requests of a hundred under way
_STARTS = 30.0  # seconds for the process that serves HTTP

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Measured:
    """Articles a second, medians of the rounds; ``ratio`` is ours over the bare client's."""

    way: str
    bare: float
    ours: float
    ratio: float


def bench_inputs(
    articles: Annotated[int, typer.Option(min=_HUNDRED, help="In each round.")] = 2000,
    rounds: Annotated[int, typer.Option(min=1, help="For each of the ways, in turns.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure HTTP and WARC beside the bare NATS client that publishes the same bytes.

    Examples: `wireroom bench inputs`, `wireroom bench inputs --articles 500 --rounds 3 --json`
    """
    found = asyncio.run(_measure(articles, rounds))
    if as_json:
        json_line({"v": 1, "inputs": [asdict(each) for each in found]})
        return
    rows = [(each.way, f"{each.bare:,.0f}", f"{each.ours:,.0f}", f"{each.ratio:.2f}") for each in found]
    table(("way", "bare NATS client, articles/s", "ours", "ratio"), rows, numbers=("ours", "ratio"))


async def _measure(number: int, rounds: int) -> list[Measured]:
    from wireroom.local.servers import nats_server  # noqa: PLC0415 - the supervisor's imports take half a second

    bodies = [article.model_dump_json(exclude_none=True).encode() for article in islice(sample_submissions(), number)]
    with tempfile.TemporaryDirectory(prefix="wireroom-bench-") as folder, nats_server(Path(folder)) as url:
        warc = Path(folder) / "crawl.warc.gz"
        pages = _write_warc(warc, bodies)
        async with nats_connection(url) as connection, _http(url) as port:
            js = connection.jetstream(timeout=10)
            await provisioning.apply(js)
            ids = count()
            ways: list[tuple[str, Work, Work]] = [
                ("HTTP, one by one", lambda: _bare(js, bodies, ids, 1), lambda: _one_by_one(port, bodies)),
                ("HTTP, in hundreds", lambda: _bare(js, bodies, ids, IN_FLIGHT), lambda: _in_hundreds(port, bodies)),
                ("WARC", lambda: _bare(js, pages, ids, IN_FLIGHT), lambda: _from_warc(js, warc)),
            ]
            return [await _in_turns(js, name, bare, ours, number, rounds) for name, bare, ours in ways]


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


async def _one_by_one(port: int, bodies: list[bytes]) -> None:
    await _posted(port, iter(bodies), "application/json")


async def _in_hundreds(port: int, bodies: list[bytes]) -> None:
    requests = iter([b"\n".join(bodies[at : at + _HUNDRED]) for at in range(0, len(bodies), _HUNDRED)])
    await asyncio.gather(*(_posted(port, requests, "application/x-ndjson") for _ in range(_AT_ONCE)))


async def _posted(port: int, requests: Iterator[bytes], kind: str) -> None:
    """Post over one connection that is kept; raises OSError where one is not answered with 202."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for body in requests:
            head = (
                f"POST /v1/articles HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            size = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            said = await reader.readexactly(size)
            if b" 202 " not in answer.partition(b"\r\n")[0] or json.loads(said).get("refused"):
                raise OSError(f"{answer[:40]!r} {said[:200]!r}")
    finally:
        writer.close()


async def _from_warc(js: JetStreamContext, path: Path) -> None:
    await published(js, intake.read([str(path)], source="bench"))


def _write_warc(path: Path, bodies: list[bytes]) -> list[bytes]:
    """Write the articles as pages of a crawl, and return what `wireroom publish` sends of them."""
    from fastwarc.warc import WarcRecord, WarcRecordType  # noqa: PLC0415

    with path.open("wb") as file:
        for number, body in enumerate(bodies):
            record = WarcRecord()
            record.init_headers(WarcRecordType.response)
            record.headers["WARC-Target-URI"] = f"https://bench.example/{number}"
            record.headers["Content-Type"] = "application/http; msgtype=response"
            paragraphs = "".join(f"<p>{line}</p>" for line in json.loads(body)["body"].split("\n") if line)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
            record.set_bytes_content(head + f"<html><body>{paragraphs}</body></html>".encode())
            member = BytesIO()
            record.write(member)
            file.write(gzip.compress(member.getvalue()))
    return [each.data for each in intake.read([str(path)], source="bench")]


@asynccontextmanager
async def _http(url: str) -> AsyncIterator[int]:
    """Serve POST /v1/articles in a process of its own; yields its port."""
    from wireroom.local import ports  # noqa: PLC0415

    [port] = ports.free(1)
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(url, port), daemon=True)
    process.start()
    try:
        async with asyncio.timeout(_STARTS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield port
    finally:
        process.terminate()
        process.join()


def _serve(url: str, port: int) -> None:
    import uvloop  # noqa: PLC0415 - of this process alone

    from services.ingest.http.listener import http_input  # noqa: PLC0415
    from services.ingest.settings import IngestSettings  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    async def serve() -> None:
        options = IngestSettings(http_port=port, source_articles=10**9, source_bytes=10**15)
        async with http_input(Settings(nats_url=url), options):
            await asyncio.Event().wait()

    uvloop.run(serve())
