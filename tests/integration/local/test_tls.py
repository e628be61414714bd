"""TLS with a real nats-server and a real mongod, certificates of `wireroom tls`, and clients that are not let in."""

import asyncio
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.ingest.app import app as ingest
from services.setup.preparation import Wish, setup
from services.store.mongo_connection import open_check
from shared.broker import tls
from shared.broker.connect import brief_connection
from shared.errors import Unavailable, WrongSetting
from shared.limits import Limits
from shared.settings import Settings, TlsSettings
from tests.running import publish, read, running
from wireroom.cli.main import app
from wireroom.local import mongod, nats_server, ports, servers
from wireroom.ops import private_ca
from wireroom.testing.factories import a_submission


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    done = CliRunner().invoke(app, ["tls", "make-ca", str(made), "--server", "127.0.0.1"])
    assert done.exit_code == 0, done.output
    return made


@pytest.fixture(scope="module")
def elsewhere(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another authority, with a server of another name and a client."""
    made = tmp_path_factory.mktemp("elsewhere")
    done = CliRunner().invoke(app, ["tls", "make-ca", str(made), "--server", "queue.example"])
    assert (done.exit_code, made != folder) == (0, True)
    return made


@pytest.fixture(scope="module")
def broker(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker that wants a certificate of its clients; yields its address, which asks for TLS."""
    files = {"cert_file": "server.pem", "key_file": "server.pem", "ca_file": "ca.pem"}
    lines = "\n".join(f"{name}: {json.dumps(str(folder / file))}" for name, file in files.items())
    options = f"tls {{\n{lines}\nverify: true\n}}\n"
    with pytest.MonkeyPatch.context() as patch:
        trust(patch, folder)
        [port] = ports.free(1)
        url = nats_server.url(port).replace("nats://", "tls://")
        program = nats_server.program(tmp_path_factory.mktemp("nats"), port, accounts=options, probed_as=url)
        with servers.started(program):
            yield url


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.nats_server(tmp_path_factory.mktemp("plain")) as url:
        yield url


def trust(patch: pytest.MonkeyPatch, ca: Path, certificate: Path | None = None) -> None:
    """Set what a client trusts, and who it is: by default the client that the same authority made."""
    patch.setenv("WIREROOM_TLS_CA", str(ca / "ca.pem"))
    patch.setenv("WIREROOM_TLS_CERTIFICATE", str(certificate or ca / "client.pem"))


async def asked(url: str) -> str | None:
    """Return what keeps us from the broker."""
    try:
        async with brief_connection(url) as connection:
            await connection.flush()
    except Unavailable as outage:
        return str(outage)
    return None


async def test_a_service_works_over_tls_with_a_certificate_of_its_own(
    broker: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, folder)
    settings = Settings(nats_url=broker, health_port=0)
    await setup(settings, Limits(), Wish(compare=False))
    async with brief_connection(broker) as connection, running(ingest, settings=settings):
        await publish(connection, a_submission(guid="over-tls"))
        [raw] = await read(connection, "RAW", "news.v1.raw.>", 1)
    assert b"over-tls" in raw.data


async def test_who_cannot_show_a_certificate_or_trusts_another_authority_is_kept_out(
    broker: str, folder: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, folder)
    assert await asked(broker) is None
    trust(monkeypatch, folder, elsewhere / "client.pem")
    assert await asked(broker)
    trust(monkeypatch, elsewhere)
    assert "certificate verify failed" in str(await asked(broker))
    monkeypatch.delenv("WIREROOM_TLS_CERTIFICATE")
    trusted = folder / "ca.pem"
    monkeypatch.setenv("WIREROOM_TLS_CA", str(trusted))
    assert await asked(broker)
    trust(monkeypatch, elsewhere, folder / "client.pem")
    monkeypatch.setenv("WIREROOM_TLS_VERIFY", "false")
    assert await asked(broker) is None, "encrypted, and nobody is checked"


async def test_the_name_of_the_server_is_checked(broker: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, folder)
    assert "certificate is not valid for 'localhost'" in str(await asked(broker.replace("127.0.0.1", "localhost")))


async def test_no_password_goes_to_a_broker_that_offers_no_tls(
    plain: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nats-py would send it in plain text: whether there is TLS is for the server to say, or who stands in between."""
    trust(monkeypatch, folder)
    heard = bytearray()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(*plain.partition("//")[2].split(":"))
        writer.write(await upstream.readline())  # the broker's word, that it needs no TLS
        heard.extend(await reader.read(4096))
        downstream.close()
        writer.close()

    listening = await asyncio.start_server(between, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        assert "offers no TLS" in str(await asked(f"tls://operator:hidden@127.0.0.1:{port}"))
    assert b"hidden" not in heard
    assert not heard


async def test_the_database_is_reached_over_tls(
    folder: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [port] = ports.free(1)
    trust(monkeypatch, folder)
    program = mongod.program(tmp_path, port)
    own = ("--tlsMode", "preferTLS", "--tlsCAFile", str(folder / "ca.pem"))  # the probe asks without
    command = (*program.command, *own, "--tlsCertificateKeyFile", str(folder / "server.pem"))
    with servers.started(replace(program, command=command)):
        url = f"mongodb://127.0.0.1:{port}/?directConnection=true&tls=true"
        async with open_check(Settings(mongo_url=url)) as check:
            await check()
        for ca, certificate in ((elsewhere, folder / "client.pem"), (folder, elsewhere / "client.pem")):
            trust(monkeypatch, ca, certificate)
            async with open_check(Settings(mongo_url=url)) as check:
                with pytest.raises(Unavailable):
                    await check()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"nats_url": "nats://queue.example:4222"}, "WIREROOM_NATS_URL: queue.example "),
        ({"nats_url": "tls://one.example:4222,nats://10.0.0.2:4222"}, "WIREROOM_NATS_URL: 10.0.0.2 "),
        ({"mongo_url": "mongodb://user:hidden@db.example:27017/news"}, "WIREROOM_MONGO_URL: db.example "),
        ({"mongo_url": "mongodb://[fd00::1]:27017,localhost/?tls=false"}, "WIREROOM_MONGO_URL: fd00::1 "),
        ({"mongo_url": "mongodb+srv://db.example/?ssl=false"}, "WIREROOM_MONGO_URL: db.example "),
    ],
)
def test_another_machine_without_tls_is_refused_unless_told_otherwise(settings: dict[str, str], named: str) -> None:
    with pytest.raises(WrongSetting, match=re.escape(named)) as refused:
        Settings(**settings)  # type: ignore[arg-type] # any of them is a text
    assert "hidden" not in str(refused.value)
    assert Settings(**settings, allow_plaintext=True)  # type: ignore[arg-type] # the same


@pytest.mark.parametrize(
    "settings",
    [
        {"nats_url": "tls://queue.example:4222,wss://queue.example"},
        {"nats_url": "nats://localhost,nats://[::1]:4222"},
        {"mongo_url": "mongodb://db.example/?TLS=true"},
        {"mongo_url": "mongodb+srv://db.example/"},
        {"mongo_url": "mongodb://%2Ftmp%2Fmongodb-27017.sock/"},
    ],
)
def test_what_asks_for_tls_or_stays_on_this_machine_can_be_used(settings: dict[str, str]) -> None:
    assert Settings(**settings)  # type: ignore[arg-type] # any of them is a text


def test_the_settings_of_tls_are_handed_to_the_database_s_client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, folder)
    url = Settings(mongo_url="mongodb://db.example/?tls=true&tlsCAFile=mine").mongo_url
    assert url.startswith("mongodb://db.example/?tls=true&tlsCAFile=mine&tlsCertificateKeyFile=")
    assert Settings(mongo_url="mongodb://localhost/").mongo_url == "mongodb://localhost/"
    monkeypatch.setenv("WIREROOM_TLS_KEY", str(folder / "client.pem"))
    with pytest.raises(WrongSetting, match="WIREROOM_TLS_KEY cannot be set"):
        Settings(mongo_url="mongodb://db.example/?tls=true")


@pytest.mark.parametrize("field", ["ca", "certificate"])
def test_a_file_that_cannot_be_used_is_a_wrong_setting(field: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing")
    for name in ("file", "absent"):
        with pytest.raises(WrongSetting, match=f"WIREROOM_TLS_{field.upper()}"):
            tls.context(TlsSettings().model_copy(update={field: tmp_path / name}))


def test_keys_are_their_owners_and_certificates_are_what_clients_check(folder: Path) -> None:
    assert [path for path in folder.iterdir() if path.name != "ca.pem" and path.stat().st_mode & 0o077] == []
    before = (folder / "ca.pem").read_bytes()
    assert not private_ca.make(folder)
    done = CliRunner().invoke(app, ["tls", "make-ca", str(folder)])
    assert (done.exit_code, (folder / "ca.pem").read_bytes()) == (1, before)
    done = CliRunner().invoke(app, ["tls", "issue", str(folder), "mongo", "--host", "db.example", "--host", "10.0.0.7"])
    assert done.exit_code == 0, done.output
    read_back = ssl._ssl._test_decode_cert(str(folder / "mongo.pem"))  # type: ignore[attr-defined] # noqa: SLF001
    assert read_back["subjectAltName"] == (("DNS", "db.example"), ("IP Address", "10.0.0.7"))
    missing = CliRunner().invoke(app, ["tls", "issue", str(folder / "none"), "mongo"])
    assert missing.exit_code == 69
