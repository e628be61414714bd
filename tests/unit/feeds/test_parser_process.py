"""Parsing in processes that can be killed: what hangs, dies or wants too much memory harms one document."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from services.ingest.feeds import parser_process
from services.ingest.feeds.parser_process import Parser, ParserFailed, parser
from tests.feeds import feed_documents as documents

URL = "https://gazette.example/feed"


async def _entries(parsing: Parser, data: bytes) -> int:
    return len(await parsing.ask("feed", data, content_type="", url=URL)) - 1


def _children() -> set[int]:
    found = set[int]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found.update(map(int, (task / "children").read_text("ascii").split()))
    return found


def _environment(child: int) -> bytes:
    return Path(f"/proc/{child}/environ").read_bytes()


def _parsers(before: set[int]) -> set[int]:
    return _children() - before


async def test_a_document_that_hangs_is_killed_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, others = documents.rss([documents.item("/a")]), _children()
    async with parser(1) as parsing:
        assert await _entries(parsing, feed) == 1
        (before,) = _parsers(others)
        monkeypatch.setattr(parser_process, "TIME_LIMIT", 0.001)
        with pytest.raises(ParserFailed) as failed:
            await _entries(parsing, documents.rss(documents.item(f"/{number}") for number in range(2_000)))
        assert failed.value.reason == "time_limit"
        monkeypatch.undo()
        assert await _entries(parsing, feed) == 1
        (after,) = _parsers(others)
        assert before != after
    assert not _parsers(others)


async def test_the_start_of_a_process_is_no_time_of_its_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the imports of a process took the ten seconds, and the feed was told to be at fault."""
    process = parser_process._Process(parser_process.MEMORY)  # noqa: SLF001 - what a parser has several of
    monkeypatch.setattr(parser_process, "TIME_LIMIT", 0.0)
    await process._start()  # noqa: SLF001
    monkeypatch.undo()
    try:
        verdict, *_ = await process.ask({"job": "feed", "content_type": "", "url": URL}, documents.rss([]))
        assert verdict == b"ok"
    finally:
        await process.end()


async def test_a_process_that_dies_fails_its_document_only() -> None:
    feed, others = documents.rss([documents.item("/a")]), _children()
    many = documents.rss(documents.item(f"/{number}") for number in range(3_000))
    async with parser(2) as parsing:
        assert await _entries(parsing, feed) == 1
        (child,) = _parsers(others)
        asking = asyncio.create_task(_entries(parsing, many))
        await asyncio.sleep(0)
        os.kill(child, 9)
        with pytest.raises(ParserFailed) as failed:
            await asking
        assert failed.value.reason == "crash"
        assert await _entries(parsing, feed) == 1


async def test_a_refusal_tells_why_and_the_process_goes_on() -> None:
    others = _children()
    async with parser(1) as parsing:
        for data, said in ((documents.ENTITY_BOMB, "entities"), (b"no feed", "no RSS")):
            with pytest.raises(ParserFailed, match=said) as failed:
                await _entries(parsing, data)
            assert failed.value.reason == "malformed"
        child = _parsers(others)
        assert await _entries(parsing, documents.rss([])) == 0
        assert _parsers(others) == child


async def test_a_parser_sees_no_secret_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_NATS_URL", "nats://user:secret@127.0.0.1")
    others = _children()
    async with parser(1) as parsing:
        await _entries(parsing, documents.rss([]))
        (child,) = _parsers(others)
        assert b"secret" not in _environment(child)


async def test_a_request_that_is_cancelled_leaves_no_answer_for_the_next() -> None:
    many = documents.rss(documents.item(f"/{number}") for number in range(2_000))
    async with parser(1) as parsing:
        assert await _entries(parsing, documents.rss([])) == 0
        asking = asyncio.create_task(_entries(parsing, many))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await _entries(parsing, documents.rss([documents.item("/a")])) == 1


async def test_a_document_that_wants_too_much_memory_ends_alone() -> None:
    async with parser(1, memory=16 * 1024 * 1024) as parsing:
        with pytest.raises(ParserFailed) as failed:
            await parsing.ask("feed", bytes(64 * 1024 * 1024), content_type="", url=URL)
        assert failed.value.reason == "crash"
        assert await _entries(parsing, documents.rss([])) == 0
