"""Conservation: every submission that was acknowledged has a fate, or is on its way, or is missing and named."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from nats.js import JetStreamContext

from wireroom.evidence import Evidence, both, look


@dataclass(frozen=True)
class Balance:
    """``missing`` are places without any trace; ``too_old`` is how many of a ledger are older than the streams."""

    accepted: int
    outcomes: dict[str, int]
    dead: int
    dropped: int
    in_flight: int
    too_old: int
    missing: tuple[int, ...]

    @property
    def adds_up(self) -> bool:
        return not self.missing


def balance(evidence: Evidence, places: Iterable[int] | None = None) -> Balance:
    """Weigh the evidence for these places, by default for all that it covers."""
    # a withdrawn place counts wherever it is: the raw article that would show how far back to look was erased
    covered = {*range(evidence.first, evidence.last + 1), *(p for p in evidence.withdrawn if p <= evidence.last)}
    wanted = covered if places is None else set(places)
    withdrawn = wanted & evidence.withdrawn.keys()
    stored = {place: event for place, event in evidence.stored.items() if place in wanted - withdrawn}
    settled = withdrawn | stored.keys()
    dead = wanted & evidence.dead.keys() - settled
    dropped = wanted & evidence.dropped - settled - dead
    flying = (wanted & (evidence.inbox | evidence.raw | evidence.extracted)) - settled - dead - dropped
    unknown = wanted - settled - dead - dropped - flying
    missing = {place for place in unknown if place >= evidence.first}
    outcomes = Counter[str](event.outcome for event in stored.values())
    if withdrawn:
        outcomes["withdrawn"] = len(withdrawn)
    return Balance(
        accepted=len(wanted),
        outcomes=dict(outcomes),
        dead=len(dead),
        dropped=len(dropped),
        in_flight=len(flying),
        too_old=len(unknown - missing),
        missing=tuple(sorted(missing)),
    )


async def gather(js: JetStreamContext) -> Evidence:
    """Read the streams; costs a read of all announcements and of the headers of the articles.

    What moves on meanwhile can be missed once, between INBOX and RAW: whatever is missing is looked for again.
    """
    seen = await look(js)
    return both(seen, await look(js)) if balance(seen).missing else seen


def ledger_places(lines: Iterable[str]) -> list[int]:
    """Return the places of a publisher's ledger: JSON lines with the ``sequence`` of each acknowledgement."""
    return [int(json.loads(line)["sequence"]) for line in lines if line.strip()]
