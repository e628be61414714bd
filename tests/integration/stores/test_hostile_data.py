"""What anyone may publish harms no reader: services store the good articles beside it, every command does its work."""

import asyncio
import io
import json
import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from nats.aio.client import Client
from pymongo.database import Database

from services.extract.boilerplate import shared_table as learned
from services.extract.boilerplate.line_table import LearnedLine, Table
from shared.broker.dead_letter_status import DeadLetterStatuses
from shared.broker.nats_client import connect
from shared.broker.stream_reader import all_of, get
from shared.logs import JsonLine, PlainLine
from shared.messages import ArticleStored
from shared.runtime.crash_guard import CrashGuard
from shared.sanitizing import harmless
from shared.settings import Settings
from shared.topology import DEAD_LETTER_STATUS
from tests import hostile
from tests.paths import ROOT
from tests.running import PATIENCE, everything, publish, running
from wireroom.bench.raw_nats import Publication
from wireroom.cli.lazy_group import every_command
from wireroom.cli.main import app
from wireroom.testing.factories import BODY, a_submission
from wireroom.testing.fake_broker import FakeMsg, metadata

_STYLING = re.compile(
    r"\x1b\[[0-9;]*[mHKABGhl]|\x1b\[\?(?:25|1049)[hl]|\r(?=\x1b\[2K)"
)  # colours, progress bars, a screen of its own
GOOD = 3  # articles
AT_ONCE = 4  # commands: many of them wait a second or two for messages that do not come


async def test_the_broker_takes_each_hostile_publication(broker: Client) -> None:
    publications = hostile.everything()
    answers = await hostile.put(broker, publications)
    assert len(answers) == len(publications), "each has a name of its own"
    assert {name: answer for name, answer in answers.items() if isinstance(answer, str)} == {}
    for bucket in ("withdrawn", "letters", "suspects", "furniture"):
        assert (await broker.jetstream().stream_info(f"KV_{bucket}")).state.messages > 60


async def test_each_stored_message_is_read_whatever_it_holds(broker: Client, settings: Settings) -> None:
    publications = hostile.everything()
    await hostile.put(broker, publications)
    connection = await connect([settings.nats_url])
    js = connection.jetstream(timeout=10)
    for stream, subject in (("RAW", "news.v1.raw.>"), ("NEWS", "news.v1.>"), ("DEAD", "news.dead.>")):
        count = (await js.stream_info(stream)).state.messages
        found = [message async for message in all_of(js, stream, subject)]
        assert len(found) == count
        for message in found:
            fetched = await get(js, stream, message.metadata.sequence.stream)
            assert fetched
            assert fetched.data == message.data
            assert fetched.headers == (message.headers or {}), message.subject
    await connection.close()


async def test_a_value_of_others_at_a_key_of_ours_is_as_none_and_gives_way(broker: Client) -> None:
    js = broker.jetstream()
    await hostile.put(broker, hostile.buckets())
    marks = DeadLetterStatuses(js)
    assert await marks.get(1) == (
        None,
        (await js.get_last_msg(f"KV_{DEAD_LETTER_STATUS}", f"$KV.{DEAD_LETTER_STATUS}.1")).seq,
    )
    assert 500001 not in await marks.all()
    raw = FakeMsg(place=metadata(1, stream="INBOX", consumer="ingest"))
    guard = CrashGuard(js)
    assert [await guard.note(raw) for _ in range(2)] == [0, 1]


