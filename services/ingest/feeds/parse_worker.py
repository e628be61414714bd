"""What a parser process executes: reads requests from standard input until it ends, and answers in frames."""

import os
import sys
from collections.abc import Iterator
from typing import IO, Any

import orjson
from protego import Protego

from services.ingest.feeds.feed_reader import NoFeed, read_feed
from services.ingest.feeds.page_reader import read_page
from services.ingest.feeds.parser_process import LENGTH
from shared.runtime import confine


def _feed(request: dict[str, Any], data: bytes) -> Iterator[bytes]:
    head, entries = read_feed(data, request["content_type"], request["url"])
    yield head.model_dump_json().encode()
    for entry in entries:
        yield orjson.dumps(entry.model_dump())


def _page(request: dict[str, Any], data: bytes) -> Iterator[bytes]:
    yield orjson.dumps(read_page(data, request["content_type"], request["url"]).model_dump())


def _robots(request: dict[str, Any], data: bytes) -> Iterator[bytes]:
    rules, agent = Protego.parse(data.decode("utf-8", "replace")), request["agent"]
    allowed = [rules.can_fetch(url, agent) for url in request["urls"]]
    yield orjson.dumps({"allowed": allowed, "delay": rules.crawl_delay(agent) or 0})


_JOBS = {"feed": _feed, "page": _page, "robots": _robots}


def answer(request: dict[str, Any], data: bytes) -> list[bytes]:
    """Return ``ok`` with the frames of the answer, or why there is none."""
    try:
        return [b"ok", *_JOBS[request["job"]](request, data)]
    except NoFeed as refused:
        return [str(refused).encode("utf-8", "replace")[:500] or b"refused"]
    except (MemoryError, RecursionError) as error:
        return [type(error).__name__.encode()]
    except Exception as error:  # noqa: BLE001 - a parser of others failed on hostile bytes: the document is refused
        return [f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500]]


def _read(stream: IO[bytes]) -> bytes | None:
    size = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(size)[0]) if len(size) == LENGTH.size else None


def main() -> None:
    confine.end_with(int(sys.argv[1]))
    confine.limit_memory(int(sys.argv[2]))
    confine.leave_no_core()
    confine.leave_signals_to_the_service()
    confine.go_first_when_memory_runs_out()
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no frame
    target.write(LENGTH.pack(0))  # ready
    target.flush()
    while (head := _read(source)) is not None and (data := _read(source)) is not None:
        for frame in answer(orjson.loads(head), data):
            target.write(LENGTH.pack(len(frame)) + frame)
        target.write(LENGTH.pack(0))
        target.flush()


if __name__ == "__main__":
    main()
