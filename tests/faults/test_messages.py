"""Rows of the fault matrix about what is published: poison, messages at the limits, and other releases."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from services.ingest.identity import ingested
from services.setup.credentials import address_file
from shared.broker.connect import brief_connection
from shared.errors import Reason
from shared.messages import MAX_BODY_BYTES, ArticleExtracted, ArticleIngested
from shared.topology import MAX_MESSAGE_BYTES, MAX_PAYLOAD
from tests.faults.report import Report, judge
from tests.faults.rig.load import Entry, Load, Submission, submissions, take
from tests.faults.rig.watch import Watch
from tests.faults.test_matrix import SOME, impatient
from tests.paths import ROOT
from wireroom.ops.outcomes import follow
from wireroom.testing.factories import BODY, NOON, PIPELINE, a_submission

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(420)]

EXAMPLES = ROOT / "shared/examples/v1"
ROUND = 500
ROUNDS = 4
AT_ONCE = 50
_PLACES = ("Tidewell", "Karsholm", "Brackwater", "Aldercroft", "Fenwick", "Stonemere", "Harrowgate", "Linsted", "Ostry")
_SENTENCE = (
    "In {3} the council of {1} had asked for a second lock in {2}, said Marta Bellamy, and it was refused by a vote. "
    "Nobody in {0} remembers a winter in which so many boats had to wait, the harbour master of {2} told the paper."
)
LONG = "\n\n".join(  # 4 kB, an article of usual length; paragraphs that repeat would be taken out
    _SENTENCE.format(*(_PLACES[(n * step + step) % len(_PLACES)] for step in (1, 2, 4)), 1990 + n) for n in range(18)
)


@pytest.mark.row("21")
async def test_21_poison_is_set_aside_and_its_neighbours_go_on(tmp_path: Path, report: Report) -> None:
    """Rounds with and without poison take turns on one stack, so that what else the machine does meets both."""
    rates: dict[float, list[float]] = {0.0: [], 0.1: []}
    entries = list[Entry]()
    loads = {share: submissions(21, share, prefix=f"{share:g}-", body=LONG) for share in rates}
    async with impatient(tmp_path / "stack") as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            for share in [0.0, *[0.0, 0.1] * ROUNDS]:
                some = [next(loads[share]) for _ in range(ROUND)]
                began = time.monotonic()
                taken = [entry for start in range(0, ROUND, AT_ONCE) for entry in await all_at_once(js, some[start:])]
                await follow(js, {entry.place for entry in taken}, patience=120, progress=lambda _: None)
                if entries:  # the first round warms up
                    rates[share].append(ROUND / (time.monotonic() - began))
                entries += taken
            plain, poisoned = (median(found) for found in rates.values())
            ratio = round(median(b / a for a, b in zip(*rates.values(), strict=True)), 2)
            told = {"articles_per_second": round(plain, 1), "with_poison": round(poisoned, 1), "ratio": ratio}
            kinds = len({article.data for article in [next(loads[0.1]) for _ in range(2000)] if article.expected})
            await judge(report, "21", js, stack.mongo_url, entries, watch, poisons=kinds, **told)
    assert ratio >= 0.8


async def all_at_once(js: JetStreamContext, articles: list[Submission]) -> list[Entry]:
    return await asyncio.gather(*(take(js, article) for article in articles[:AT_ONCE]))


@pytest.mark.row("23")
async def test_23_what_is_too_large_is_refused_or_set_aside_as_that(tmp_path: Path, report: Report) -> None:
    largest = "x " * (MAX_BODY_BYTES // 2)
    at_the_limits = {
        "over": Submission(_submitted(largest + "y"), expected=Reason.TOO_LARGE),
        "as long as a message may be": Submission(b" " * (MAX_MESSAGE_BYTES - 200), expected=Reason.EMPTY_BODY),
        "a mebibyte and one": Submission(_submitted("y" * (1024**2 + 1)), expected=Reason.NO_ARTICLE_TEXT),
    }
    async with impatient(tmp_path / "stack") as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=23) as load:
                await load.more(SOME)
                entries = [await take(js, article) for article in at_the_limits.values()]
                with pytest.raises(APIError, match="message size exceeds"):
                    await js.publish("news.v1.submitted", b" " * (MAX_MESSAGE_BYTES + 1), timeout=20, stream="INBOX")
                with pytest.raises(MaxPayloadError):
                    await js.publish("news.v1.submitted", b" " * (MAX_PAYLOAD + 1), timeout=20, stream="INBOX")
                said = await published_file(tmp_path, stack.nats_url, 100 * 1024 * 1024)
                await load.more(SOME)
            await judge(report, "23", js, stack.mongo_url, load.entries + entries, watch, said_of_100_mb=said)
    assert "too_large" in said


def _submitted(body: str) -> bytes:
    return a_submission().model_dump_json().encode().replace(json.dumps(BODY).encode(), json.dumps(body).encode())


async def published_file(folder: Path, url: str, size: int) -> str:
    """Return what `wireroom publish` says of a file of this size."""
    file = folder / "large.txt"
    file.write_bytes(b"The lock at Tidewell. " * (size // 22))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wireroom", "publish", str(file)),
        cwd=ROOT,
        env=os.environ | {"WIREROOM_NATS_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode
    return " ".join(out.decode().replace(f"{folder}/", "").split())


@pytest.mark.row("25")
async def test_25_messages_of_older_and_newer_releases_are_read(tmp_path: Path, report: Report) -> None:
    """Newer ones have a field we do not know; older ones are the examples that every release keeps."""
    async with impatient(tmp_path / "stack") as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            entries = [
                await take(js, Submission(data, expected=reason, headers=headers))
                for data, headers, reason in (
                    ((EXAMPLES / "submitted-minimal.json").read_bytes(), {}, None),
                    ((EXAMPLES / "submitted-full.json").read_bytes(), {}, None),
                    (_submitted(BODY), {"ce-type": "news.v2.submitted"}, Reason.SCHEMA_UNSUPPORTED),
                )
            ]
            follows = entries[-1].place + 1000  # places that ingest never gave
            operator = address_file(tmp_path / "stack" / "credentials", "operator", "nats").read_text().strip()
            async with brief_connection(operator) as connection:  # who may publish in the place of any service
                for number, (stream, subject, data) in enumerate(newer(follows)):
                    message = {**json.loads(data), "a_field_of_tomorrow": {"deep": [number]}}
                    await connection.jetstream().publish(
                        *(subject, json.dumps(message).encode()), stream=stream, timeout=20,
                        headers={"ce-id": f"news:{message['id']}:{message['version']}"},
                    )  # fmt: skip
            found = await follow(js, {follows, follows + 1}, patience=60, progress=lambda _: None)
            outcomes = {fate.outcome for fate in found.values()}
            await judge(report, "25", js, stack.mongo_url, entries, watch, of_newer_releases=sorted(outcomes))
    assert outcomes == {"inserted"}
    assert len(found) == 2


def newer(place: int) -> list[tuple[str, str, str]]:
    raw = ingested(a_submission(guid="raw-of-tomorrow"), version=place, received_at=NOON)
    other = ingested(a_submission(guid="extracted-of-tomorrow"), version=place + 1, received_at=NOON)
    kept = {name: value for name, value in other if name in ArticleExtracted.model_fields}
    made = ArticleExtracted(**kept | {"language": "en", "paragraphs": (other.body,), "pipeline": PIPELINE})
    assert isinstance(raw, ArticleIngested)
    return [("RAW", raw.subject, raw.model_dump_json()), ("NEWS", made.subject, made.model_dump_json())]
