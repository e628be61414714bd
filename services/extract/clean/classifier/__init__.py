"""The trained judges: what is known of each line becomes numbers, a small network makes probabilities of them.

``lines.npz`` and ``pages.npz`` are data: loading them runs nothing. What they were trained on, and how well they do,
stands in docs/models; ``wireroom train`` makes them anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from services.extract.clean.rules.line_facts import Facts

if TYPE_CHECKING:
    from services.extract.clean.classifier.network import Network

MIN_LINES = 12  # in fewer there is too little around a line to judge it by, and articles so short are rare in the packs
MAX_LINES = 3000  # in what has more, a table or a list, the rules decide; the network's memory stays below 50 MB
LINES, PAGES = "lines.npz", "pages.npz"
_NONE: Mapping[str, "Network"] = MappingProxyType({})
_instead: ContextVar[Mapping[str, "Network"]] = ContextVar("_instead", default=_NONE)


def probabilities(facts: Sequence[Facts], title: str | None) -> list[float] | None:
    """Return for each line how likely it belongs to the article; None if the model does not judge such a text."""
    from services.extract.clean.classifier import line_features  # noqa: PLC0415 - numpy, which `--help` does not need

    if not MIN_LINES <= len(facts) <= MAX_LINES:
        return None
    return judge_of(LINES, line_features.WIDTH).judge(line_features.dense(facts, title), line_features.buckets(facts))


def judge_of(weights: str, width: int) -> "Network":
    """Return the network with these weights, for rows of so many numbers."""
    from services.extract.clean.classifier import network  # noqa: PLC0415 - numpy

    return _instead.get().get(weights) or network.shipped(weights, width)


@contextmanager
def using(network: "Network", weights: str = LINES) -> Iterator[None]:
    """Judge with another network, as when one is measured on what it was not trained on."""
    before = _instead.set({**_instead.get(), weights: network})
    try:
        yield
    finally:
        _instead.reset(before)
