"""What ``wireroom tail`` cannot follow is refused before anything is asked of a server."""

import re

import pytest
from rich.text import Text
from typer.testing import CliRunner

from wireroom.cli.commands import tail_command
from wireroom.cli.main import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dead", "--source", "tide-times"), "dead letters have no source"),
        (("dead", "--language", "en"), "no language"),
        (("raw", "--language", "en"), "no language"),
        (("stored", "--entity", "ORG:Brackwater"), "only extracted articles"),
        (("--source", "two words"), "no source"),
        (("--source", "*"), "no source"),
        (("--language", "en-GB"), "no language"),
    ],
)
def test_what_would_follow_nothing_is_refused(arguments: tuple[str, ...], said: str) -> None:
    environment = {"WIREROOM_NATS_URL": "nats://127.0.0.1:1", "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["--data", "/nonexistent", "tail", *arguments], env=environment)
    assert result.exit_code == 2, result.output
    assert said in re.sub(r"[\s│]+", " ", result.stderr)


def test_a_line_is_whole_in_a_pipe_whatever_width_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    tail_command.print_line(Text("word " * 40 + "end"))
    assert capsys.readouterr().out == "word " * 40 + "end\n"
