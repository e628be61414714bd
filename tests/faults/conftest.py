"""The report of the fault matrix: reports/faults.json, written row by row."""

from pathlib import Path

import pytest

from tests.faults.harness import Report

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def report() -> Report:
    return Report(ROOT / "reports/faults.json")
