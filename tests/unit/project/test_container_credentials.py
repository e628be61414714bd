"""What the container ``credentials`` of compose.yaml writes: one file for each reader, of the reader's group alone."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.setup import outside_users
from services.setup.container_credentials import BROKER_USER, DATABASE_USER, GROUPS, adopt, write
from services.setup.settings import ContainerSettings
from shared.errors import WrongSetting

NATS, MONGO = "nats://one:4222,nats://two:4222", "mongodb://db:27017/?replicaSet=rs0"


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int]]:
    """What root would have given away, by name of the file; nobody else may, and these tests run as anybody."""
    given: dict[str, tuple[int, int]] = {}

    def note(path: Path | int, user: int, group: int, **_: object) -> None:
        opened = Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else path
        name = str(opened).removesuffix(".new")
        given[name] = (user, group)

    monkeypatch.setattr(os, "chown", note)
    monkeypatch.setattr(os, "fchown", note)
    return given


@pytest.fixture
def written(tmp_path: Path, owners: dict[str, tuple[int, int]]) -> Callable[..., ContainerSettings]:
    def again(**options: Any) -> ContainerSettings:  # noqa: ANN401 - any setting
        settings = ContainerSettings(folder=tmp_path, **options)
        write(settings, NATS, MONGO)
        return settings

    assert not owners
    return again


def test_each_address_names_its_user_and_belongs_to_the_group_that_reads_it(
    written: Callable[..., ContainerSettings], tmp_path: Path, owners: dict[str, tuple[int, int]]
) -> None:
    written(added_services={"headcount": 10030})
    for user, group in (*GROUPS.items(), ("headcount", 10030)):
        assert (tmp_path / user).stat().st_mode & 0o777 == 0o750, user
        assert owners[str(tmp_path / user)] == (-1, group)
        for path in (tmp_path / user).iterdir():
            assert path.stat().st_mode & 0o777 == 0o640, path
            assert owners[str(path)] == (-1, group), path
    assert all((tmp_path / name).stat().st_mode & 0o077 == 0 for name in ("passwords.json", "mongo.key"))
    made = json.loads((tmp_path / "passwords.json").read_bytes())
    for user in ("ingest", "store", "headcount", "publisher"):
        servers = (tmp_path / user / "nats_url").read_text().split(",")
        assert [urlsplit(each).hostname for each in servers] == ["one", "two"]
        assert {(urlsplit(each).username, urlsplit(each).password) for each in servers} == {(user, made["nats"][user])}
    store = (tmp_path / "store/mongo_url").read_text()
    assert store == f"mongodb://store:{made['mongo']['store']}@db:27017/?replicaSet=rs0&authSource=admin"
    assert not (tmp_path / "extract/mongo_url").exists()
    assert (tmp_path / "publisher/published_nats_url").read_text().endswith("@127.0.0.1:4222")
    key = tmp_path / "database/mongo.key"
    assert (owners[str(key)], key.stat().st_mode & 0o777) == ((DATABASE_USER, -1), 0o600), "as mongod wants it"


def test_brokers_of_a_cluster_let_nobody_in_who_does_not_know_their_password(
    written: Callable[..., ContainerSettings], tmp_path: Path
) -> None:
    written(broker_nodes="one,two")
    path = tmp_path / "broker/cluster.conf"
    cluster = json.loads(path.read_text().removeprefix("cluster: "))
    password = cluster["authorization"]["password"]
    assert len(password) > 40
    assert cluster["routes"] == [f"nats://route:{password}@{node}:6222" for node in ("one", "two")]
    assert path.stat().st_mode & 0o777 == 0o640
    before = path.read_text()
    written(broker_nodes="one,two")
    assert path.read_text() == before


def test_written_again_nothing_is_made_anew_and_what_is_missing_is(
    written: Callable[..., ContainerSettings], tmp_path: Path
) -> None:
    def content() -> dict[str, str]:
        return {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}

    settings = written()
    before = content()
    written()
    assert content() == before
    outside_users.save(settings.folder, {"gazette": outside_users.new("gazette", "harbour-gazette")})
    written(added_services={"headcount": 10030})
    assert "headcount" in json.loads((tmp_path / "passwords.json").read_bytes())["nats"]
    accounts = (tmp_path / "broker/accounts.conf").read_text()
    assert '"headcount"' in accounts
    assert "news.v1.submitted.harbour-gazette" in accounts
    assert (tmp_path / "ingest/nats_url").read_text() == before["ingest/nats_url"]


def test_a_volume_of_a_release_without_accounts_is_given_to_the_brokers_user_and_account(
    tmp_path: Path, owners: dict[str, tuple[int, int]]
) -> None:
    block = tmp_path / "jetstream/$G/streams/INBOX/msgs/1.blk"
    block.parent.mkdir(parents=True)
    block.write_bytes(b"articles")
    adopt(tmp_path, BROKER_USER)
    moved = tmp_path / "jetstream/WIREROOM/streams/INBOX/msgs/1.blk"
    assert moved.read_bytes() == b"articles"
    given = {path for path, who in owners.items() if who == (BROKER_USER, BROKER_USER)}
    assert given == {str(each) for each in (tmp_path, *tmp_path.rglob("*"))}
    order = list(owners)
    assert all(order.index(str(path.parent)) < order.index(str(path)) for path in tmp_path.rglob("*"))


def test_what_is_the_brokers_already_stays(tmp_path: Path, owners: dict[str, tuple[int, int]]) -> None:
    (tmp_path / "jetstream").mkdir()
    adopt(tmp_path, tmp_path.stat().st_uid)
    assert not owners


@pytest.mark.parametrize("value", ["headcount", "headcount=", "=10030", "headcount=x"])
def test_an_added_service_has_the_number_of_a_group(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_CREDENTIALS_ADDED_SERVICES", value)
    with pytest.raises(WrongSetting, match="WIREROOM_CREDENTIALS_ADDED_SERVICES"):
        ContainerSettings()
