"""One stack of compose.yaml for all container tests: its start costs half a minute, its first build several."""

from collections.abc import Iterator

import pytest

from tests.containers.compose_stack import Stack, no_docker


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if reason := no_docker():
        pytest.skip(reason)
    started = Stack()
    try:
        started.compose("--profile", "tools", "build", "--quiet")
        started.compose("up", "--wait", "--wait-timeout", "240", "--quiet-pull")
        yield started
    finally:
        started.down()
