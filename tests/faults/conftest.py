"""Keeps the report of the fault matrix: also of rows that fail or are skipped, for a skipped matrix is no green one."""

import os
from collections.abc import Generator

import pytest

from tests.faults.report import Report, untold
from tests.paths import ROOT

REPORT = Report(ROOT / "reports/faults.json")
_EXPECTED = "WIREROOM_EXPECTED_SKIPS"  # set for a run of the whole matrix


@pytest.fixture(scope="session")
def report() -> Report:
    return REPORT


def pytest_configure() -> None:
    if os.environ.get(_EXPECTED):
        REPORT.path.unlink(missing_ok=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    found = yield
    for marker in item.iter_markers("row"):
        for row in marker.args:
            if found.skipped and call.excinfo:
                REPORT.skipped(row, str(call.excinfo.value))
            elif found.failed:
                REPORT.failed(row, str(call.excinfo and call.excinfo.value)[:500])
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if expected := os.environ.get(_EXPECTED):
        skipped = len(terminalreporter.stats.get("skipped", ()))
        terminalreporter.write_line(f"{skipped} rows skipped, {expected} expected")
        if missing := untold(REPORT.rows()):
            terminalreporter.write_line(f"rows without a word in the report: {', '.join(missing)}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that left a row out, or skipped more or less than was expected: `make test-faults SKIPS=3`."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    expected = os.environ.get(_EXPECTED)
    if expected and reporter:
        skipped = len(reporter.stats.get("skipped", ()))
        if skipped != int(expected) or untold(REPORT.rows()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
