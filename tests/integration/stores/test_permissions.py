"""Every user of the broker by every subject: what the table lists is allowed, and nothing else; on a real server."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.setup.broker_accounts import DEFAULT_PUBLISHER, READER_API, Outsiders, configuration, user_names
from shared.broker import nats_client, provisioning
from shared.broker.connect import brief_connection
from shared.broker.permissions import OPERATOR, SETUP, Access, table
from shared.errors import WrongSetting
from shared.topology import NEWS
from wireroom.local.servers import nats_server

OUTSIDERS = Outsiders(
    {"gazette": "harbour-gazette", "post": "valdoria-post"}, {"archive": "archive-reader"}, services=("headcount",)
)
TABLE = table(OUTSIDERS.services)
PASSWORDS = {name: f"password-of-{name}" for name in user_names(OUTSIDERS)}
SUBMITTED = "news.v1.submitted"
READS = f"CONSUMER.MSG.NEXT.{NEWS}.archive-reader"
SAVES = ("$JS.API.STREAM.SNAPSHOT.RAW", "$JS.SNAPSHOT.ACK.RAW.x.1.1")
RESTORES = ("$JS.API.STREAM.RESTORE.RAW", "$JS.SNAPSHOT.RESTORE.RAW.x", "$JS.API.CONSUMER.RESET.RAW.extract")
INTERNAL = ("news.v1.raw.harbour-gazette", "news.v1.stored.en.harbour-gazette", "$KV.withdrawn.x", "news.dead.ingest.x")
# what nobody's list shows by itself: said here again, by hand, so that a list that grows too long is noticed
NEVER = {
    "ingest": ("news.v1.extracted.en.a", "news.v1.stored.en.a", "$KV.furniture.a", "$JS.API.STREAM.PURGE.RAW"),
    "extract": (SUBMITTED, "news.v1.raw.a", "news.v1.stored.en.a", "$KV.tokens.a", "$JS.API.STREAM.MSG.DELETE.NEWS"),
    "store": (SUBMITTED, "news.v1.raw.a", "news.v1.extracted.en.a", "$JS.API.STREAM.PURGE.RAW", "$KV.furniture.a"),
    "desk": ("news.v1.stored.en.a", "$KV.withdrawn.a", "$KV.tokens.a", "$JS.API.STREAM.PURGE.NEWS"),
    "headcount": (
        *(SUBMITTED, "news.v1.extracted.en.a", "news.dead.store.a", "$KV.withdrawn.a", "$JS.ACK.NEWS.store.1.1.1.1.1"),
        *(f"$JS.API.{what}" for what in ("STREAM.PURGE.NEWS", "CONSUMER.CREATE.NEWS.store", "CONSUMER.CREATE.RAW.x")),
    ),
    SETUP: ("news.v1.extracted.en.a", "news.v1.stored.en.a", "news.dead.store.a"),
    OPERATOR: (
        *(f"$JS.API.STREAM.{what}.RAW" for what in ("CREATE", "UPDATE", "DELETE", "PURGE", "RESTORE")),
        *(
            "$SYS.REQ.SERVER.PING",
            "$JS.ACK.RAW.extract.1.1.1.1.1",
            "$JS.API.CONSUMER.DURABLE.CREATE.RAW.x",
            *RESTORES,
        ),
    ),
    DEFAULT_PUBLISHER: (f"{SUBMITTED}.harbour-gazette", "news.v1.raw.a", "$JS.API.INFO", "$JS.API.STREAM.NAMES"),
    "gazette": (f"{SUBMITTED}.valdoria-post", "news.v1.raw.a", "$JS.API.INFO", "$JS.API.STREAM.MSG.GET.INBOX"),
    "archive": (SUBMITTED, f"{READER_API}.CONSUMER.MSG.NEXT.NEWS.store", "$JS.API.STREAM.MSG.GET.NEWS", "$JS.API.INFO"),
}
LAST = "nobody.may"
EAVESDROPPED = ("_INBOX.>", "news.>", "$JS.API.>", "$KV.>", "$SYS.>", ">")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nats_server(tmp_path_factory.mktemp("guarded"), accounts=configuration(PASSWORDS, OUTSIDERS)) as found:
        yield found


def address(url: str, user: str) -> str:
    return url.replace("//", f"//{user}:{PASSWORDS[user]}@")


class Denied:
    """The broker's refusals on one connection."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._all = asyncio.Event()

    async def note(self, error: Exception) -> None:
        self.said.append(str(error))
        if LAST in str(error):
            self._all.set()

    async def told(self, connection: Client) -> None:
        """Wait for the refusal of what nobody may publish: those of all that was sent before are here then."""
        await connection.publish(LAST, b"")
        await asyncio.wait_for(self._all.wait(), 10)

    def subjects(self, kind: str, tried: Iterable[str]) -> set[str]:
        """Return which were refused; the client tells them in lower case."""
        return {subject for subject in tried if f'violation for {kind} to "{subject.lower()}"' in "\n".join(self.said)}


