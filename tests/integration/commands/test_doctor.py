"""``wireroom doctor`` and ``config``: each thing that is not as it should be is told with what to do."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from typer.testing import CliRunner, Result

from shared.settings import Settings
from tests.commands import wireroom
from wireroom.cli.main import app
from wireroom.doctor import machine_checks
from wireroom.doctor.configuration import masked
from wireroom.doctor.findings import State, clock


async def doctor(settings: Settings, data: Path) -> tuple[int, dict[str, Any]]:
    code, said = await wireroom(settings, "--data", str(data), "doctor", "--json")
    return code, {check.pop("check"): check for check in json.loads(said)["checks"]}


async def test_where_all_is_as_it_should_be_every_check_says_so(settings: Settings, tmp_path: Path) -> None:
    code, checks = await doctor(settings, tmp_path / "none")
    assert [name for name, check in checks.items() if check["state"] == "problem"] == []
    assert code == 0
    for name in (
        "NATS",
        "clock of NATS",
        "stream INBOX",
        "consumer NEWS/store",
        "bucket withdrawn",
        "MongoDB",
        "spaCy",
    ):
        assert checks[name]["state"] == "ok", checks[name]


async def test_what_is_missing_or_not_as_set_is_told_with_what_to_do(
    settings: Settings, broker: Client, tmp_path: Path
) -> None:
    js = broker.jetstream()
    await js.delete_consumer("RAW", "extract")
    await js.delete_stream("KV_suspects")
    config = (await js.stream_info("DEAD")).config
    config.max_bytes = 10 * 1024 * 1024
    await js.update_stream(config)
    code, checks = await doctor(settings, tmp_path / "none")
    assert code == 1
    states = {name: checks[name]["state"] for name in ("consumer RAW/extract", "bucket suspects", "stream DEAD")}
    assert states == {"consumer RAW/extract": "problem", "bucket suspects": "problem", "stream DEAD": "warning"}
    assert all("wireroom setup" in checks[name]["todo"] for name in states)
    assert "max_bytes 10MB -> 2GB" in checks["stream DEAD"]["found"]


async def test_what_others_wrote_into_a_bucket_is_a_warning(settings: Settings, broker: Client, tmp_path: Path) -> None:
    await (await broker.jetstream().key_value("withdrawn")).put("not-ours", b"{}")
    code, said = await wireroom(settings, "--data", str(tmp_path / "none"), "doctor", "--json")
    found = [check for check in json.loads(said)["checks"] if "no service of ours" in check["found"]]
    assert [(check["check"], check["state"]) for check in found] == [("bucket withdrawn", "warning")]
    assert code == 0


def test_servers_that_are_away_are_problems_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    away = {"WIREROOM_NATS_URL": "nats://127.0.0.1:1", "WIREROOM_MONGO_URL": "mongodb://desk:hidden@127.0.0.1:1"}
    ended = invoke("--data", str(folder), "doctor", "--json", **away)
    assert ended.exit_code == 1
    checks = {check["check"]: check for check in json.loads(ended.stdout)["checks"]}
    assert (checks["NATS"]["state"], checks["MongoDB"]["state"]) == ("problem", "problem")
    assert f"chmod 700 {folder}" in checks["data folder"]["todo"]
    assert "hidden" not in ended.output


def test_clocks_apart_are_told() -> None:
    assert [clock("c", seconds, "NATS").state for seconds in (0.3, -5, 90)] == [
        State.OK,
        State.WARNING,
        State.PROBLEM,
    ]


def test_a_model_that_is_missing_or_of_another_language_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_EXTRACT_MODELS", '{"de": "en_core_web_sm", "fi": "xx_none", "en": "en_core_web_sm"}')
    found = {finding.check: finding for finding in machine_checks.look(tmp_path)}
    assert (found["model for en"].state, found["model for de"].state) == (State.OK, State.PROBLEM)
    assert "python -m spacy download xx_none" in found["model for fi"].todo


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment)


def test_config_show_says_what_is_in_effect_and_where_it_comes_from() -> None:
    secret = {"WIREROOM_NATS_URL": "tls://desk:hidden@queue:4222", "WIREROOM_LOG_LEVEL": "debug"}
    shown = invoke("--data", "/nonexistent", "config", "show", "--json", **secret)
    found = {each["variable"]: (each["value"], each["origin"]) for each in json.loads(shown.stdout)["settings"]}
    assert found["WIREROOM_NATS_URL"] == ("tls://***@queue:4222", "environment")
    assert found["WIREROOM_LOG_LEVEL"] == ("DEBUG", "environment")
    assert found["WIREROOM_RAW_AGE"] == (7 * 86400, "default")
    assert found["WIREROOM_DATA"] == ("/nonexistent", "command line")
    assert "hidden" not in shown.output


def test_config_check_has_a_line_for_everything_that_is_wrong(tmp_path: Path) -> None:
    wrong = {
        "WIREROOM_HEALTH_PORT": "http",
        "WIREROOM_RAW_AGE": "a week",
        "WIREROOM_MONGO_URL": "mongodb://desk:hun/ter@127.0.0.1",
        "WIREROOM_RULES": str(tmp_path / "none"),
        "WIREROOM_ALIASES": str(tmp_path / "none.toml"),
        "WIREROOM_MONGOD": "/nowhere/mongod",
    }
    checked = invoke("--data", "/nonexistent", "config", "check", "--json", **wrong)
    assert checked.exit_code == os.EX_CONFIG
    lines = json.loads(checked.stdout)["problems"]
    named = {line.split()[0].rstrip(":") for line in lines}
    assert named == set(wrong) - {"WIREROOM_MONGO_URL"}, "the address is looked at once the other values can be used"
    del wrong["WIREROOM_HEALTH_PORT"]
    checked = invoke("--data", "/nonexistent", "config", "check", **wrong)
    assert "WIREROOM_MONGO_URL is no address" in checked.stdout
    assert "hun/ter" not in checked.output
    assert invoke("--data", "/nonexistent", "config", "check").exit_code == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://a:b@x:1,nats://a:b@y:2", "nats://***@x:1,nats://***@y:2"),
        ("nats://token@x", "nats://***@x"),
        ("mongodb://u:hun/ter@x,y/?authSource=admin", "mongodb://***@x,y/?authSource=admin"),
        ("mongodb://x/?tlsCertificateKeyFilePassword=hunter&w=1", "mongodb://x/?tlsCertificateKeyFilePassword=***&w=1"),
    ],
)
def test_no_address_is_shown_with_what_is_secret(url: str, shown: str) -> None:
    assert masked(url) == shown
