"""Spans whose start and end are measured elsewhere: what services call where traces are exported; needs no extra."""

from typing import Protocol


class AddSpan(Protocol):
    """Adds a span below the current one. A service whose ``Broker.add_span`` is None exports none, and calls nothing.

    Both times are nanoseconds since the epoch; ``articles`` is how many were worked on together meanwhile.
    """

    def __call__(self, name: str, began: int, ended: int, articles: int = 1) -> None: ...