@asynccontextmanager
async def connected(url: str, user: str) -> AsyncIterator[tuple[Client, Denied]]:
    denied = Denied()
    connection = await nats_client.connect(
        [url], user=user, password=PASSWORDS[user], inbox_prefix=f"_INBOX.{user}", error_cb=denied.note
    )
    try:
        yield connection, denied
    finally:
        await connection.close()


@pytest.fixture
async def stocked(url: str) -> AsyncIterator[Client]:
    """A broker with every stream, as the setup user sees it, with the reader's durable."""
    async with connected(url, SETUP) as (connection, _):
        js = connection.jetstream(timeout=10)
        await provisioning.apply(js)
        await js.add_consumer(NEWS, durable_name="archive-reader", ack_policy="explicit")
        yield connection
        for stream in await js.streams_info():
            await js.delete_stream(str(stream.config.name))


def example(pattern: str) -> str:
    """Return a subject that a pattern takes."""
    return pattern.replace("*", "a").removesuffix(">") + ("a" if pattern.endswith(">") else "")


def allowed(user: str) -> Access:
    if user in TABLE:
        return TABLE[user]
    if user in OUTSIDERS.readers:
        theirs = (f"{READER_API}.CONSUMER.INFO.NEWS.archive-reader", f"{READER_API}.{READS}")
        acks = ("$JS.ACK.NEWS.archive-reader.>", "$JS.ACK.*.*.NEWS.archive-reader.>")
        return Access((*theirs, *acks), ("_INBOX.>",))
    return Access((SUBMITTED,), ("_INBOX.>",))


