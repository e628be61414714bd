"""The commands as a person types them, against a real broker and database, with the services running."""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from pymongo.database import Database

from shared.settings import Settings
from shared.topology import PIPELINE
from tests.commands import Wireroom, command_of
from tests.running import everything, read, running
from wireroom.samples import sample_lines
from wireroom.testing.factories import BODY

CORRECTED = BODY.replace("Monday", "Tuesday")
CORRECTION = f"{CORRECTED}\n\nAn earlier version of this article gave a wrong date for the opening of the lock."


@pytest.fixture
def command(settings: Settings, tmp_path: Path) -> Wireroom:
    """The command beside a broker and a database, without any service."""
    return command_of(settings, tmp_path)


@pytest.fixture
async def wireroom(command: Wireroom, settings: Settings) -> AsyncIterator[Wireroom]:
    """The command while the services run."""
    async with running(*everything(), settings=settings):
        yield command


async def stored(broker: Client, count: int) -> None:
    await read(broker, "NEWS", "news.v1.stored.>", count)


async def test_a_published_file_is_shown_searched_and_tailed(wireroom: Wireroom, broker: Client) -> None:
    (wireroom.folder / "lock.txt").write_text(BODY)
    assert (await wireroom("publish", "lock.txt")).out == "acknowledged 1\n"
    await stored(broker, 1)

    [shown] = (await wireroom("show", "lock.txt", "--json")).lines
    assert shown["paragraphs"] == BODY.split("\n\n")
    assert (await wireroom("show", shown["id"][:8], "--json")).lines == [shown]
    assert "Marta Bellamy" in (await wireroom("show")).out

    [found] = (await wireroom("search", "lock", "--entity", "Marta Bellamy", "--since", "1h", "--json")).lines
    assert found["id"] == shown["id"]
    assert (await wireroom("search", "--entity", "ORG:Marta Bellamy")).code == 1
    assert (await wireroom("search", "submarine")).err == "No stored article matches.\n"

    [tailed] = (await wireroom("tail", "--all", "--entity", "Marta Bellamy", "--count", "1", "--json")).lines
    assert tailed["id"] == shown["id"]
    assert (await wireroom("tail", "--all", "--entity", "Nobody", "--until-idle", "1s")).out == ""
    [event] = (await wireroom("tail", "stored", "--all", "--source", "local", "--count", "1", "--json")).lines
    assert event["outcome"] == "inserted"


async def test_a_file_published_again_after_a_change_has_two_versions(wireroom: Wireroom, broker: Client) -> None:
    path = wireroom.folder / "lock.txt"
    for text in (BODY, CORRECTION):
        path.write_text(text)
        await wireroom("publish", "lock.txt")
    await stored(broker, 2)
    first, second = (await wireroom("show", "lock.txt", "--versions", "--json")).lines
    assert first["version"] < second["version"]
    [old] = (await wireroom("show", "lock.txt", "--version", str(first["version"]), "--json")).lines
    assert old["paragraphs"] == BODY.split("\n\n")
    assert (await wireroom("show", "lock.txt", "--version", "999")).code == 1
    told = await wireroom("show", "lock.txt", "--diff")
    assert "[-Monday-]{+Tuesday+}" in told.out
    [compared] = (await wireroom("show", "lock.txt", "--diff", "--json")).lines
    assert [change["kind"] for change in compared["changes"]] == ["edited", "same"]
    assert (compared["from"], compared["to"]) == (first["version"], second["version"])
    assert (await wireroom("show", "lock.txt", "--diff", "--version", str(first["version"]))).code == 1


async def test_a_dead_letter_is_listed_shown_replayed_and_dropped(wireroom: Wireroom, broker: Client) -> None:
    bad = b'{"source": "tide-times", "body": "x", "publishd_at": "2026-03-01"}'
    assert (await wireroom("publish", "-", stdin=bad)).code == 0, "the broker took it; ingest sets it aside"
    await read(broker, "DEAD", "news.dead.>", 1)
    [group] = (await wireroom("dead", "ls", "--json")).lines
    assert (group["reason"], group["service"], group["count"]) == ("unknown_field", "ingest", 1)
    assert (await wireroom("dead", "show", "1", "--raw")).out.encode() == bad
    assert "did you mean published_at?" in (await wireroom("dead", "show", "1")).out
    assert (await wireroom("dead", "replay", "--all", "--dry-run")).out == "would replay 1\n"

    assert (await wireroom("dead", "replay", "1", "--drop")).out == "replayed 1 and dropped them\n"
    letters = await read(broker, "DEAD", "news.dead.>", 1)
    assert letters[0].metadata.sequence.stream == 2, "it is still wrong, so it is set aside once more"
    refused = await wireroom("dead", "drop", "--all")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert (await wireroom("dead", "drop", "--reason", "unknown_field", "--yes")).out == "dropped 1\n"
    assert (await wireroom("dead", "ls")).err == "No dead letters.\n"
    assert (await wireroom("dead", "show", "1")).code == 1
    assert (await wireroom("dead", "replay")).code == 2


