"""An archive published as an operator does it: slowed down, killed and resumed, and accounted for at the end."""

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from nats.aio.client import Client

from shared.settings import Settings
from tests.archives.warc_files import crawl, record, response, written
from tests.commands import command_of, environment_of, wireroom
from tests.paths import ROOT
from wireroom.local.process_memory import resident
from wireroom.testing.factories import BODY

PATIENCE = 120.0
PAGES = 5000
MOST_GROWTH = 60_000_000  # bytes of resident memory over an import; the archive's pages have 150 MB


def acknowledged(ledger: Path) -> int:
    return ledger.read_bytes().count(b"\n") if ledger.exists() else 0


async def killed_after(settings: Settings, ledger: Path, path: Path, count: int, *options: str) -> int:
    """Publish, kill the command once so many more are acknowledged, and return by how much its memory grew."""
    before = acknowledged(ledger)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wireroom", "publish", str(path), "--ledger", str(ledger), *options,
        cwd=ROOT, env=os.environ | environment_of(settings), stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    first, most = 0, 0
    try:
        async with asyncio.timeout(PATIENCE):
            while acknowledged(ledger) < before + count:
                assert process.returncode is None, "it ended before it was killed"
                if acknowledged(ledger) > before:
                    most = max(most, resident(process.pid) or 0)
                    first = first or most
                await asyncio.sleep(0.005)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return most - first


async def test_five_thousand_pages_survive_two_kills_and_the_audit_finds_them_all(
    broker: Client, settings: Settings, tmp_path: Path
) -> None:
    ledger = tmp_path / "sent.jsonl"
    path = written(tmp_path / "crawl.warc.gz", crawl(PAGES, f"{BODY} " * 150))
    growths = [
        await killed_after(settings, ledger, path, 1500),
        await killed_after(settings, ledger, path, 1500, "--resume"),
    ]
    assert max(growths) < MOST_GROWTH
    last = json.loads(ledger.read_bytes().splitlines()[-2])
    assert last["answered_before"] > path.stat().st_size // 5, "it is read on from there"

    code, said = await wireroom(settings, "publish", str(path), "--ledger", str(ledger), "--resume")
    assert code == 0, said
    total = said.splitlines()[-1]
    new, before = (int(total.split(f"{word} ")[1].split()[0]) for word in ("acknowledged", "acknowledged before"))
    assert new + before == PAGES, total
    assert " · not_response " in total

    notes = [json.loads(note) for note in ledger.read_bytes().splitlines()]
    assert len(notes) == len({note["line"] for note in notes}) == PAGES
    state = (await broker.jetstream().stream_info("INBOX")).state
    assert state.messages == PAGES, "what was sent and not noted when it was killed was taken once by its id"
    code, said = await wireroom(settings, "audit", "--ledger", str(ledger))
    assert code == 0, said


async def test_what_is_no_article_is_counted_by_reason_and_a_rate_is_kept(
    broker: Client, settings: Settings, tmp_path: Path
) -> None:
    link = "https://harbour-gazette.example/news/large"
    large = record("response", link, response(b"<p>" + b"x y " * 800_000))
    path = written(tmp_path / "crawl.warc", [*crawl(20, BODY), *[large] * 25])
    command = command_of(settings)
    began = asyncio.get_running_loop().time()
    answer = await command("publish", str(path), "--rate", "100/s")
    assert asyncio.get_running_loop().time() - began >= 0.19, "twenty are nineteen hundredths of a second apart"
    assert answer.code == 1
    assert answer.out == (
        "acknowledged 20   refused 25   skipped 27 · too_large 25 · not_response 21 · not_html 2 · status 2"
        " · revisit 2\n"
    )
    assert answer.err.count("too_large: ") == 20
    assert "Others that are refused as too_large are only counted" in answer.err
    answer = await command("publish", str(path), "--json")
    assert answer.lines[-1]["skipped"] == 27
    assert Counter(answer.lines[-1]["reasons"])["too_large"] == 25
    assert (await broker.jetstream().stream_info("INBOX")).state.messages == 40


async def test_options_that_cannot_be_are_told_before_anything_is_published(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("headline,text\na,b\n")
    command = command_of(settings)
    for arguments, said in (
        (["--rate", "fast"], "a number of articles a second"),
        (["--rate", "0"], "a number of articles a second"),
        (["--column", "headline=title"], "FIELD one of"),
        (["--format", "docx"], "'docx'"),
    ):
        answer = await command("publish", str(tmp_path / "a.csv"), *arguments)
        assert answer.code == 2
        assert said in " ".join(answer.err.split()).replace("│ ", "")
