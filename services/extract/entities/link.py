"""Tells which clusters of mentions are things that the user knows from an alias file."""

from collections.abc import Sequence
from typing import NamedTuple

from services.extract.entities.aliases import Aliases, Entry
from services.extract.entities.names import fullest
from services.extract.entities.spans import Span, most_frequent


class Cluster(NamedTuple):
    """The mentions of one thing, in the order of the text, and what the user says of it."""

    spans: Sequence[Span]
    entry: Entry | None = None


def link(text: str, clusters: Sequence[Sequence[Span]], aliases: Aliases) -> list[Cluster]:
    """Link each cluster by its fullest form alone (a surname says little); those of one entry become one."""
    if not aliases:
        return [Cluster(spans) for spans in clusters]
    linked: list[Cluster] = []
    places: dict[Entry, int] = {}
    for spans in clusters:
        label = most_frequent([span.label for span in spans])
        entry = aliases.find(fullest(list(dict.fromkeys(text[s.start : s.end] for s in spans)), label), label)
        if entry in places:
            place = places[entry]
            linked[place] = Cluster(sorted([*linked[place].spans, *spans]), entry)
            continue
        if entry:
            places[entry] = len(linked)
        linked.append(Cluster(spans, entry))
    return linked