BAD = b'{"source": "tide-times", "body": "High water is at noon.", "publishd_at": "2026-03-01T00:00:00Z"}'
EDITOR = """\
import sys
from pathlib import Path
path = Path(sys.argv[1])
path.write_bytes(path.read_bytes().replace(b"publishd", b"published"))
"""


async def test_a_dead_letter_is_edited_replayed_and_marked(wireroom: Wireroom, broker: Client) -> None:
    await wireroom("publish", "-", stdin=BAD)
    await read(broker, "DEAD", "news.dead.>", 1)
    script = wireroom.folder / "editor.py"
    script.write_text("raise SystemExit")
    editor = f"{sys.executable} {script}"
    assert (await wireroom("dead", "edit", "1", EDITOR=editor)).code == 1, "nothing was changed"
    (wireroom.folder / "worse.json").write_bytes(BAD.replace(b"tide-times", b"Tide Times"))
    refused = await wireroom("dead", "edit", "1", "--file", "worse.json")
    assert refused.code == 65
    assert "Nothing was sent." in refused.err
    assert "worse.json" in refused.err
    script.write_text(EDITOR)
    edited = await wireroom("dead", "edit", "1", EDITOR=editor)
    said = "replayed dead letter 1 with your changes; the dead letter itself stays as it was\n"
    assert edited.out == said, edited.err
    await stored(broker, 1)

    [group] = (await wireroom("dead", "ls", "--json")).lines
    assert (group["state"], group["count"]) == ("succeeded", 1)
    [shown] = (await wireroom("dead", "show", "1", "--json")).lines
    assert (shown["state"], shown["edited"], shown["body"].encode()) == ("succeeded", True, BAD)
    assert (await wireroom("status", "--check")).code == 0, "only open letters are findings"
    [whole] = (await wireroom("status", "--json")).lines
    assert (whole["dead"], whole["handled"]) == ({}, {"succeeded": 1})
    assert [service["last_seconds"] < 60 for service in whole["services"]] == [True, True, True]
    assert (await wireroom("dead", "replay", "--all")).out == "replayed 0\n", "it succeeded"
    assert (await wireroom("dead", "drop", "--succeeded", "--yes")).out == "dropped 1\n"
    assert (await wireroom("dead", "ls")).err == "No dead letters.\n"
    [dropped] = (await wireroom("dead", "ls", "--state", "dropped", "--each", "--json")).lines
    assert (dropped["number"], dropped["reason"]) == (1, "unknown_field")


async def test_dead_letters_are_exported_changed_and_replayed_from_the_file(wireroom: Wireroom, broker: Client) -> None:
    await wireroom("publish", "-", stdin=b'{"body": 1}\n' + BAD)
    await read(broker, "DEAD", "news.dead.>", 2)
    assert (await wireroom("dead", "export", "--all", "--to", "all.jsonl")).err == "exported 2\n"
    taken = await wireroom("dead", "export", "--all", "--to", "all.jsonl")
    assert (taken.code, "not there yet" in taken.err) == (73, True)
    exported = await wireroom("dead", "export", "--reason", "unknown_field")
    [line] = exported.lines
    assert (line["state"], line["service"], base64.b64decode(line["body_base64"])) == ("open", "ingest", BAD)
    assert line["error"].endswith("did you mean published_at?")
    line["body_base64"] = base64.b64encode(BAD.replace(b"publishd", b"published")).decode()

    (wireroom.folder / "some.jsonl").write_text("{}\n")
    refused = await wireroom("dead", "replay", "--from", "some.jsonl")
    assert refused.code == 65
    assert "some.jsonl line 1 is no dead letter" in refused.err
    assert (await wireroom("dead", "replay", "--from", "some.jsonl", "--all")).code == 2
    line_bytes = json.dumps(line).encode()
    sent = await wireroom("dead", "replay", "--from", "-", "--rate", "50", "--json", stdin=line_bytes)
    assert sent.lines == [{"v": 1, "replayed": 1, "there_already": 0, "stay": 0}], sent.err
    await stored(broker, 1)
    states = {row["reason"]: row["state"] for row in (await wireroom("dead", "ls", "--json")).lines}
    assert states == {"schema": "open", "unknown_field": "succeeded"}


