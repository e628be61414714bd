"""An address that cannot be used is told as such, and never with its password."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import typer

from services.store.mongo_connection import connect
from shared.errors import WrongSetting
from shared.settings import Settings
from wireroom.cli import connections
from wireroom.cli.connections import mongo_articles, nats_connection

NOWHERE = "127.0.0.1:1"


@contextmanager
def wrong_setting(said: str, *, code: int = 78) -> Iterator[None]:
    with pytest.raises(WrongSetting, match=said) as raised:
        yield
    assert raised.value.code == code
    assert "hun/ter" not in str(raised.value)


@contextmanager
def ends_with(code: int) -> Iterator[None]:
    with pytest.raises(typer.Exit) as ended:
        yield
    assert ended.value.exit_code == code


def find_one(mongo_url: str, database: str = "wireroom") -> None:
    with mongo_articles(Settings(mongo_url=mongo_url, mongo_database=database)) as articles:
        articles["articles"].find_one()


@pytest.mark.parametrize(
    "url",
    ["mongodb://", f"http://{NOWHERE}", "mongodb://someone:hun/ter@127.0.0.1", "mongodb://127.0.0.1:no-port"],
)
def test_what_is_no_address_of_a_database_is_a_wrong_setting(url: str) -> None:
    with wrong_setting("^WIREROOM_MONGO_URL is no address"):
        find_one(url)
    with wrong_setting("^WIREROOM_MONGO_URL is no address"):
        connect(url)


def test_a_name_that_no_database_can_have_is_a_wrong_setting() -> None:
    with wrong_setting("^WIREROOM_MONGO_DATABASE is no name"):
        find_one(f"mongodb://{NOWHERE}", database="two words")


def test_a_database_that_is_away_is_named_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    with ends_with(69):
        find_one(f"mongodb://someone:hunter@{NOWHERE}")
    said = capsys.readouterr().err
    assert f"MongoDB at {NOWHERE} is not reachable" in said
    assert "hunter" not in said


async def test_a_broker_that_is_away_is_named_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    with ends_with(69):
        async with nats_connection(f"nats://someone:hunter@{NOWHERE}"):
            pass
    said = capsys.readouterr().err
    assert f"NATS at nats://{NOWHERE} is not reachable" in said
    assert "hunter" not in said
    assert "someone" not in said


def test_the_default_server_is_told_once_and_only_where_nobody_named_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    default = Settings.model_fields["nats_url"].default
    monkeypatch.delenv("WIREROOM_NATS_URL", raising=False)
    monkeypatch.setattr(connections, "_told", set())
    connections.tell_default("WIREROOM_NATS_URL", "nats://127.0.0.1:4333")
    assert capsys.readouterr().err == ""
    for _ in range(2):
        connections.tell_default("WIREROOM_NATS_URL", default)
    [line] = capsys.readouterr().err.splitlines()
    assert default in line
    assert "--data FOLDER" in line
    monkeypatch.setattr(connections, "_told", set())
    monkeypatch.setenv("WIREROOM_NATS_URL", default)
    connections.tell_default("WIREROOM_NATS_URL", default)
    assert capsys.readouterr().err == ""
