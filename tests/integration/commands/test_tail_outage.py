"""``wireroom tail`` through a restart of its broker: each message once, and signals end it wherever it runs."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from shared.broker.connect import brief_connection, lasting_connection
from tests.paths import ROOT
from wireroom.local import ports
from wireroom.local.servers import nats_server
from wireroom.ops.stream_follower import Follower

SUBJECT = "news.v1.raw.tide-times"
PATIENCE = 60


async def publish(url: str, *texts: str) -> None:
    async with brief_connection(url) as connection:
        for text in texts:
            await connection.jetstream().publish(SUBJECT, text.encode())


async def make_stream(url: str) -> None:
    async with brief_connection(url) as connection:
        await connection.jetstream().add_stream(name="RAW", subjects=["news.v1.raw.>"])


async def take(messages: AsyncIterator[object], number: int) -> list[str]:
    async with asyncio.timeout(PATIENCE):
        return [(await anext(messages)).data.decode() for _ in range(number)]  # type: ignore[attr-defined] # a Msg


@pytest.mark.parametrize("everything", [True, False])
async def test_nothing_is_missed_or_repeated_over_a_restart_of_the_broker(tmp_path: Path, everything: bool) -> None:
    said: list[str] = []
    [port] = ports.free(1)
    url, follower = f"nats://127.0.0.1:{port}", Follower("RAW", SUBJECT, said.append)
    async with asyncio.timeout(4 * PATIENCE):
        server = nats_server(tmp_path, port)
        await asyncio.to_thread(server.__enter__)
        await make_stream(url)
        await publish(url, "before")
        async with lasting_connection(url, follower.lost, follower.back) as connection:
            js: JetStreamContext = connection.jetstream(timeout=5)
            messages = follower.messages(js, everything=everything, since=None, idle=None)
            first = asyncio.create_task(take(messages, 2 + everything))
            await follower.started.wait()
            await publish(url, "one", "two")
            assert await first == [*(["before"] if everything else []), "one", "two"]
            await asyncio.to_thread(server.__exit__, None, None, None)
            again = nats_server(tmp_path, port)
            await asyncio.to_thread(again.__enter__)
            await publish(url, "three")  # before the follower is back, most likely
            assert await take(messages, 1) == ["three"]
            await publish(url, "four")
            assert await take(messages, 1) == ["four"]
            await asyncio.to_thread(again.__exit__, None, None, None)
    assert said == []


async def test_a_stream_that_was_made_anew_is_followed_from_its_beginning_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    [port] = ports.free(1)
    url, follower = f"nats://127.0.0.1:{port}", Follower("RAW", SUBJECT, said.append)
    async with asyncio.timeout(4 * PATIENCE):
        server = nats_server(tmp_path / "one", port)
        await asyncio.to_thread(server.__enter__)
        await make_stream(url)
        await publish(url, "one", "two", "three")
        async with lasting_connection(url, follower.lost, follower.back) as connection:
            messages = follower.messages(connection.jetstream(timeout=5), everything=True, since=None, idle=None)
            assert await take(messages, 3) == ["one", "two", "three"]
            await asyncio.to_thread(server.__exit__, None, None, None)
            other = nats_server(tmp_path / "other", port)
            await asyncio.to_thread(other.__enter__)
            await make_stream(url)
            await publish(url, "new")
            assert await take(messages, 1) == ["new"]
            await asyncio.to_thread(other.__exit__, None, None, None)
    assert [line for line in said if "lost its data" in line]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("background", [True, False])
async def test_signals_end_a_command_also_in_the_background_of_a_script(
    tmp_path: Path, number: signal.Signals, code: int, background: bool
) -> None:
    ignored = {signal.SIGINT} if background else set()
    [port] = ports.free(1)
    url, server = f"nats://127.0.0.1:{port}", nats_server(tmp_path, port)
    await asyncio.to_thread(server.__enter__)
    try:
        async with brief_connection(url) as connection:
            await connection.jetstream().add_stream(name="NEWS", subjects=["news.v1.extracted.>"])
            await connection.jetstream().publish("news.v1.extracted.en.tide-times", b"{}")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wireroom", "tail", "--all", "--json",
            env=os.environ | {"WIREROOM_NATS_URL": url}, cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            preexec_fn=lambda: [signal.signal(each, signal.SIG_IGN) for each in ignored] and None,
        )  # fmt: skip
        assert process.stdout
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline()  # it follows the stream
            process.send_signal(number)
            assert await process.wait() == code
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
