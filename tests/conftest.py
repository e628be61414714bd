"""One broker and one database for all integration tests of a process; each test gets them empty."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from nats.aio.client import Client
from pymongo import MongoClient
from pymongo.database import Database

from shared.broker import nats_client, provisioning
from shared.settings import Settings
from tests import real_servers

if TYPE_CHECKING:
    from services.extract.entities import Tagger
    from services.extract.settings import ExtractSettings

# before numpy is imported: threads of two processes that wait for each other spin, and take ten times the processor
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# how many examples of a property are tried: `make test-faults` tries ten times as many as `make test`
hypothesis_settings.register_profile(
    "brief", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("thorough", hypothesis_settings.get_profile("brief"), max_examples=500)
hypothesis_settings.load_profile("brief")


@pytest.fixture(scope="session", autouse=True)
def one_model_of_languages() -> Iterator[None]:
    """All cleaners of this process share what they only read, which takes each half a second to load."""
    from py3langid.langid import LanguageIdentifier

    with pytest.MonkeyPatch.context() as patched:
        load = staticmethod(cache(LanguageIdentifier.from_model_file))
        patched.setattr(LanguageIdentifier, "from_model_file", load)
        yield


@pytest.fixture(scope="session")
def taggers() -> "dict[str, Tagger]":
    """Those that were loaded in this process, by their settings."""
    return {}


@pytest.fixture
def models_loaded_once(taggers: "dict[str, Tagger]", monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this process share the tagger of the same settings: loading its models takes a second each time."""
    from services.extract import tagging

    def shared(options: "ExtractSettings") -> "Tagger":
        key = options.model_dump_json()
        if key not in taggers:
            taggers[key] = made(options)
        return taggers[key]

    made = tagging.tagger
    monkeypatch.setattr(tagging, "tagger", shared)


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_servers.nats(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_servers.mongo(tmp_path_factory.mktemp("mongo")) as url:
        yield url


@pytest.fixture
async def empty_broker(broker_url: str) -> AsyncIterator[Client]:
    """A connection to the broker without any stream; what a test leaves is deleted after it."""
    connection = await nats_client.connect([broker_url], connect_timeout=5)
    yield connection
    js = connection.jetstream()
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name or "")
    await connection.close()


@pytest.fixture
async def broker(empty_broker: Client) -> Client:
    """A connection to the broker with every stream and consumer."""
    await provisioning.apply(empty_broker.jetstream(timeout=10))
    return empty_broker


@pytest.fixture
def database(mongo_url: str) -> Iterator[Database[dict[str, Any]]]:
    """An empty database of this test's own, to look into; services reach it by its name."""
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        name = f"test_{uuid.uuid4().hex}"
        yield client[name]
        client.drop_database(name)


@pytest.fixture
def settings(broker: Client, mongo_url: str, database: Database[dict[str, Any]]) -> Settings:
    url = broker.connected_url.geturl() if broker.connected_url else ""
    return Settings(nats_url=url, mongo_url=mongo_url, mongo_database=database.name, health_port=0)
