"""The one-machine stack asks everybody for a password, also on a folder from before it did, and loses nothing of it."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from services.setup.credentials import address_file
from shared.broker import provisioning
from shared.broker.connect import brief_connection
from shared.errors import WrongSetting
from shared.messages import ArticleSubmitted
from tests.commands import Wireroom
from tests.stacks import broker_of
from wireroom.local import servers, stack_state
from wireroom.local.local_stack import Stack, running
from wireroom.testing.factories import a_submission


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


async def test_a_folder_of_before_keeps_its_data_and_is_guarded_from_its_next_start(tmp_path: Path) -> None:
    await before_there_were_passwords(tmp_path)
    async with running(tmp_path, lambda _: None, usual_ports=False) as stack:
        assert not list(readable_by_others(tmp_path))
        await strangers_get_nothing(stack)
        async with broker_of(stack) as js:
            assert (await js.stream_info("INBOX")).state.last_seq == 1
        with MongoClient[dict[str, Any]](stack.mongo_url) as client:
            assert client["wireroom"]["kept"].find_one() == {"_id": "before"}
            for forbidden in (client["wireroom"]["articles"].delete_many, client["other"]["articles"].insert_one):
                with pytest.raises(OperationFailure, match="not authorized"):
                    forbidden({})
        passwords = (tmp_path / "credentials/passwords.json").read_bytes()
        added = (await user_added(stack, tmp_path)).removeprefix("nats://").partition("@")[0]
        log = (tmp_path / "logs/nats-server.log").read_text()
    assert "iolation for" not in log, "a service or setup was denied something it needs"
    async with running(tmp_path, lambda _: None, usual_ports=False):
        assert (tmp_path / "credentials/passwords.json").read_bytes() == passwords
        await the_default_publisher_submits(tmp_path)
        async with brief_connection(stack_state_url(tmp_path).replace("//", f"//{added}@")):
            pass


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
