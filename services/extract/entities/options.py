"""Options of the tagger: labels to keep, longest name, least mentions, alias file."""

from dataclasses import dataclass

from services.extract.entities.aliases import NONE, Aliases
from services.extract.entities.spans import LABELS

MAX_NAME = 80  # code points; what is longer is a sentence the model took for a title


@dataclass(frozen=True)
class Options:
    """Which labels and names are kept, and what the user knows of them; what is not kept is told as dropped."""

    labels: frozenset[str] = frozenset(LABELS)
    longest_name: int = MAX_NAME
    least_mentions: int = 1
    aliases: Aliases = NONE


DEFAULT = Options()