def takes(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    expressions = [
        re.compile("".join(r"[^.]+" if part == "*" else r".+" if part == ">" else re.escape(part)
                           for part in re.split(r"([*>])", pattern)))
        for pattern in patterns
    ]  # fmt: skip
    return lambda subject: any(expression.fullmatch(subject) for expression in expressions)


SUBJECTS = sorted(
    {example(pattern) for user in PASSWORDS for pattern in allowed(user).publish}
    | {subject for subjects in NEVER.values() for subject in subjects}
    | {*INTERNAL, *SAVES, *RESTORES}
)


@pytest.mark.parametrize("user", PASSWORDS)
async def test_a_user_publishes_what_its_list_has_and_nothing_else(url: str, user: str) -> None:
    may = takes(allowed(user).publish)
    async with connected(url, user) as (connection, denied):
        for subject in SUBJECTS:
            await connection.publish(subject, b"")
        await denied.told(connection)
        refused = denied.subjects("publish", SUBJECTS)
    assert refused == {subject for subject in SUBJECTS if not may(subject)}
    assert set(NEVER.get(user, INTERNAL)) <= refused
    assert refused < set(SUBJECTS), "something is allowed"


def test_the_operator_saves_streams_and_setup_alone_restores_them() -> None:
    may = {user: takes(allowed(user).publish) for user in PASSWORDS}
    assert {user for user in PASSWORDS for subject in SAVES if may[user](subject)} == {OPERATOR, SETUP}
    assert {user for user in PASSWORDS for subject in RESTORES if may[user](subject)} == {SETUP}


@pytest.mark.parametrize("user", PASSWORDS)
async def test_a_user_hears_its_own_inbox_and_what_its_list_has(url: str, user: str) -> None:
    others = {f"_INBOX.{other}.>" for other in TABLE if other != user}
    theirs = {pattern for name in TABLE for pattern in allowed(name).subscribe} - others
    may = takes(allowed(user).subscribe)
    wanted = sorted({*EAVESDROPPED, *others, *theirs})
    async with connected(url, user) as (connection, denied):
        for subject in wanted:
            await connection.subscribe(subject)
        await denied.told(connection)
        refused = denied.subjects("subscription", wanted)
    assert refused == {subject for subject in wanted if not may(subject)}


async def test_without_a_user_or_with_a_wrong_password_nobody_gets_in(url: str) -> None:
    for wrong in (url, url.replace("//", "//setup:guessed@"), url.replace("//", "//nobody:guessed@")):
        with pytest.raises(WrongSetting, match="refuses"):
            async with brief_connection(wrong):
                pass


async def stored(connection: Client) -> dict[str, int]:
    """Return how many messages every stream has."""
    return {str(info.config.name): info.state.messages for info in await connection.jetstream().streams_info()}


async def test_a_publisher_submits_for_its_source_and_its_message_says_so(url: str, stocked: Client) -> None:
    subjects = []
    for user in ("gazette", "post", DEFAULT_PUBLISHER):
        async with brief_connection(address(url, user)) as connection:
            headers = {"Nats-Msg-Id": user}
            first = await connection.jetstream().publish(SUBMITTED, b"{}", stream="INBOX", headers=headers)
            again = await connection.jetstream().publish(SUBMITTED, b"{}", stream="INBOX", headers=headers)
            assert (again.duplicate, again.seq) == (True, first.seq)
        subjects.append((await stocked.jetstream().get_msg("INBOX", first.seq)).subject)
    assert subjects == [f"{SUBMITTED}.harbour-gazette", f"{SUBMITTED}.valdoria-post", SUBMITTED]


@pytest.mark.parametrize("user", ["gazette", DEFAULT_PUBLISHER])
async def test_a_reply_subject_of_a_publisher_stores_nothing(url: str, stocked: Client, user: str) -> None:
    before = await stored(stocked)
    async with connected(url, user) as (connection, _):
        for reply in INTERNAL:
            await connection.publish(SUBMITTED, b"{}", reply=reply)
        await connection.flush()
        with pytest.raises(NatsError):
            await connection.request("$JS.API.STREAM.INFO.INBOX", timeout=0.3)
        acknowledged = await connection.jetstream().publish(SUBMITTED, b"{}")
    assert await stored(stocked) == before | {"INBOX": acknowledged.seq}
    assert acknowledged.seq == len(INTERNAL) + 1


async def test_a_reader_reads_its_durable_and_its_reply_subjects_store_nothing(url: str, stocked: Client) -> None:
    for number in range(4):
        await stocked_article(url, number)
    before = await stored(stocked)
    async with connected(url, "archive") as (connection, _):
        js = connection.jetstream(prefix=READER_API)
        reader = await js.pull_subscribe_bind("archive-reader", NEWS)
        [first, second] = await reader.fetch(2, timeout=5)
        await first.ack_sync()
        await second.ack_sync()
        assert (first.data, second.data) == (b"0", b"1")
        for reply in INTERNAL:
            await connection.publish(f"{READER_API}.{READS}", b"1", reply=reply)
        await connection.flush()
        info = await js.consumer_info(NEWS, "archive-reader")
    assert info.ack_floor
    assert info.ack_floor.stream_seq == 2
    assert await stored(stocked) == before


async def stocked_article(url: str, number: int) -> None:
    async with brief_connection(address(url, "extract")) as connection:
        await connection.jetstream().publish("news.v1.extracted.en.harbour-gazette", b"%d" % number, stream=NEWS)


def test_passwords_stand_in_the_configuration_of_their_user_only() -> None:
    text = configuration(PASSWORDS, OUTSIDERS)
    assert {name: text.count(f'"{password}"') for name, password in PASSWORDS.items()} == dict.fromkeys(PASSWORDS, 1)
