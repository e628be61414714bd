"""`setup` against a broker that does not answer in time: it is done again, and in the end named."""

import pytest
from nats.errors import FlushTimeoutError

from services.setup import preparation
from shared.errors import Unavailable
from shared.limits import Limits
from shared.settings import Settings


@pytest.mark.parametrize(("late", "calls"), [(0, 1), (2, 3)])
@pytest.mark.parametrize("error", [FlushTimeoutError, TimeoutError])  # the client raises its own and the builtin
async def test_it_is_done_again(
    monkeypatch: pytest.MonkeyPatch, late: int, calls: int, error: type[TimeoutError]
) -> None:
    seen = slow_for(late, monkeypatch, error)
    assert await preparation.setup(Settings(), Limits()) == ["done"]
    assert len(seen) == calls


async def test_in_the_end_it_says_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_for(99, monkeypatch)
    with pytest.raises(Unavailable, match=r"NATS at nats://.*did not answer in time"):
        await preparation.setup(Settings(nats_url="nats://me:secret@127.0.0.1:1"), Limits())


def slow_for(times: int, monkeypatch: pytest.MonkeyPatch, error: type[TimeoutError] = TimeoutError) -> list[int]:
    seen: list[int] = []

    async def once(*_: object) -> list[str]:
        seen.append(1)
        if len(seen) <= times:
            raise error
        return ["done"]

    monkeypatch.setattr(preparation, "_setup", once)
    return seen
