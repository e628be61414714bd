"""Load of `wireroom bench inputs`: posts over kept connections, a crawl as WARC, and the process that serves HTTP."""

import asyncio
import gzip
import json
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

from wireroom.publisher import submissions as intake

HUNDRED = 100
_AT_ONCE = 4  # requests of a hundred under way
_STARTS = 30.0  # seconds for the process that serves HTTP


async def post_one_by_one(port: int, bodies: list[bytes]) -> None:
    await _posted(port, iter(bodies), "application/json")


async def post_in_hundreds(port: int, bodies: list[bytes]) -> None:
    requests = iter([b"\n".join(bodies[at : at + HUNDRED]) for at in range(0, len(bodies), HUNDRED)])
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


def write_warc(path: Path, bodies: list[bytes]) -> list[bytes]:
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
async def http_process(url: str) -> AsyncIterator[int]:
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
