"""Audit: every acknowledged submission has an outcome, or is in flight, or is missing and named."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from nats.js import JetStreamContext

from wireroom.ops.audit_snapshot import AuditSnapshot, both, look


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
    accepted_losses: int = 0  # without a trace, and noted as lost by `wireroom audit --accept`
    lost_by_broker: tuple[int, ...] = ()  # of those that are missing: given by a broker whose data is gone

    @property
    def adds_up(self) -> bool:
        return not self.missing


def balance(snapshot: AuditSnapshot, places: Iterable[int] | None = None) -> Balance:
    """Count these places by their outcome, by default for all that it covers."""
    # a withdrawn place counts wherever it is: the raw article that would show how far back to look was erased
    withdrawn_here = {place for place in snapshot.withdrawn if place <= snapshot.last}  # beyond it others made it up
    wanted = snapshot.covered | withdrawn_here if places is None else _with_moved(places, snapshot)
    withdrawn = wanted & snapshot.withdrawn.keys()
    stored = {place: event for place, event in snapshot.stored.items() if place in wanted - withdrawn}
    settled = withdrawn | stored.keys()
    kept = wanted & snapshot.kept - settled
    dead = wanted & snapshot.dead.keys() - settled - kept
    dropped = wanted & snapshot.dropped - settled - kept - dead
    flying = (wanted & (snapshot.inbox | snapshot.raw | snapshot.extracted)) - settled - kept - dead - dropped
    unknown = wanted - settled - kept - dead - dropped - flying
    accepted_losses = unknown & snapshot.accepted_losses
    unknown -= accepted_losses
    missing = {place for place in unknown if not snapshot.too_old(place)}
    outcomes = Counter[str](event.outcome for event in stored.values())
    outcomes |= {name: len(found) for name, found in (("withdrawn", withdrawn), ("stored", kept)) if found}
    return Balance(
        accepted=len(wanted),
        outcomes=dict(outcomes),
        dead=len(dead),
        dropped=len(dropped),
        in_flight=len(flying),
        accepted_losses=len(accepted_losses),
        too_old=len(unknown - missing),
        missing=tuple(sorted(missing)),
        lost_by_broker=tuple(sorted(place for place in missing if any(place in gap for gap in snapshot.gaps))),
    )


def _was_given(place: int, snapshot: AuditSnapshot) -> bool:
    """Tell whether a number was given for sure before the broker lost its data."""
    return place in snapshot.kept or any(place in gap and place <= gap.known for gap in snapshot.gaps)


def _with_moved(places: Iterable[int], snapshot: AuditSnapshot) -> set[int]:
    """Add the new numbers of what was accepted under the old ones.

    A number below one that is stored was given before the loss, so two submissions had it, and both are asked for. Of a
    number beyond, only a ledger that names it twice says that; named once it means the one that has the new number.
    """
    asked = Counter(places)
    moved = asked.keys() & snapshot.moved.keys()
    renamed = {place for place in moved if asked[place] == 1 and not _was_given(place, snapshot)}
    return (asked.keys() - renamed) | {snapshot.moved[place] for place in moved}


async def gather(js: JetStreamContext) -> AuditSnapshot:
    """Read the streams; costs a read of all announcements, articles and dead letters that the streams hold.

    What moves on meanwhile can be missed once, between INBOX and RAW: whatever is missing is looked for again.
    """
    seen = await look(js)
    return both(seen, await look(js)) if balance(seen).missing else seen


def ledger_places(lines: Iterable[str]) -> list[int]:
    """Return the places of a publisher's ledger: JSON lines with the ``sequence`` of each acknowledgement."""
    return [int(json.loads(line)["sequence"]) for line in lines if line.strip()]
