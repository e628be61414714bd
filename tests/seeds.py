"""Seeds of random histories: every second one in `make test`, all of them in `make test-faults`."""

from typing import Any

import pytest


def some_of(count: int) -> list[Any]:
    """Return the numbers below ``count`` as parameters of a test; the odd ones are marked nightly."""
    return [pytest.param(seed, marks=[pytest.mark.nightly] if seed % 2 else []) for seed in range(count)]
