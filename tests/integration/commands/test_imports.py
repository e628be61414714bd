"""A mistaken import is taken back: what waits is not stored, what is stored is withdrawn, and it may come again."""

import json
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from pymongo.database import Database

from shared.broker.withdrawals import TOMBSTONES
from shared.runtime.run import load
from shared.settings import Settings
from tests.commands import wireroom
from tests.running import idle, read, real_extract, running
from wireroom.ops.audit import balance, gather
from wireroom.testing.factories import BODY


def lines(path: Path, *guids: str, body: str = BODY) -> str:
    path.write_text("".join(json.dumps({"guid": guid, "body": body}) + "\n" for guid in guids))
    return str(path)


def ledger_of(folder: Path, run: str) -> str:
    """Return a ledger with which more is published in the same run."""
    (folder / "sent.jsonl").write_text(json.dumps({"run": run, "sequence": 1}) + "\n")
    return str(folder / "sent.jsonl")


async def guids(database: Database[dict[str, Any]]) -> list[str]:
    return sorted(article["guid"] for article in database["articles"].find())


async def test_a_mistaken_import_is_taken_back_and_can_be_imported_again(
    broker: Client, settings: Settings, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    async with running(real_extract, load("store"), settings=settings):
        async with running(load("ingest"), settings=settings):
            await wireroom(settings, "publish", lines(tmp_path / "before.jsonl", "a", "b"), "--wait")
            mistaken = BODY.replace("Monday", "Tuesday")
            code, said = await wireroom(
                settings, "publish", lines(tmp_path / "wrong.jsonl", "b", "c", "d", body=mistaken), "--wait"
            )
            assert code == 0, said
            run = said.split()[1]
            await idle(broker, "INBOX", "ingest")
        ledger = ledger_of(tmp_path, run)
        more = lines(tmp_path / "more.jsonl", "d", "e")
        assert (await wireroom(settings, "publish", more, "--ledger", ledger, "--resume"))[0] == 0

        code, said = await wireroom(settings, "import", "ls", "--json")
        listed = {row["run"]: (row["waiting"], row["ingested"]) for row in map(json.loads, said.splitlines())}
        assert listed[run] == (2, 3)
        code, said = await wireroom(settings, "import", "undo", run, "--dry-run")
        assert (code, said.splitlines()[0]) == (0, f"would take back 3 articles of run {run}, 2 of them stored")
        assert "There before the run, and left as they are now: 1 article: " in said
        code, said = await wireroom(settings, "import", "undo", run)
        assert code == 1, "nobody said yes"

        code, said = await wireroom(settings, "import", "undo", run, "--yes", "--patience", "0")
        assert code == 75, said
        assert "Repeat the command" in said
        assert await guids(database) == ["a", "b"]
        async with running(load("ingest"), settings=settings):
            code, said = await wireroom(settings, "import", "undo", run, "--yes")
            assert code == 0, said
            await read(broker, "NEWS", "news.v1.withdrawn.>", 4)
            assert await guids(database) == ["a", "b"]
            assert (await TOMBSTONES.all(broker.jetstream())).values == {}
            code, said = await wireroom(settings, "publish", lines(tmp_path / "right.jsonl", "c", "d", "e"), "--wait")
            assert code == 0, said
            assert "3 published = 3 inserted" in said
        assert await guids(database) == list("abcde")
    reckoned = balance(await gather(broker.jetstream(timeout=10)))
    assert (reckoned.outcomes.get("withdrawn"), reckoned.adds_up) == (4, True)


async def test_nothing_is_done_for_a_run_that_nobody_knows(settings: Settings) -> None:
    code, said = await wireroom(settings, "import", "undo", "20260301-093000-0011aabb", "--yes")
    assert code == 1
    assert "nothing was done" in said
    assert (await wireroom(settings, "import", "ls"))[1] == "No run of `wireroom publish` is in the streams.\n"
