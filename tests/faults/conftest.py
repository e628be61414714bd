"""The report of the fault matrix: reports/faults.json, row by row; and a skipped matrix is no green one."""

import os
from pathlib import Path

import pytest

from tests.faults.harness import Report

ROOT = Path(__file__).parents[2]
_EXPECTED = "WIREROOM_EXPECTED_SKIPS"


@pytest.fixture(scope="session")
def report() -> Report:
    return Report(ROOT / "reports/faults.json")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if expected := os.environ.get(_EXPECTED):
        skipped = len(terminalreporter.stats.get("skipped", ()))
        terminalreporter.write_line(f"{skipped} rows skipped, {expected} expected")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped more or less than it was told to expect: `make test-faults SKIPS=3`."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    expected = os.environ.get(_EXPECTED)
    if expected and reporter and len(reporter.stats.get("skipped", ())) != int(expected):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
