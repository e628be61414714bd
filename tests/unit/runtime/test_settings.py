"""A setting that cannot be used is told in one line that names it, and never shows a password."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

import services
import shared
from services.desk.settings import DeskSettings
from services.extract.settings import ExtractSettings
from services.ingest.settings import IngestSettings
from shared.broker.nats_address import login, servers
from shared.environment import known, unknown
from shared.errors import WrongSetting
from shared.settings import EnvironmentSettings, Settings, variable
from tests.paths import ROOT
from wireroom.cli.main import app

WRONG = [  # class, variable, value, what is said of it
    (Settings, "WIREROOM_LOG_LEVEL", "loud", "one of CRITICAL, ERROR, WARNING, INFO, DEBUG"),
    (Settings, "WIREROOM_HEALTH_PORT", "http", "valid integer"),
    (Settings, "WIREROOM_HEALTH_PORT", "70000", "less than or equal to 65535"),
    (Settings, "WIREROOM_STREAM_REPLICAS", "0", "greater than or equal to 1"),
    (Settings, "WIREROOM_NATS_URL", ",", "names no server"),
    (Settings, "WIREROOM_NATS_URL", "http://127.0.0.1:4222", "has to be an address such as nats://"),
    (Settings, "WIREROOM_NATS_URL", "nats://127.0.0.1:port", "has to be an address such as nats://"),
    (Settings, "WIREROOM_NATS_URL", "nats://desk:hun/ter@127.0.0.1", "written %2F"),
    (Settings, "WIREROOM_NATS_URL", "nats://desk:12/hun@127.0.0.1", "written %2F"),
    (Settings, "WIREROOM_NATS_URL", "nats://desk:hun#ter@127.0.0.1", "written %2F"),
    (Settings, "WIREROOM_NATS_URL", "nats://a:hun@127.0.0.1,nats://b:hun@127.0.0.1", "different users"),
    (IngestSettings, "WIREROOM_INGEST_SOURCE_BYTES", "many", "valid integer"),
    (ExtractSettings, "WIREROOM_EXTRACT_MODELS", "{en", "has to be JSON"),
    (ExtractSettings, "WIREROOM_EXTRACT_MODELS", '["en"]', "valid dictionary"),
    (ExtractSettings, "WIREROOM_EXTRACT_LABELS", "[]", "at least 1 item"),
    (ExtractSettings, "WIREROOM_EXTRACT_TIME_LIMIT", "0", "greater than 0"),
    (DeskSettings, "WIREROOM_DESK_NAME", "Desk 1", "match pattern"),
    (DeskSettings, "WIREROOM_DESK_PROXY_HEADER", "X User", "match pattern"),
]


@pytest.mark.parametrize(("settings", "name", "value", "problem"), WRONG)
def test_a_wrong_value_is_one_line_with_the_variable_the_problem_and_what_to_do(
    settings: type[EnvironmentSettings], name: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as wrong:
        settings()
    assert wrong.value.code == os.EX_CONFIG
    [line] = str(wrong.value).splitlines()
    assert line.startswith(name)
    assert problem in line
    assert "Correct it or unset it" in line
    assert "hun" not in line


def test_every_wrong_value_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_LOG_LEVEL", "loud\nand clear")
    monkeypatch.setenv("WIREROOM_HEALTH_PORT", "x" * 500)
    with pytest.raises(WrongSetting) as wrong:
        Settings()
    lines = str(wrong.value).splitlines()
    assert sorted(line.split()[0] for line in lines) == ["WIREROOM_HEALTH_PORT", "WIREROOM_LOG_LEVEL"]
    assert max(map(len, lines)) < 300


@pytest.mark.parametrize("level", ["debug", "Warning", " ERROR "])
def test_a_level_is_known_in_any_case(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_LOG_LEVEL", level)
    assert Settings().log_level == level.strip().upper()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WIREROOM_NATS_URL", "WIREROOM_HEALTH_PORT", "WIREROOM_RULES", "WIREROOM_EXTRACT_MODELS"):
        monkeypatch.setenv(name, "")
    assert Settings().health_port == 8080
    assert ExtractSettings().rules is None


@pytest.mark.parametrize("name", ["ingest", "extract", "store", "setup"])
def test_a_service_with_a_wrong_value_ends_with_one_line_and_78(name: str) -> None:
    own = {"ingest": "WIREROOM_INGEST_SOURCE_BYTES", "extract": "WIREROOM_EXTRACT_BATCH"}.get(
        name, "WIREROOM_HEALTH_PORT"
    )
    module = ["services.setup"] if name == "setup" else ["shared.runtime.run", name]
    ended = subprocess.run(
        [sys.executable, "-m", *module], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"WIREROOM_HEALTH_PORT": "0", own: "no number"},
    )  # fmt: skip
    assert ended.returncode == 78
    [line] = [json.loads(line) for line in ended.stderr.splitlines()]
    assert line["message"].startswith(own)


@pytest.mark.parametrize("arguments", [["status"], ["search"], ["dead", "ls"], ["setup"], ["publish", "-"]], ids=str)
def test_a_command_with_a_wrong_value_ends_with_one_line_and_78(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_STREAM_REPLICAS", "many")
    ended = CliRunner().invoke(app, ["--data", "/nonexistent", *arguments], input="An article.")
    assert ended.exit_code == 78
    *_, line = ended.stderr.splitlines()  # publish names its run before
    assert "Traceback" not in ended.stderr
    assert line.startswith("WIREROOM_STREAM_REPLICAS is 'many'")


def test_the_one_machine_stack_is_not_started_with_a_value_that_a_service_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_EXTRACT_BATCH", "many")
    ended = CliRunner().invoke(app, ["--data", str(tmp_path / "data"), "up", "--detach"])
    assert (ended.exit_code, ended.stderr.startswith("WIREROOM_EXTRACT_BATCH is 'many'")) == (78, True)
    assert not (tmp_path / "data").exists()


def test_a_misspelled_variable_is_told_with_the_nearest_name() -> None:
    told = list(unknown(["WIREROOM_NATS_ULR", "wireroom_extract_worker", "WIREROOM_QQQ", "WIREROOM_RULES", "PATH"]))
    assert [line.split()[0] for line in told] == ["WIREROOM_NATS_ULR", "WIREROOM_QQQ", "wireroom_extract_worker"]
    assert told[0].endswith("did you mean WIREROOM_NATS_URL?")
    assert "did you mean" not in told[1]
    assert told[2].endswith("did you mean WIREROOM_EXTRACT_WORKERS?")


def test_a_command_and_a_service_warn_of_a_misspelled_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_LOG_LEVLE", "DEBUG")
    warned = CliRunner().invoke(app, ["--data", "/nonexistent", "aliases", "check", "/nonexistent"])
    assert "did you mean WIREROOM_LOG_LEVEL?" in warned.stderr
    ended = subprocess.run(
        [sys.executable, "-m", "shared.runtime.run", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "did you mean WIREROOM_LOG_LEVEL?" in ended.stderr


def test_every_class_of_settings_is_known_by_name() -> None:
    for package in (shared, services):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] in {"settings", "limits"}:
                importlib.import_module(module.name)
    classes = [*EnvironmentSettings.__subclasses__()]
    assert {Settings, IngestSettings, ExtractSettings} <= set(classes)
    named = {variable(settings, field) for settings in classes for field in settings.model_fields}
    assert named <= known()
    ours = [each for each in BaseSettings.__subclasses__() if each.__module__.startswith(("shared.", "services."))]
    assert ours == [EnvironmentSettings], "its wrong values would be told with a traceback"


def test_an_address_is_read_from_the_file_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text("tls://desk:hidden@queue:4222\n")
    monkeypatch.setenv("wireroom_nats_url_file", str(tmp_path / "url"))
    assert Settings().nats_url == "tls://desk:hidden@queue:4222"
    monkeypatch.setenv("WIREROOM_NATS_URL", "tls://other:4222")
    assert Settings().nats_url == "tls://other:4222", "what the environment says itself comes first"
    (tmp_path / "url").write_text("nats://desk:hid/den@queue")
    monkeypatch.delenv("WIREROOM_NATS_URL")
    with pytest.raises(WrongSetting, match="WIREROOM_NATS_URL cannot be used, and is not shown") as wrong:
        Settings()
    assert "den@" not in str(wrong.value)
    monkeypatch.setenv("WIREROOM_MONGO_URL_FILE", str(tmp_path / "absent"))
    with pytest.raises(WrongSetting, match=r"WIREROOM_MONGO_URL_FILE: .*absent cannot be read: No such file"):
        Settings()


def test_user_and_password_are_decoded_and_no_server_shows_them() -> None:
    url = "nats://desk:p%40ss%2Fw%25rd@queue-1:4222, tls://desk:p%40ss%2Fw%25rd@queue-2, queue-3:4222"
    assert login(url) == {"user": "desk", "password": "p@ss/w%rd", "inbox_prefix": "_INBOX.desk"}
    assert servers(url) == ["nats://queue-1:4222", "tls://queue-2", "queue-3:4222"]
    assert login("nats://t%3Aken@queue") == {"token": "t:ken"}
    assert login("nats://queue") == {}
    assert "p%40ss" not in repr(Settings(nats_url=url, allow_plaintext=True))
