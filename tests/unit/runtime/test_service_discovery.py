"""A service is a directory with an app.py: nothing else has to be told of it."""

import importlib
import sys
from pathlib import Path

import pytest

from shared.runtime import run
from shared.topology import PIPELINE

_APP = "def app(settings):\n    return settings\n"


def test_the_services_that_are_there_are_found() -> None:
    assert {*PIPELINE, "desk"} <= set(run.services())
    assert "setup" not in run.services(), "it prepares a broker, and serves nothing"


def test_a_new_directory_is_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = importlib.import_module("services")
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/app.py").write_text(_APP)
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "services.watch", raising=False)
    assert "watch" in run.services()
    made: object = run.load("watch")
    assert callable(made)
