"""Which letters are meant is said in one way, so that a slip of the hand deletes nothing."""

import pytest
from typer.testing import CliRunner

from wireroom.cli.main import app


@pytest.mark.parametrize("command", ["drop", "replay"])
@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ((), "which ones?"),
        (("12", "--all"), "either numbers or"),
        (("12", "--reason", "schema"), "either numbers or"),
        (("12", "--service", "ingest"), "either numbers or"),
        (("--service", "*"), "no service"),
        (("--service", "in gest"), "no service"),
    ],
)
def test_a_choice_that_can_be_read_in_two_ways_is_refused(command: str, choice: tuple[str, ...], said: str) -> None:
    environment = {"WIREROOM_NATS_URL": "nats://127.0.0.1:1"}
    result = CliRunner().invoke(app, ["--data", "/nonexistent", "dead", command, *choice], env=environment)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
