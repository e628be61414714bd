"""A running stack: who is let in, what each process can read in its environment, and what its health says of faults.

It runs on a folder from before there were passwords, of which nothing is lost.
"""

import json
import stat
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped] # it has no types
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from services.setup.credentials import address_file
from shared.broker import provisioning
from shared.broker.connect import brief_connection
from shared.errors import WrongSetting
from shared.messages import ArticleSubmitted
from tests.commands import Wireroom
from tests.health_answers import green, red, until
from tests.stacks import broker_of, paused
from wireroom.local import servers, stack_state
from wireroom.local.local_stack import Stack, running
from wireroom.testing.factories import a_submission

_SECRETS = {
    "WIREROOM_MONGO_URL": "mongodb://reader:hidden-1@db.example/?tls=true",
    "wireroom_mongo_url": "mongodb://reader:hidden-2@db.example/?tls=true",  # settings are read in any case
    "WIREROOM_NATS_URL": "tls://publisher:hidden-3@queue.example:4222",
}
_FOREIGN = {"A_TOKEN_OF_SOMETHING_ELSE": "hidden-4", "wireroom_extract_longest_name": "79"}


def environment(pid: int) -> dict[str, str]:
    """Return what the process was started with; a forked one has its parent's."""
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def command_lines(stack: Stack) -> list[str]:
    return [" ".join(psutil.Process(pid).cmdline()) for pid in stack.processes.values()]


def passwords(folder: Path) -> list[str]:
    made = json.loads((folder / "credentials/passwords.json").read_bytes())
    found = [password for users in made.values() for password in users.values()]
    assert len(found) > 8
    return found


async def before_there_were_passwords(folder: Path) -> None:
    """Leave a folder as a release without passwords did: an article that waits in INBOX, and one in the database."""
    with servers.nats_server(folder) as url:
        async with brief_connection(url) as connection:
            js = connection.jetstream(timeout=10)
            await provisioning.apply(js)
            waiting = a_submission(guid="waiting").model_dump_json().encode()
            await js.publish(ArticleSubmitted.subject_pattern, waiting, stream="INBOX")
    with servers.mongod(folder) as url, MongoClient[dict[str, Any]](url) as client:
        client["wireroom"]["kept"].insert_one({"_id": "before"})


def readable_by_others(folder: Path) -> Iterator[Path]:
    for path in (folder / "credentials", folder / "nats.conf", *(folder / "credentials").rglob("*")):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield path


async def test_a_stack_is_guarded_hides_what_is_secret_and_says_what_is_wrong_on_a_folder_of_before_as_well(
    tmp_path: Path,
) -> None:
    """One stack is asked for all of it: its start takes longer than any of the questions."""
    await before_there_were_passwords(tmp_path)
    async with AsyncExitStack() as opened:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in (_SECRETS | _FOREIGN).items():
                patched.setenv(name, value)
            stack = await opened.enter_async_context(running(tmp_path, lambda _: None, usual_ports=False))
        await nothing_of_before_is_lost(stack)
        await strangers_get_nothing(stack)
        assert not list(readable_by_others(tmp_path))
        kept = (tmp_path / "credentials/passwords.json").read_bytes()
        if sys.platform == "linux":  # which alone shows the environment of a process
            each_process_knows_the_addresses_it_uses_and_parsers_know_none(stack, tmp_path)
        added = (await user_added(stack, tmp_path)).removeprefix("nats://").partition("@")[0]
        log = (tmp_path / "logs/nats-server.log").read_text()
        assert "iolation for" not in log, "a service or setup was denied something it needs"
        await services_are_red_while_what_they_need_stands_still_and_green_again_soon_after(stack)
    async with running(tmp_path, lambda _: None, usual_ports=False):
        assert (tmp_path / "credentials/passwords.json").read_bytes() == kept
        await the_default_publisher_submits(tmp_path)
        async with brief_connection(stack_state_url(tmp_path).replace("//", f"//{added}@")):
            pass


