# ruff: noqa: ANN401 - clients of other brokers have no types, or only partly
"""Bridges to other brokers: Redis and RabbitMQ as Debian has them, Kafka as FastStream's test broker plays it."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from shared.messages import ArticleExtracted
from shared.topology import NEWS
from tests.paths import ROOT
from wireroom.bridge.addresses import Address, parsed
from wireroom.bridge.foreign_brokers import Kafka, opened
from wireroom.bridge.transfer import ArticlesOut, SubmissionsIn
from wireroom.local import ports
from wireroom.testing.factories import BODY

PATIENCE = 60.0
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # as the user of the tests; the one in PATH changes users
GOOD = json.dumps({"guid": "one", "body": BODY}).encode()
NAMED = json.dumps({"guid": "two", "body": BODY, "source": "harbour-gazette"}).encode()
BAD = b'{"body": "x", "titel": "y"}'
EXTRACTED = Path(ROOT / "shared/examples/v1/extracted-full.json").read_bytes()
SUBJECT = ArticleExtracted.model_validate_json(EXTRACTED).subject


async def until(test: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (found := await test()):  # noqa: ASYNC110 - other brokers have no event for it
            await asyncio.sleep(0.02)
    return found


async def submitted(broker: Client) -> list[dict[str, Any]]:
    js = broker.jetstream()
    state = (await js.stream_info("INBOX")).state
    places = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    return [json.loads((await js.get_msg("INBOX", place)).data or b"") for place in places]


def server(program: str, missing: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    if not (path := shutil.which(program)):
        pytest.skip(f"{program} is not installed: apt-get install {missing}")
    return subprocess.Popen(
        [path, *arguments], env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    [port], folder = ports.free(1), str(tmp_path_factory.mktemp("redis"))
    process = server(
        "redis-server", "redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""
    )
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(PATIENCE)


@pytest.fixture
async def redis(redis_address: str) -> AsyncIterator[Any]:
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError as NotYet

    client = Redis.from_url(redis_address)

    async def answers() -> bool:
        try:
            return bool(await client.ping())
        except NotYet:
            return False

    await until(answers)
    yield client
    await client.flushall()
    await client.aclose()


async def test_submissions_of_a_redis_stream_are_acknowledged_once_they_are_in_inbox(
    broker: Client, redis: Any, redis_address: str
) -> None:
    for data in (GOOD, BAD, NAMED):
        await redis.xadd("submissions", {"data": data})
    await redis.xadd("submissions", {"guid": "three", "body": BODY})  # its fields are the submission
    address = parsed(f"{redis_address}/submissions")
    foreign = opened(address)
    bridge = SubmissionsIn(address, foreign, broker.jetstream(), "local")
    foreign.subscribe(bridge.take)
    await foreign.start()
    try:
        await until(lambda: _done(bridge, 4))
        rejected = await redis.xrange("submissions.rejected")
        pending = await redis.xpending("submissions", "wireroom")
    finally:
        await foreign.stop()
    assert [(each["guid"], each["source"]) for each in await submitted(broker)] == [
        ("one", "local"), ("two", "harbour-gazette"), ("three", "local"),
    ]  # fmt: skip
    assert bridge.counts == {"submitted": 3, "rejected": 1}
    [(_, fields)] = rejected
    assert (fields[b"data"], fields[b"header:wireroom-reason"]) == (BAD, b"unknown_field")
    assert b"did you mean title?" in fields[b"header:wireroom-detail"]
    assert pending["pending"] == 0


async def _done(bridge: SubmissionsIn, count: int) -> bool:
    return bridge.counts.total() == count


async def test_articles_go_to_a_redis_stream_and_come_again_after_an_outage(
    broker: Client, redis: Any, redis_address: str
) -> None:
    js = broker.jetstream()
    await js.publish(SUBJECT, EXTRACTED, stream=NEWS, headers={"ce-id": "1"})
    address = parsed(f"{redis_address}/articles")
    foreign = opened(address)
    await foreign.start()
    out = ArticlesOut(address, _Refusing(foreign, 1), js)  # type: ignore[arg-type] # as much of it as is called
    task = asyncio.create_task(out.run())
    try:
        [(_, fields)] = await until(lambda: redis.xrange("articles"))
        await until(lambda: _acknowledged(broker, out.durable))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await foreign.stop()
    assert fields[b"data"] == EXTRACTED
    assert fields[b"header:subject"].decode() == SUBJECT
    assert fields[b"header:ce-id"] == b"1"


async def _acknowledged(broker: Client, durable: str) -> bool:
    info = await broker.jetstream().consumer_info(NEWS, durable)
    return not info.num_pending and not info.num_ack_pending


class _Refusing:
    """A broker that does not take the first messages."""

    def __init__(self, foreign: Any, count: int) -> None:
        self.errors, self._foreign, self._left = foreign.errors, foreign, count

    async def send(self, *given: Any) -> None:
        if self._left:
            self._left -= 1
            raise OSError("away")
        await self._foreign.send(*given)


@pytest.fixture(scope="module")
def rabbit_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, distribution, names = ports.free(3)
    folder = tmp_path_factory.mktemp("rabbit")
    environment = {"HOME": str(folder), "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1"}
    process = server(
        RABBITMQ, "rabbitmq-server",
        RABBITMQ_NODENAME=f"wireroom{port}@localhost", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
        RABBITMQ_NODE_PORT=str(port), RABBITMQ_DIST_PORT=str(distribution), RABBITMQ_MNESIA_BASE=str(folder),
        RABBITMQ_LOG_BASE=str(folder), RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"), **environment,
    )  # fmt: skip
    yield f"amqp://guest:guest@127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(PATIENCE)
    subprocess.run(
        ["/usr/bin/epmd", "-kill"], env=os.environ | environment, check=False, capture_output=True, timeout=PATIENCE
    )


async def test_rabbitmq_is_bridged_both_ways(broker: Client, rabbit_address: str) -> None:
    import aio_pika

    async def connected() -> Any:
        try:
            return await aio_pika.connect(rabbit_address, timeout=2)
        except (OSError, aio_pika.exceptions.AMQPError, TimeoutError):
            return None

    connection = await until(connected)
    channel = await connection.channel()
    await channel.declare_queue("submissions", durable=True)
    for data in (GOOD, BAD, NAMED):
        await channel.default_exchange.publish(aio_pika.Message(data), "submissions")
    js = broker.jetstream()
    await js.publish(SUBJECT, EXTRACTED, stream=NEWS)
    address = parsed(f"{rabbit_address}/submissions")
    foreign = opened(address)
    bridge = SubmissionsIn(address, foreign, js, "local")
    foreign.subscribe(bridge.take)
    await foreign.start()
    out = ArticlesOut(parsed(f"{rabbit_address}/articles"), foreign, js)
    task = asyncio.create_task(out.run())
    try:
        await until(lambda: _done(bridge, 3))
        await until(lambda: _acknowledged_or_none(broker, out))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await foreign.stop()
    assert sorted(each["guid"] for each in await submitted(broker)) == ["one", "two"]
    rejected = await (await channel.get_queue("submissions.rejected")).get(no_ack=True)
    assert (rejected.body, rejected.headers["wireroom-reason"]) == (BAD, "unknown_field")
    article = await (await channel.get_queue("articles")).get(no_ack=True)
    assert article.body == EXTRACTED
    assert (await channel.declare_queue("submissions", passive=True)).declaration_result.message_count == 0
    await connection.close()


async def _acknowledged_or_none(broker: Client, out: ArticlesOut) -> bool:
    return out.counts["sent"] == 1 and await _acknowledged(broker, out.durable)


async def test_kafka_is_bridged_both_ways(broker: Client) -> None:
    from faststream.kafka import TestKafkaBroker

    address = Address("kafka", "localhost:9092", "submissions")
    foreign, js = Kafka(address), broker.jetstream()
    bridge = SubmissionsIn(address, foreign, js, "local")
    foreign.subscribe(bridge.take)
    sent = list[tuple[bytes, dict[str, str]]]()

    for topic in ("submissions.rejected", "articles"):

        @foreign.broker.subscriber(topic, decoder=_message)
        async def keep(message: Any) -> None:
            sent.append((message.body, message.headers))

    await js.publish(SUBJECT, EXTRACTED, stream=NEWS)
    async with TestKafkaBroker(foreign.broker):
        for data in (GOOD, BAD, NAMED):
            await foreign.broker.publish(data, "submissions")
        out = ArticlesOut(Address("kafka", "localhost:9092", "articles"), foreign, js)
        task = asyncio.create_task(out.run())
        await until(lambda: _acknowledged_or_none(broker, out))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [each["guid"] for each in await submitted(broker)] == ["one", "two"]
    (bad, headers), (article, _) = sent
    assert (bad, headers["wireroom-reason"], article) == (BAD, "unknown_field", EXTRACTED)


async def _message(message: Any) -> Any:
    return message


def test_addresses_are_parsed_and_shown_without_passwords() -> None:
    assert parsed("redis://h:1/2/news") == Address("redis", "redis://h:1/2", "news")
    assert parsed("amqp://u:p@h/news") == Address("rabbit", "amqp://u:p@h/", "news")
    assert parsed("amqps://h/v/news") == Address("rabbit", "amqps://h/v", "news")
    assert parsed("kafka://a:1,b:2/news") == Address("kafka", "a:1,b:2", "news")
    assert parsed("amqp://u:secret@h/news").shown == "rabbit h/ news"
    for bad in ("http://h/x", "redis://h", "news", "amqp://u:secret@h"):
        with pytest.raises(ValueError, match="is none of") as told:
            parsed(bad)
        assert "secret" not in str(told.value)