async def test_status_shows_each_part_and_check_finds_what_a_person_should_see(
    wireroom: Wireroom, broker: Client
) -> None:
    assert (await wireroom("status", "--check")).code == 0
    await wireroom("publish", "-", stdin=b'{"body": 1}')
    await read(broker, "DEAD", "news.dead.>", 1)
    found = await wireroom("status", "--check")
    assert (found.code, found.out) == (1, "1 dead-lettered as ingest schema. See `wireroom dead ls`.\n")
    [whole] = (await wireroom("status", "--json")).lines
    assert {service["service"]: service["state"] for service in whole["services"]} == dict.fromkeys(
        PIPELINE, "up to date"
    )
    assert whole["dead"] == {"ingest schema": 1}
    assert whole["stored"] == {"articles": 0, "article_versions": 0, "no_model": {}}


@pytest.mark.parametrize(
    "arguments", [("publish", "-"), ("tail",), ("status",), ("dead", "ls"), ("setup",)], ids=lambda a: a[0]
)
async def test_a_broker_that_is_away_is_named_within_seconds_with_what_to_do(
    command: Wireroom, arguments: tuple[str, ...]
) -> None:
    answer = await asyncio.wait_for(
        command(*arguments, stdin=b"An article.", WIREROOM_NATS_URL="nats://127.0.0.1:1"), 15
    )
    assert answer.code == 69
    assert "NATS at nats://127.0.0.1:1 is not reachable" in answer.err
    assert "wireroom up" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("arguments", [("show",), ("status",)], ids=lambda a: a[0])
async def test_a_database_that_is_away_is_named_within_seconds_with_what_to_do(
    command: Wireroom, arguments: tuple[str, ...]
) -> None:
    answer = await asyncio.wait_for(command(*arguments, WIREROOM_MONGO_URL="mongodb://127.0.0.1:1"), 15)
    assert answer.code == 69
    assert "MongoDB at 127.0.0.1:1 is not reachable" in answer.err
    assert "Traceback" not in answer.err


async def test_a_broker_without_streams_says_to_set_it_up(empty_broker: Client, mongo_url: str, tmp_path: Path) -> None:
    url = empty_broker.connected_url.geturl() if empty_broker.connected_url else ""
    command = command_of(Settings(nats_url=url, mongo_url=mongo_url), tmp_path)
    for arguments in (("publish", "-"), ("tail", "--all")):
        answer = await command(*arguments, stdin=b"An article.")
        assert answer.code == 69, answer
        assert "wireroom setup" in answer.err
    planned = (await command("setup", "--dry-run")).out
    assert "stream INBOX: create" in planned
    assert (await command("setup")).out == planned
    assert (await command("setup")).out == "Everything is as the settings say.\n"
    assert (await command("publish", "-", stdin=b"An article.")).code == 0


@pytest.mark.parametrize(("name", "said"), [("missing.txt", "no such file"), ("empty", "empty: no text, HTML")])
async def test_input_that_cannot_be_read_publishes_nothing(command: Wireroom, name: str, said: str) -> None:
    (command.folder / "empty").mkdir()
    answer = await command("publish", name)
    assert answer.code == 65
    assert said in answer.err
    assert "Nothing was published." in answer.err


TOO_LONG = 4 * 1024 * 1024


async def test_what_publish_refuses_names_reason_size_limit_and_what_to_do_and_the_rest_is_sent(
    command: Wireroom, broker: Client
) -> None:
    (command.folder / "empty.txt").write_bytes(b"")
    (command.folder / "lock.txt").write_text(BODY)
    (command.folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9)
    (command.folder / "long.json").write_text(json.dumps({"source": "local", "body": "x" * TOO_LONG}))
    names = ["empty.txt", "lock.txt", "picture.png", "long.json"]
    said = await command("publish", *names)
    assert (said.code, said.out) == (
        1,
        "acknowledged 1   refused 3 · empty_body 1 · unsupported_media_type 1 · too_large 1\n",
    )
    assert said.err.startswith("run 20")
    assert sorted(said.err.splitlines()[1:]) == [
        "empty.txt: empty_body: field body is empty. There is nothing in it to publish.",
        (
            "long.json:1: too_large: 4,194,335 bytes; a message has at most 4,128,768. "
            "Split it, or send only the text of the article."
        ),
        (
            "picture.png: unsupported_media_type: field body is the bytes of a file that is neither text nor HTML. "
            "Convert it to text or HTML first."
        ),
    ]
    told = await command("publish", "--json", *names)
    assert told.code == 1
    *each, total = told.lines
    by_origin = {line["origin"]: line for line in each}
    reasons = {"empty_body": 1, "too_large": 1, "unsupported_media_type": 1}
    counts = {"acknowledged": 1, "refused": 3, "already": 0, "skipped": 0, "reasons": reasons}
    assert {**total, "run": ""} == {"v": 1, "run": "", **counts}
    assert by_origin["lock.txt"] == {"v": 1, "origin": "lock.txt", "sequence": 2}
    refused = {origin: line["refused"] for origin, line in by_origin.items() if "refused" in line}
    assert {origin: found["reason"] for origin, found in refused.items()} == {
        "empty.txt": "empty_body",
        "long.json:1": "too_large",
        "picture.png": "unsupported_media_type",
    }
    assert all(found["detail"] and found["what_to_do"] for found in refused.values())
    assert (await broker.jetstream().stream_info("INBOX")).state.messages == 2


