"""The trained judge of lines: what is known of each line becomes numbers, a small network makes probabilities of them.

``lines.npz`` is data: loading it runs nothing. What it was trained on, and how well it does, stands in
docs/models/lines.md; ``wireroom train lines`` makes it anew.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from services.extract.clean.facts import Facts

if TYPE_CHECKING:
    from services.extract.clean.model.network import Network

MIN_LINES = 8  # in fewer there is too little around a line to judge it by
MAX_LINES = 3000  # in what has more, a table or a list, the rules decide; the network's memory stays below 50 MB
WEIGHTS = "lines.npz"
_judge: ContextVar["Network | None"] = ContextVar("_judge", default=None)


def probabilities(facts: Sequence[Facts], title: str | None) -> list[float] | None:
    """Return for each line how likely it belongs to the article; None if the model does not judge such a text."""
    from services.extract.clean.model import features, network  # noqa: PLC0415 - numpy, which `--help` does not need

    if not MIN_LINES <= len(facts) <= MAX_LINES:
        return None
    judge = _judge.get() or network.shipped(WEIGHTS, features.WIDTH)
    return judge.judge(features.dense(facts, title), features.buckets(facts))


@contextmanager
def using(network: "Network") -> Iterator[None]:
    """Judge with another network, as when one is measured on what it was not trained on."""
    before = _judge.set(network)
    try:
        yield
    finally:
        _judge.reset(before)
