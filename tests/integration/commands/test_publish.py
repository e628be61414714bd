"""`wireroom publish` through pipes, interruptions and a broker that goes away: it says what was acknowledged."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from shared.broker import provisioning
from shared.settings import Settings
from tests.commands import wireroom
from tests.paths import ROOT
from tests.running import everything, read, running
from wireroom.local import ports
from wireroom.local.servers import nats_server
from wireroom.testing.factories import BODY

PATIENCE = 120.0


@dataclass
class Publishing:
    """A `wireroom publish` that runs beside the test, with its standard input open."""

    process: asyncio.subprocess.Process

    async def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def answer(self) -> dict[str, Any]:
        """Return the next line of its standard output."""
        assert self.process.stdout
        return dict(json.loads(await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)))

    async def said(self, words: str) -> None:
        """Return once it says so on standard error."""
        assert self.process.stderr
        async with asyncio.timeout(PATIENCE):
            while words not in (await self.process.stderr.readline()).decode():
                assert not self.process.stderr.at_eof(), f"it ended without saying {words!r}"

    async def ended(self) -> tuple[int, str, str]:
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        return self.process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def publishing(url: str, *arguments: str) -> AsyncIterator[Publishing]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wireroom", "publish", *arguments, cwd=ROOT, env=os.environ | {"WIREROOM_NATS_URL": url},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Publishing(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def line(number: int) -> bytes:
    return json.dumps({"guid": str(number), "body": BODY}).encode() + b"\n"


async def messages(broker: Client) -> list[bytes]:
    """Return what is in INBOX, in its order."""
    js = broker.jetstream()
    state = (await js.stream_info("INBOX")).state
    places = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    return [(await js.get_msg("INBOX", place)).data or b"" for place in places]


async def test_lines_are_sent_as_they_come_and_an_interruption_says_how_many_were_acknowledged(
    broker: Client, settings: Settings
) -> None:
    for number, name in enumerate((signal.SIGINT, signal.SIGTERM)):
        async with publishing(settings.nats_url, "-", "--json") as command:
            await command.write(line(number))
            assert (await command.answer())["origin"] == "-:1"
            await command.write(line(number + 10))
            assert (await command.answer())["origin"] == "-:2"
            command.process.send_signal(name)
            code, out, err = await command.ended()
        assert code == (130, 143)[number]
        assert json.loads(out)["acknowledged"] == 2
        assert "Interrupted." in err
        assert "Traceback" not in err
    assert len(await messages(broker)) == 4


async def set_up(url: str) -> None:
    connection = await nats.connect(url)
    await provisioning.apply(connection.jetstream(timeout=10))
    await connection.close()


async def test_a_broker_that_goes_away_and_comes_back_gets_everything_once(tmp_path: Path) -> None:
    [port] = ports.free(1)
    async with AsyncExitStack() as stack:
        with nats_server(tmp_path, port) as url:
            await set_up(url)
            command = await stack.enter_async_context(publishing(url, "-", "--json"))
            await command.write(line(1))
            assert (await command.answer())["sequence"] == 1
        await command.said(f"NATS at {url} became unavailable; waiting up to 60 s")
        await command.write(line(2))
        with nats_server(tmp_path, port):
            await command.said("is back")
            await command.write(line(3))
            assert {(await command.answer())["sequence"] for _ in range(2)} == {2, 3}
            assert command.process.stdin
            command.process.stdin.write_eof()
            code, out, _ = await command.ended()
            assert (code, json.loads(out)["acknowledged"]) == (0, 3)
            connection = await nats.connect(url)
            assert len(await messages(connection)) == 3
            await connection.close()


async def test_a_broker_that_stays_away_is_named_with_what_was_acknowledged(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        with nats_server(tmp_path) as url:
            await set_up(url)
            command = await stack.enter_async_context(publishing(url, "-", "--patience", "0.5"))
            await command.write(line(1))
            connection = await nats.connect(url)
            async with asyncio.timeout(PATIENCE):
                while not await messages(connection):  # noqa: ASYNC110 - the command says nothing until its end
                    await asyncio.sleep(0.02)
            await connection.close()
        await command.said("became unavailable")
        await command.write(line(2))
        code, out, err = await command.ended()
    assert (code, out) == (69, "acknowledged 1\n"), err
    assert f"NATS at {url} became unavailable and was not back within 0.5 s" in err
    assert "1 more was sent and not answered." in err
    assert "Traceback" not in err


async def test_an_interrupted_run_is_resumed_from_its_ledger(
    broker: Client, settings: Settings, tmp_path: Path
) -> None:
    ledger = tmp_path / "sent.jsonl"
    async with publishing(settings.nats_url, "-", "--ledger", str(ledger), "--json") as command:
        for number in range(3):
            await command.write(line(number))
            await command.answer()
        command.process.kill()
        await command.ended()
    noted = [json.loads(note) for note in ledger.read_bytes().splitlines()]
    assert [(note["file"], note["line"], note["sequence"]) for note in noted] == [("-", n, n) for n in (1, 2, 3)]
    ledger.write_bytes(ledger.read_bytes()[:-10])  # as a power cut leaves it: the third is sent again, by the same id

    async with publishing(settings.nats_url, "-", "--ledger", str(ledger), "--resume") as command:
        await command.write(b"".join(map(line, range(5))))
        assert command.process.stdin
        command.process.stdin.write_eof()
        code, out, err = await command.ended()
    assert (code, out) == (0, "acknowledged 3   acknowledged before 2\n")
    assert err == f"run {noted[0]['run']}\n"
    assert [json.loads(data)["guid"] for data in await messages(broker)] == list("01234")
    assert {json.loads(note)["run"] for note in ledger.read_bytes().splitlines()} == {noted[0]["run"]}


async def test_what_is_no_ledger_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(BODY)
    for arguments in ((), ("--resume",)):
        code, said = await wireroom(
            settings, "publish", str(tmp_path / "a.txt"), "--ledger", str(tmp_path / "a.txt"), *arguments
        )
        assert code == 65
        assert "is no ledger" in said
        assert (tmp_path / "a.txt").read_text() == BODY
    assert (await wireroom(settings, "publish", "a.txt", "--resume"))[0] == 2


async def test_it_waits_for_the_outcomes_and_a_dead_letter_tells_its_file_and_line(
    broker: Client, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "größe 1.jsonl"
    bad = b'{"body": "x", "titel": "y"}\n'
    short = b'{"body": "<p></p>", "media_type": "text/html"}\n'
    path.write_bytes(line(1) + line(2) + bad + short)
    async with running(*everything(), settings=settings):
        code, said = await wireroom(settings, "publish", str(path), "--wait")
        assert code == 1
        assert "acknowledged 4\n4 published = 2 dead-lettered + 2 inserted" in said
        path.write_bytes(line(1))
        code, said = await wireroom(settings, "publish", str(path), "--wait", "--json")
        assert (code, json.loads(said.splitlines()[-1])["outcomes"]) == (0, {"duplicate": 1})
    code, said = await wireroom(settings, "dead", "ls", "--each", "--json")
    origins = {row["service"]: row["origin"] for row in map(json.loads, said.splitlines())}
    assert origins == {"ingest": f"{path}:3", "extract": f"{path}:4"}
    [letter, _] = await read(broker, "DEAD", "news.dead.>", 2)
    code, said = await wireroom(settings, "dead", "show", str(letter.metadata.sequence.stream))
    assert f"origin: {path}:" in said


async def test_an_import_is_paused_resumed_and_cancelled_from_elsewhere(broker: Client, settings: Settings) -> None:
    async with publishing(settings.nats_url, "-", "--json") as command:
        assert command.process.stderr
        run = (await command.process.stderr.readline()).decode().split()[1]
        await command.write(line(1))
        await command.answer()
        assert await wireroom(settings, "import", "pause", run) == (0, f"import {run} is paused, 1 acknowledged\n")
        await command.write(line(2))
        assert await wireroom(settings, "import", "resume", run) == (0, f"import {run} is running, 1 acknowledged\n")
        assert (await command.answer())["origin"] == "-:2"
        assert await wireroom(settings, "import", "cancel", run) == (0, f"import {run} is cancelled, 2 acknowledged\n")
        code, _, err = await command.ended()  # although its standard input is open
    assert code == 75
    assert f"`wireroom import undo {run}`" in err
    code, said = await wireroom(settings, "import", "pause", run)
    assert code == 1
    assert "is sending import" in said
    assert len(await messages(broker)) == 2
