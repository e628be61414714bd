"""The classifier of plain text: the probability of each line that it belongs to the article."""

from collections.abc import Sequence

from services.extract.clean.classifier import line_features
from services.extract.clean.classifier.network import Network
from services.extract.clean.rules.line_facts import Facts

MIN_LINES = 12  # in fewer there is too little around a line to judge it by, and articles so short are rare in the packs
MAX_LINES = 3000  # in what has more, a table or a list, the rules decide; the network's memory stays below 50 MB
WIDTH = line_features.WIDTH  # features of a line


def probabilities(network: Network, facts: Sequence[Facts], title: str | None) -> list[float] | None:
    """Return for each line the probability that it belongs to the article; None if there are too few or many lines."""
    if not MIN_LINES <= len(facts) <= MAX_LINES:
        return None
    return network.judge(line_features.dense(facts, title), line_features.buckets(facts))