async def nothing_of_before_is_lost(stack: Stack) -> None:
    async with broker_of(stack) as js:
        assert (await js.stream_info("INBOX")).state.last_seq == 1
    with MongoClient[dict[str, Any]](stack.mongo_url) as client:
        assert client["wireroom"]["kept"].find_one() == {"_id": "before"}
        for forbidden in (client["wireroom"]["articles"].delete_many, client["other"]["articles"].insert_one):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden({})


def each_process_knows_the_addresses_it_uses_and_parsers_know_none(stack: Stack, folder: Path) -> None:
    [template] = psutil.Process(stack.processes["extract"]).children()
    [worker] = template.children()
    seen = {name: environment(pid) for name, pid in stack.processes.items()}
    parsers = [environment(process.pid) for process in (template, worker)]
    mongo = {name for name, found in seen.items() if "WIREROOM_MONGO_URL_FILE" in found}
    assert mongo == {"store", "desk"}
    for name in ("ingest", "extract", "store", "desk"):
        assert Path(seen[name]["WIREROOM_NATS_URL_FILE"]) == folder / "credentials" / name / "nats_url"
    shown = [*map(str, seen.values()), *map(str, parsers), *command_lines(stack)]
    for password in passwords(folder):
        assert not [each for each in shown if password in each]
    for found in [*seen.values(), *parsers]:
        assert not set(_SECRETS.values()) & set(found.values())
    for found in parsers:
        assert not {"WIREROOM_NATS_URL_FILE", "WIREROOM_MONGO_URL_FILE", "A_TOKEN_OF_SOMETHING_ELSE"} & set(found)
        assert found["wireroom_extract_longest_name"] == "79"
        assert found["OPENBLAS_NUM_THREADS"] == "1"


async def services_are_red_while_what_they_need_stands_still_and_green_again_soon_after(stack: Stack) -> None:
    for port in stack.health_ports.values():
        await until(port, green)
    with paused(stack.processes["mongod"]):
        await until(stack.health_ports["store"], red("MongoDB at 127.0.0.1"))
        assert green(await until(stack.health_ports["ingest"], green))
    await until(stack.health_ports["store"], green)
    with paused(stack.processes["nats-server"]):
        for port in stack.health_ports.values():
            await until(port, red("NATS"))
    for port in stack.health_ports.values():
        await until(port, green)


async def user_added(stack: Stack, folder: Path) -> str:
    command = Wireroom({"WIREROOM_NATS_URL": stack.nats_url, "WIREROOM_MONGO_URL": stack.mongo_url})
    answer = await command("--data", str(folder), "user", "add", "gazette", "--source", "harbour-gazette")
    assert answer.code == 0, answer.said
    return answer.out.strip()


def stack_state_url(folder: Path) -> str:
    found = stack_state.running(folder)
    assert found
    return found.nats_url


async def strangers_get_nothing(stack: Stack) -> None:
    bare = stack.nats_url.replace(stack.nats_url.partition("//")[2].partition("@")[0] + "@", "")
    with pytest.raises(WrongSetting, match="refuses a connection without user"):
        async with brief_connection(bare):
            pass
    address, _, options = stack.mongo_url.partition("@")
    with MongoClient[dict[str, Any]](f"mongodb://{options.partition('&')[0]}") as client:
        for refused in (client["wireroom"]["articles"].find_one, client.list_database_names):
            with pytest.raises(OperationFailure, match="requires authentication"):
                refused()
        with pytest.raises(OperationFailure):
            client.admin.command({"createUser": "mine", "pwd": "mine", "roles": ["root"]})
    assert address.startswith("mongodb://operator:")


async def the_default_publisher_submits(folder: Path) -> None:
    url = address_file(folder / "credentials", "publisher", "nats").read_text()
    async with brief_connection(url) as connection:
        data = a_submission(guid="one-line").model_dump_json().encode()
        taken = await connection.jetstream().publish(ArticleSubmitted.subject_pattern, data, stream="INBOX")
    assert taken.seq == 2
