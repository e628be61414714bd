"""``wireroom user``: publishers and readers come and go on a running nats-server, and everyone else stays connected."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it has no types
import pytest
from nats.aio.client import Client

from services.setup import broker_accounts, credentials
from services.setup.broker_accounts import DEFAULT_PUBLISHER, READER_API
from services.setup.credentials import address_file
from shared.broker import nats_client, provisioning
from shared.broker.connect import brief_connection
from shared.broker.nats_address import login, without_password
from shared.broker.permissions import OPERATOR, SETUP
from shared.errors import WrongSetting
from shared.topology import NEWS
from tests.commands import Answer, Wireroom
from wireroom.local import ports, servers, stack_state

SUBMITTED = "news.v1.submitted"
PATIENCE = 60.0
STAYING = (SETUP, OPERATOR, "extract", DEFAULT_PUBLISHER)


@dataclass(frozen=True)
class Running:
    """A nats-server whose folder says of itself what one of a stack does."""

    data: Path

    def address(self, user: str) -> str:
        return address_file(self.data / stack_state.CREDENTIALS, user, "nats").read_text()

    async def __call__(self, *arguments: str) -> Answer:
        command = Wireroom({"WIREROOM_NATS_URL": "nats://127.0.0.1:1", "WIREROOM_MONGO_URL": "mongodb://127.0.0.1:1"})
        return await command("--data", str(self.data), "user", *arguments)

    async def added(self, name: str, *what: str) -> str:
        """Add a user and return its address."""
        answer = await self("add", name, *what)
        assert answer.code == 0, answer.said
        return answer.out.strip()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("users")
    [port] = ports.free(1)
    known = credentials.kept(data / stack_state.CREDENTIALS, broker_accounts.user_names(), ())
    credentials.write_addresses(known, f"nats://{{}}127.0.0.1:{port}", "")
    accounts = broker_accounts.configuration(known.nats)
    with stack_state.held(data), servers.nats_server(data, port, accounts=accounts) as url:
        [server] = [each.pid for each in psutil.Process().children() if str(data / "nats.conf") in each.cmdline()]
        state = stack_state.State(os.getpid(), "", url, "", ready=True, guarded=True, processes={"nats-server": server})
        stack_state.write(data, state)
        asyncio.run(with_streams(Running(data).address(SETUP)))
        yield Running(data)


async def with_streams(url: str) -> None:
    async with brief_connection(url) as connection:
        await provisioning.apply(connection.jetstream(timeout=10))


@asynccontextmanager
async def watched(url: str) -> AsyncIterator[tuple[Client, asyncio.Event]]:
    """Yield a connection that comes back by itself, and the event that it was cut."""
    cut = asyncio.Event()

    async def note() -> None:
        cut.set()

    async def expected(_error: Exception) -> None:
        """It is cut on purpose."""

    options = {"disconnected_cb": note, "error_cb": expected, "max_reconnect_attempts": 1}
    connection = await nats_client.connect([without_password(url)], **login(url), **options)
    try:
        yield connection, cut
    finally:
        await connection.close()


@asynccontextmanager
async def nobody_else_is_cut(stack: Running, *others: str) -> AsyncIterator[None]:
    """Hold connections of users that stay while the block changes others; they can still be heard after it."""
    urls = [*map(stack.address, STAYING), *others]
    async with AsyncExitStack() as held:
        connections = [await held.enter_async_context(watched(url)) for url in urls]
        yield
        for connection, cut in connections:
            await connection.flush()
            assert not cut.is_set(), connection.options["user"]


async def submitted(url: str) -> int:
    async with brief_connection(url) as connection:
        return (await connection.jetstream(timeout=5).publish(SUBMITTED, b"{}", stream="INBOX")).seq


async def is_refused(url: str) -> bool:
    with pytest.raises(WrongSetting, match="refuses"):
        async with brief_connection(url):
            pass
    return True


async def last_subject(stack: Running, sequence: int) -> str:
    async with brief_connection(stack.address(SETUP)) as connection:
        return str((await connection.jetstream(timeout=5).get_msg("INBOX", sequence)).subject)


async def test_an_added_publisher_submits_for_its_source_at_once(stack: Running) -> None:
    async with brief_connection(stack.address(SETUP)) as connection:
        before = (await connection.jetstream().stream_info("INBOX")).state.last_seq
    async with nobody_else_is_cut(stack):
        url = await stack.added("gazette", "--source", "harbour-gazette")
        sequence = await submitted(url)
    assert sequence == before + 1, "looking whether it is let in stores nothing"
    assert await last_subject(stack, sequence) == f"{SUBMITTED}.harbour-gazette"


async def test_a_revoked_user_is_cut_off_at_once_and_does_not_come_back(stack: Running) -> None:
    url, other = [await stack.added(name, "--source", "tide-times") for name in ("tide", "other")]
    async with watched(url) as (connection, cut), nobody_else_is_cut(stack, other):
        await connection.flush()
        assert (await stack("revoke", "tide")).code == 0
        await asyncio.wait_for(cut.wait(), PATIENCE)
        assert await is_refused(url)
    assert await submitted(other)
    again = await stack.added("tide", "--source", "valdoria-post")
    assert await last_subject(stack, await submitted(again)) == f"{SUBMITTED}.valdoria-post"


async def test_a_rotated_password_is_the_only_one(stack: Running) -> None:
    old = await stack.added("post", "--source", "valdoria-post")
    async with watched(old) as (connection, cut), nobody_else_is_cut(stack):
        await connection.flush()
        answer = await stack("rotate", "post")
        assert answer.code == 0, answer.said
        await asyncio.wait_for(cut.wait(), PATIENCE)
    new = answer.out.strip()
    assert without_password(new) == without_password(old)
    assert await is_refused(old)
    assert await submitted(new)


async def test_a_reader_reads_a_durable_of_its_name_until_it_is_revoked(stack: Running) -> None:
    async with nobody_else_is_cut(stack):
        url = await stack.added("archive", "--reader")
    async with brief_connection(stack.address("extract")) as connection:
        await connection.jetstream(timeout=5).publish("news.v1.extracted.en.tide-times", b"1", stream=NEWS)
    async with brief_connection(url) as connection:
        reader = await connection.jetstream(prefix=READER_API).pull_subscribe_bind("archive", NEWS)
        [message] = await reader.fetch(1, timeout=PATIENCE)
        await message.ack_sync()
        assert message.data == b"1"
    assert "archive" in await durables(stack)
    assert (await stack("revoke", "archive")).code == 0
    assert "archive" not in await durables(stack)
    assert await is_refused(url)


async def durables(stack: Running) -> set[str]:
    async with brief_connection(stack.address(SETUP)) as connection:
        return {info.name for info in await connection.jetstream(timeout=5).consumers_info(NEWS)}


async def test_the_list_shows_no_password_and_its_file_is_its_owners_alone(stack: Running) -> None:
    url = await stack.added("listed", "--source", "harbour-gazette")
    answer = await stack("ls", "--json")
    [row] = [line for line in answer.lines if line["name"] == "listed"]
    assert (row["v"], row["role"], row["source"]) == (1, "publisher", "harbour-gazette")
    password = str(login(url)["password"])
    assert password not in answer.said + (await stack("ls")).said
    assert "listed" in (await stack("ls")).out
    holding = [path for path in stack.data.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert {path.name for path in holding} == {"users.json", "nats-accounts.conf"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}


async def test_a_consumer_that_cannot_be_pulled_from_keeps_its_name(stack: Running) -> None:
    async with brief_connection(stack.address(SETUP)) as connection:
        await connection.jetstream(timeout=5).add_consumer(NEWS, durable_name="pushed", deliver_subject="somewhere")
    answer = await stack("add", "pushed", "--reader")
    assert (answer.code, "The name pushed is taken" in answer.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("revoke", "nobody"), 1, "no user nobody"),
        (("rotate", "nobody"), 1, "no user nobody"),
        (("add", "known", "--source", "tide-times"), 1, "There is a user known"),
        (("add", "store", "--reader"), 1, "taken by Wireroom"),
        (("add", "desk-searches", "--reader"), 1, "taken by Wireroom"),
        (("add", "publisher", "--source", "tide-times"), 1, "taken by Wireroom"),
        (("add", "x", "--source", "Tide Times"), 2, "is no source"),
        (("add", "a.b", "--reader"), 2, "is no name"),
        (("add", "x"), 2, "--source SOURCE"),
        (("add", "x", "--source", "tide-times", "--reader"), 2, "--source SOURCE"),
    ],
)
async def test_what_cannot_be_done_says_why_and_changes_nothing(
    stack: Running, arguments: tuple[str, ...], code: int, says: str
) -> None:
    if "known" in arguments and "known" not in (await stack("ls")).out:
        await stack.added("known", "--source", "tide-times")
    before = (await stack("ls")).out
    answer = await stack(*arguments)
    assert (answer.code, says in answer.err) == (code, True), answer.said
    assert (await stack("ls")).out == before


async def test_without_a_stack_nothing_is_changed_and_the_configuration_is_printed(tmp_path: Path) -> None:
    elsewhere = Running(tmp_path / "none")
    for arguments in (("add", "x", "--source", "tide-times"), ("revoke", "x"), ("rotate", "x"), ("ls",)):
        answer = await elsewhere(*arguments)
        assert (answer.code, "--print" in answer.err) == (69, True), answer.said
    answer = await elsewhere("add", "archive", "--reader", "--print")
    assert answer.code == 0, answer.said
    assert not elsewhere.data.exists()
    exports, accounts = answer.out.partition('# into "accounts"\n')[::2]
    printed = json.loads(f"{{{accounts}}}")["archive"]
    password = printed["users"][0]["password"]
    outsiders = broker_accounts.Outsiders({}, {"archive": "archive"})
    passwords = dict.fromkeys(broker_accounts.user_names(outsiders), password)
    text = (
        broker_accounts.configuration(passwords, outsiders).removeprefix("accounts: ").rpartition("system_account")[0]
    )
    whole = json.loads(text)
    assert printed == whole["archive"]
    offered = json.loads(f"[{exports.partition(chr(10))[2]}]")
    assert [each for each in whole[broker_accounts.ACCOUNT]["exports"] if each in offered] == offered
    assert len(offered) == len(printed["imports"])