async def test_a_source_that_is_none_is_refused_before_anything_is_sent(command: Wireroom, broker: Client) -> None:
    told = await command("publish", "-", "--source", "Tide Times", stdin=BODY.encode())
    assert told.code == 2
    said = " ".join(told.err.replace("│", "").split())
    assert "schema: 'Tide Times' is no source: those are lower case letters, digits and dashes" in said
    assert (await broker.jetstream().stream_info("INBOX")).state.messages == 0


async def test_an_article_too_large_for_the_stream_of_a_site_is_refused_and_the_next_is_sent(
    command: Wireroom, broker: Client
) -> None:
    await change_inbox(broker, max_msg_size=1000)
    lines = [json.dumps({"body": "x" * 2000}).encode(), json.dumps({"body": BODY[:200]}).encode()]
    told = await command("publish", "-", stdin=b"\n".join(lines))
    assert (told.code, told.out) == (1, "acknowledged 1   refused 1 · too_large 1\n")
    assert "\n-:1: too_large: 2" in told.err
    assert "bytes are more than stream INBOX takes; its limit is lower than the usual 4,128,768" in told.err


async def test_a_full_stream_is_said_to_refuse_and_what_it_had_taken_is_not_in_doubt(
    command: Wireroom, broker: Client
) -> None:
    await change_inbox(broker, max_msgs=1)
    lines = json.dumps({"body": BODY}).encode() + b"\n"
    assert (await command("publish", "-", stdin=lines)).code == 0
    told = await command("publish", "-", stdin=lines)
    assert told.code == 69
    assert "the broker refuses -:1, 5 times: maximum messages exceeded (code 10077)" in told.err
    assert "is not reachable" not in told.err
    assert "`wireroom status` shows what is full" in told.err


async def change_inbox(broker: Client, **limits: int) -> None:
    js = broker.jetstream()
    config = (await js.stream_info("INBOX")).config
    for name, value in limits.items():
        setattr(config, name, value)
    await js.update_stream(config)


async def test_an_audit_adds_up_and_tells_what_is_missing(wireroom: Wireroom, broker: Client) -> None:
    lines = [*sample_lines(), b"no json"]
    assert (await wireroom("publish", "-", "--ledger", "sent.jsonl", stdin=b"\n".join(lines))).code == 0
    await stored(broker, 23)
    await read(broker, "DEAD", "news.dead.>", 2)
    whole = await wireroom("audit")
    second = "updated" if "updated" in whole.out else "superseded"  # as the two versions of one article arrived
    assert whole.out == f"accepted 25 = 1 duplicate + 21 inserted + 1 {second} + 2 dead-lettered + 0 in flight   OK\n"
    [sent] = (await wireroom("audit", "--ledger", "sent.jsonl", "--json")).lines
    assert (sent["accepted"], sent["missing"], sent["adds_up"]) == (25, [], True)

    (wireroom.folder / "sent.jsonl").write_text('{"sequence": 1}\n{"sequence": 999}\n')
    found = await wireroom("audit", "--ledger", "sent.jsonl")
    assert found.code == 1
    assert "1 without a trace   NOT OK" in found.out
    assert "INBOX: 999." in found.out
    assert (await wireroom("audit", "--ledger", "nowhere.jsonl")).code == 65


async def test_an_audit_finds_an_article_that_was_announced_and_is_not_in_the_database(
    wireroom: Wireroom, broker: Client, database: Database[dict[str, Any]]
) -> None:
    await wireroom("publish", "-", stdin=BODY.encode())
    await stored(broker, 1)
    gone = database["articles"].find_one_and_delete({})
    assert gone
    found = await wireroom("audit")
    assert (found.code, f"{gone['_id']} was announced as stored but is not in the database." in found.out) == (1, True)


async def test_an_audit_counts_what_no_service_has_taken_yet_as_in_flight(command: Wireroom) -> None:
    await command("publish", "-", stdin=BODY.encode())
    assert (await command("audit")).out == "accepted 1 = 0 dead-lettered + 1 in flight   OK\n"