async def test_services_start_beside_hostile_values_and_store_good_articles_between_hostile_messages(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    await hostile.put(broker, hostile.everything())
    publications = [
        Publication(name, subject, b"no json") for name, subject in hostile.subjects(b"news.v1.raw").items()
    ]
    async with running(*everything(), settings=settings):
        await hostile.put(broker, publications)
        places = await publish(broker, *(a_submission(guid=str(number)) for number in range(GOOD)))
        await until_stored(broker, set(places))
        await until_dead(settings, rb"\xff\xfe".decode("ascii"))
    assert database["articles"].count_documents({"version": {"$in": places}}) == GOOD


async def until_stored(broker: Client, places: set[int]) -> None:
    subscription = await broker.jetstream().subscribe("news.v1.stored.en.harbour-gazette", ordered_consumer=True)
    async with asyncio.timeout(2 * PATIENCE):
        while places:
            event = ArticleStored.model_validate_json((await subscription.next_msg(PATIENCE)).data)
            places = places - {event.version}


async def until_dead(settings: Settings, subject: str) -> None:
    """Return once what is no JSON on this subject is a dead letter that says so."""
    connection = await connect([settings.nats_url])
    reader = await connection.jetstream().subscribe("news.dead.extract.>", ordered_consumer=True)
    wanted = ("not_json", subject)
    async with asyncio.timeout(PATIENCE):
        while True:
            headers = (await reader.next_msg(PATIENCE)).headers or {}
            if (headers["wireroom-reason"], headers["wireroom-subject"].rpartition(".")[2]) == wanted:
                break
    await connection.close()


@dataclass(frozen=True)
class Case:
    """A call of a command: which exit codes it may have, and what must be in what it prints, if it has work to do."""

    arguments: tuple[str, ...]
    codes: tuple[int, ...] = (0,)
    shows: str = ""
    terminal: bool = True


@dataclass(frozen=True)
class Good:
    """What is on the stack beside the hostile things, and still has to be found."""

    article: str
    letter: str
    bad_letter: str
    line: str
    folder: Path


FEED = "https://tide-times.example/rss.xml"
ELSEWHERE = {  # commands that read neither streams nor buckets nor articles of this stack, or run servers of their own
    "run", "setup", "up", "down", "logs", "demo", "bench end-to-end", "bench extract",
    "bench desk", "bench hostile", "bench inputs", "bench memory", "bench publish", "bench store", "bench soak",
    "bridge",  # passes bytes on as they are
    "config show", "config check", "rules check", "models ls", "models check", "aliases check",
    "user show", "tls make-ca", "tls issue",
}  # fmt: skip


def cases(good: Good) -> dict[str, list[Case]]:
    export = good.folder / "letters.jsonl"
    feeds = good.folder / "feeds.txt"
    feeds.write_text("https://harbour-gazette.example/rss.xml harbour-gazette\n")
    edited = good.folder / "edited.json"
    edited.write_bytes(a_submission(guid="edited").model_dump_json().encode())
    return {
        "publish": [Case(("publish", str(good.folder / "hostile\x1b[2J.txt")), shows="acknowledged 1")],
        "try": [Case(("try", str(good.folder / "hostile\x1b[2J.txt")), codes=(0, 1), shows="hostile")],
        "tail": [
            *(Case(("tail", stage, "--all", "--until-idle", "1s")) for stage in ("raw", "withdrawn")),
            Case(("tail", "extracted", "--all", "--until-idle", "2s"), shows="Marta Bellamy"),
            Case(("tail", "stored", "--all", "--until-idle", "1s"), shows="inserted"),
            Case(("tail", "dead", "--all", "--until-idle", "1s"), shows="did you mean published_at?"),
            Case(("tail", "dead", "--all", "--until-idle", "1s", "--json"), shows="did you mean published_at?"),
            Case(("tail", "--all", "--entity", "Marta Bellamy", "--count", "1", "--json"), shows="Marta Bellamy"),
            Case(("tail", "--source", "\x1b]0;owned\x07"), codes=(2,), shows="is no source"),
        ],
        "show": [
            Case(("show", good.article), shows="Marta Bellamy"),
            Case(("show", good.article, "--json"), shows="Marta Bellamy"),
            Case(("show", f"no {hostile.TEXT}".replace("\x00", "")), codes=(1,), shows="hostile"),
        ],
        "search": [Case(("search", "lock"), shows=good.article[:12]), Case(("search", "lock", "--json"))],
        "status": [
            Case(("status",), shows="skipped, written by others"),
            Case(("status", "--check"), codes=(1,), shows="bucket letters: "),
            Case(("status", "--json"), shows='"bucket withdrawn":'),
        ],
        "audit": [
            Case(("audit",), codes=(0, 1), shows="accepted "),
            Case(("audit", "--json"), codes=(0, 1)),
            Case(("audit", "--accept", "--reason", hostile.TEXT.replace("\x00", "")), codes=(0, 1)),
        ],
        "backup": [
            Case(("backup", str(good.folder / "backup"), "--json"), shows='"RAW":'),
            Case(("backup", str(good.folder / "backup")), codes=(73,), shows="not empty"),
        ],
        "restore": [
            Case(("restore", str(good.folder / "backup"), "--check"), shows="is whole"),
            Case(("restore", str(good.folder / "backup"), "--replace"), codes=(1,), shows="Stop all services"),
            Case(("restore", str(good.folder / "hostile\x1b[2J.txt")), codes=(65,), shows="is no backup"),
        ],
        "doctor": [Case(("doctor",), codes=(0, 1), shows="bucket letters"), Case(("doctor", "--json"), codes=(0, 1))],
        "import ls": [Case(("import", "ls")), Case(("import", "ls", "--json"))],
        **{
            f"import {order}": [Case(("import", order, "nobody"), codes=(1,), shows="is sending import nobody")]
            for order in ("pause", "resume", "cancel")
        },
        "import undo": [Case(("import", "undo", f"no {good.article}", "--dry-run"), shows="would take back 0")],
        "token ls": [Case(("token", "ls")), Case(("token", "ls", "--json"))],
        "token add": [Case(("token", "add", "harbour-gazette", "--note", f"for {hostile.TEXT}".replace("\x00", "")))],
        "token revoke": [Case(("token", "revoke", f"no {hostile.TEXT}".replace("\x00", "")), codes=(1,))],
        "user add": [
            Case(("user", "add", "gazette", "--source", "harbour-gazette"), codes=(69,), shows="No stack runs"),
            Case(("user", "add", "gazette", "--source", "\x1b]0;owned\x07"), codes=(2,), shows="is no source"),
            Case(("user", "add", f"{hostile.TEXT}".replace("\x00", ""), "--reader"), codes=(2,), shows="is no name"),
        ],
        "user ls": [Case(("user", "ls"), codes=(69,)), Case(("user", "ls", "--json"), codes=(69,))],
        **{f"user {what}": [Case(("user", what, "gazette"), codes=(69,))] for what in ("revoke", "rotate")},
        "feed add": [
            Case(("feed", "add", FEED, "--source", "tide-times"), shows="tide-times"),
            Case(("feed", "add", f"http://{hostile.TEXT}".replace("\x00", "")), codes=(65,)),
        ],
        "feed ls": [Case(("feed", "ls"), shows="tide-times"), Case(("feed", "ls", "--json"), shows="tide-times")],
        "feed check": [Case(("feed", "check", "http://127.0.0.1/rss.xml"), codes=(65,), shows="not public")],
        "feed pause": [Case(("feed", "pause", FEED), shows="paused")],
        "feed resume": [Case(("feed", "resume", FEED))],
        "feed run": [Case(("feed", "run", f"no {hostile.TEXT}".replace("\x00", "")), codes=(1,))],
        "feed import": [Case(("feed", "import", str(feeds)), shows="1 feed added")],
        "feed export": [Case(("feed", "export"), shows=FEED)],
        "feed rm": [Case(("feed", "rm", FEED))],
        "desk watch add": [Case(("desk", "watch", "add", "locks", f"lock {hostile.TEXT}".replace("\x00", "")))],
        "desk watch ls": [Case(("desk", "watch", "ls"), shows="locks"), Case(("desk", "watch", "ls", "--json"))],
        "desk watch rm": [Case(("desk", "watch", "rm", "locks"))],
        **{f"desk {what}": [Case(("desk", what), codes=(69,))] for what in ("state", "check", "reindex")},  # none runs
        "export": [
            Case(("export", "--to", "jsonl"), shows="Marta Bellamy"),
            *(  # lines of CSV end as those of a terminal do, which makes them end twice
                Case(("export", *what, "--to", "csv"), shows="Marta Bellamy", terminal=False)
                for what in ((), ("--mentions",))
            ),
        ],
        "top": [Case(("top", "--count", "1", "--json"), shows="extract"), Case(("top", "--count", "1"))],
        "replay": [Case(("replay", "--id", good.article), shows="replayed 1")],
        "reprocess": [Case(("reprocess", "--where", "language = en"), codes=(0,), shows="through again")],
        "rules ls": [Case(("rules", "ls", "--all"), shows="Subscribe"), Case(("rules", "ls", "--all", "--json"))],
        "rules show": [Case(("rules", "show", good.line), shows="Subscribe")],
        "rules approve": [Case(("rules", "approve", good.line), shows="approved")],
        "rules veto": [Case(("rules", "veto", good.line), shows="vetoed")],
        "dead ls": [
            Case(("dead", "ls"), shows="unknown_field"),
            Case(("dead", "ls", "--each"), shows="did you mean published_at?"),
            Case(("dead", "ls", "--each", "--json"), shows="did you mean published_at?"),
            Case(("dead", "ls", "--state", "dropped")),
        ],
        "dead show": [
            Case(("dead", "show", good.letter), shows="tide-times"),
            Case(("dead", "show", good.bad_letter), shows="title: too long"),
            Case(("dead", "show", good.bad_letter, "--json"), shows="headers"),
            Case(("dead", "show", str(10**30)), codes=(1,), shows="no dead letter"),
        ],
        "dead export": [
            Case(("dead", "export", "--all"), terminal=False),  # megabytes, which a terminal takes a minute for
            Case(("dead", "export", "--reason", "unknown_field"), shows="unknown_field"),
            Case(("dead", "export", "--all", "--to", str(export)), codes=(0, 73)),
        ],
        "dead edit": [Case(("dead", "edit", good.letter, "--file", str(edited)), shows="replayed dead letter")],
        "dead replay": [
            Case(("dead", "replay", good.letter), shows="replayed 1"),
            Case(("dead", "replay", "--from", str(export)), codes=(1,), shows="replayed "),
            Case(("dead", "replay", "--all", "--again"), codes=(1,), shows="replayed "),
        ],
        "dead drop": [Case(("dead", "drop", good.bad_letter, "--yes"), shows="dropped 1")],
        "withdraw": [Case(("withdraw", good.article, "--reason", "a test"), shows="withdrew")],
    }


def test_each_command_has_a_case_or_reads_nothing_of_others(tmp_path: Path) -> None:
    good = Good("a" * 32, "1", "2", "3", tmp_path)
    assert {*cases(good), *ELSEWHERE} == {name for name, _ in every_command(typer.main.get_command(app))}


@asynccontextmanager
async def wireroom(settings: Settings, folder: Path) -> AsyncIterator[Any]:
    """Yield what runs a command and returns its exit code and all it printed."""
    environment = os.environ | {
        "WIREROOM_NATS_URL": settings.nats_url,
        "WIREROOM_MONGO_URL": settings.mongo_url,
        "WIREROOM_MONGO_DATABASE": settings.mongo_database,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.forking",
        cwd=folder, env=environment, limit=2**28, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    stdin, stdout = process.stdin, process.stdout
    answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
    at_once = asyncio.Semaphore(AT_ONCE)

    async def take() -> None:
        while line := await stdout.readline():
            answer = json.loads(line)
            answers[answer["call"]].set_result(answer)

    async def run(arguments: Sequence[str], *, terminal: bool) -> tuple[int, str]:
        async with at_once, asyncio.timeout(2 * PATIENCE):
            call = len(answers)
            answers[call] = asyncio.get_running_loop().create_future()
            stdin.write(json.dumps({"call": call, "arguments": arguments, "terminal": terminal}).encode() + b"\n")
            answer = await answers[call]
        return answer["code"], answer["said"].encode("latin-1").decode()  # whatever is printed is UTF-8

    taking = asyncio.create_task(take())
    try:
        yield run
    finally:
        stdin.close()
        await taking
        await process.wait()


@contextmanager
def logged() -> Iterator[dict[type[PlainLine | JsonLine], io.StringIO]]:
    """Yield what is logged meanwhile, as both formatters write it."""
    said = {kind: io.StringIO() for kind in (PlainLine, JsonLine)}
    handlers = [logging.StreamHandler(stream) for stream in said.values()]
    for kind, handler in zip(said, handlers, strict=True):
        handler.setFormatter(kind())
        logging.getLogger().addHandler(handler)
    try:
        yield said
    finally:
        for handler in handlers:
            logging.getLogger().removeHandler(handler)


def is_harmless(said: str) -> bool:
    plain = _STYLING.sub("", said.replace("\r\n", "\n"))
    return harmless(plain) == plain


async def good_things(
    broker: Client, database: Database[dict[str, Any]], folder: Path, hostile_: dict[str, Any]
) -> Good:
    """Put a good article, a good letter and a learned line between the hostile ones."""
    bad = b'{"source": "tide-times", "body": "High water is at noon.", "publishd_at": "2026-03-01T00:00:00Z"}'
    (folder / "hostile\x1b[2J.txt").write_text(f"{BODY}\n\n{hostile.TEXT}".replace("\r", ""))
    line = LearnedLine(text="Subscribe to us", sentence=False, edge=50.0)

    def edit(table: Table) -> Table:
        return table.model_copy(update={"articles": 50.0, "at": datetime.now(UTC), "lines": {"f00d": line}})

    await learned.change(broker.jetstream(timeout=5), "harbour-gazette", edit)
    places = await publish(broker, a_submission(guid="good", title=f"A lock {hostile.TEXT}".replace("\x00", "")), bad)
    await until_stored(broker, {places[0]})
    article = database["articles"].find_one({"version": places[0]})
    assert article
    letter = 0
    while not letter:
        async for message in all_of(broker.jetstream(), "DEAD", "news.dead.ingest.unknown_field"):
            if message.data == bad:
                letter = message.metadata.sequence.stream
    return Good(article["_id"], str(letter), str(hostile_["letter from terminals"]), "f00d", folder)


READING = (  # commands that change nothing, so that they can be asked twice
    *("top", "export"),
    *("tail", "show", "search", "status", "audit", "import ls", "rules ls", "rules show"),
    *("dead ls", "dead show", "dead export"),
)


@pytest.mark.timeout(600)
async def test_every_command_does_its_work_and_prints_nothing_that_is_obeyed(
    settings: Settings, broker: Client, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    """All on a terminal; those that read also into a pipe, all at once and before anything is changed."""
    answers = await hostile.put(broker, hostile.everything())
    with logged() as logs:
        async with running(*everything(), settings=settings), wireroom(settings, tmp_path) as run:
            good = await good_things(broker, database, tmp_path, answers)

            async def wrong(case: Case, *, terminal: bool) -> str:
                """Return what is wrong with what a command prints, nothing where it is as it should be."""
                code, said = await run(case.arguments, terminal=terminal)
                fine = code in case.codes and case.shows in said and "Traceback" not in said and is_harmless(said)
                return "" if fine else f"{case!a}, {terminal=}, {code=}: {said[-1500:]!a}"

            by_command = cases(good)
            read = [case for name in READING for case in by_command.pop(name)]
            found = await asyncio.gather(
                *(wrong(case, terminal=False) for case in read),
                *(wrong(case, terminal=True) for case in read if case.terminal),
            )
            found += [
                await wrong(case, terminal=case.terminal) for changing in by_command.values() for case in changing
            ]
    assert not any(found), "\n\n".join(filter(None, found))
    for kind, stream in logs.items():
        lines = stream.getvalue().splitlines()
        assert any("dead-lettered" in line for line in lines)
        assert all(harmless(line) == line for line in lines)
        assert all(re.match(r"\d\d:\d\d:\d\d |  \| ", line) for line in lines if kind is PlainLine)
        assert all(json.loads(line)["level"] != "forged" for line in lines if kind is JsonLine)
