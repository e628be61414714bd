"""A stack under attack: rounds with good articles alone, then with attacks beside them, and what became of all."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from statistics import median

from nats.js import JetStreamContext

from shared.broker.dead_letters import CUT, PLACES, from_ranges
from shared.topology import CONSUMERS
from tests.attacks import REFUSED, STORED, Attack
from tests.faults.report import Report, judge
from tests.faults.rig.load import Entry, Submission, noted, submissions
from tests.faults.rig.readiness import Readiness
from tests.faults.rig.watch import Watch
from tests.faults.test_matrix import impatient
from wireroom.bench.hostile_load import Siege, Tally
from wireroom.bench.process_monitor import Steadiness, watching
from wireroom.bench.raw_nats import Kept, Place, Publication, RawConnection, connected
from wireroom.local.local_stack import Stack

RATE = 8.0  # good articles a second: well below what one worker does
ROUNDS = 3
SECONDS = 3.0  # of each round
_TOLD_WITHIN = 10.0  # seconds in which a service is ready or says why
_READY_WITHIN = 30.0  # seconds after the last bad message
_SLOWER = 2.0  # times the usual median delay
_DRAINED = 40.0
_PATIENCE = 20.0  # seconds for good articles


@dataclass
class Besieged:
    """A stack with good articles and attacks; ``taken`` says where the broker put each attack, None: refused."""

    seed: int
    stack: Stack
    js: JetStreamContext
    connection: RawConnection
    watch: Watch
    readiness: Readiness
    steadiness: Steadiness
    siege: Siege
    known: dict[bytes, Submission]
    taken: list[tuple[Publication, Place | None]]
    warm: list[Tally] = field(default_factory=list)  # not measured
    usual: list[Tally] = field(default_factory=list)
    attacked: list[Tally] = field(default_factory=list)

    async def warm_up(self, attacks: Sequence[Attack] = ()) -> None:
        """Publish what is not measured: what fills caches, or uses up a quota."""
        publications = [attack.publication for attack in attacks]
        self.warm.append(await self.siege.round(SECONDS, RATE, publications, len(publications) / SECONDS or 1.0))

    async def before_each_round(self, attacks: Callable[[list[bytes], int], Iterable[Attack]]) -> list[Attack]:
        """Publish attacks on articles that are about to come, told of these and of their first place; return them."""
        made: list[Attack] = []
        for _ in range(ROUNDS):
            self.usual.append(await self.siege.round(SECONDS, RATE))
            articles = submissions(self.seed, 0.0)
            coming = [a.data for a in islice(articles, len(self.entries), len(self.entries) + int(SECONDS * RATE))]
            some = list(attacks(coming, await self.connection.last("INBOX") + 1))
            for attack in some:
                self.taken.append((attack.publication, await self.connection.publish(attack.publication)))
            self.attacked.append(await self.siege.round(SECONDS, RATE))
            made += some
            if self.late:
                break
        return made

    async def rounds(self, attacks: Iterable[Attack], seconds: float = SECONDS) -> None:
        """Publish the attacks in rounds of so long, each after one without: what else the machine does meets both."""
        publications = [attack.publication for attack in attacks]
        size = -(-len(publications) // ROUNDS)
        for start in range(0, len(publications), size):
            if self.late:
                return  # what was to be shown is shown
            self.usual.append(await self.siege.round(seconds, RATE))
            some = publications[start : start + size]
            self.attacked.append(await self.siege.round(seconds, RATE, some, len(some) / seconds))

    @property
    def _tallies(self) -> list[Tally]:
        return [*self.warm, *self.usual, *self.attacked]

    @property
    def late(self) -> list[int]:
        """Return the good articles that were not stored while they were waited for."""
        return [place for tally in self._tallies for place in tally.late]

    @property
    def entries(self) -> list[Entry]:
        return [noted(place, self.known[data]) for tally in self._tallies for place, data in tally.data.items()]


@asynccontextmanager
async def besieged(folder: Path, seed: int) -> AsyncIterator[Besieged]:
    known: dict[bytes, Submission] = {}
    taken: list[tuple[Publication, Place | None]] = []
    async with impatient(folder) as (stack, js), connected(stack.nats_url) as connection:
        siege = Siege(connection, _articles(seed, known), lambda *each: taken.append(each), patience=_PATIENCE)
        with (
            Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch,
            Readiness(stack.health_ports) as readiness,
        ):
            async with watching(stack) as steadiness:
                found = Besieged(seed, stack, js, connection, watch, readiness, steadiness, siege, known, taken)
                await found.warm_up()
                yield found


def _articles(seed: int, known: dict[bytes, Submission]) -> Iterator[bytes]:
    for article in submissions(seed, 0.0):
        known[article.data] = article
        yield article.data


async def hold(report: Report, row: str, found: Besieged, attacks: Iterable[Attack]) -> None:
    """Hold a stack that was attacked against what is promised, and write the row down."""
    ended = time.monotonic()
    untold = round(max(found.readiness.untold.values()), 1)
    ready_after = await _ready(found.readiness, ended)
    unanswered = await _unanswered(found.js)
    letters = await dead_letters(found.connection)
    wrong = await _wrong(found, {attack.name: attack for attack in attacks}, letters)
    usual, beside = (_median_ms(tallies) for tallies in (found.usual, found.attacked))
    figures = {
        "attacks": len(found.taken),
        "refused": sum(place is None for _, place in found.taken),
        "dead": dict(Counter(letter.headers.get("wireroom-reason", "") for letter in letters.values())),
        "usual_ms": usual,
        "beside_attacks_ms": beside,
        "untold_s": untold,
        "ready_after_s": ready_after,
        "restarts": found.steadiness.restarts,
        "loop_longest_ms": found.steadiness.loop_longest_ms,
        "wrong": wrong,
        "unanswered": unanswered,
    }
    report.add(row, fine=False, late=found.late, **figures)
    assert not found.late, figures
    await judge(report, row, found.js, found.stack.mongo_url, found.entries, found.watch, **figures)
    assert beside <= _SLOWER * usual, figures
    assert ready_after is not None, found.readiness.why
    assert untold <= _TOLD_WITHIN, found.readiness.untold
    assert not found.steadiness.restarts
    assert not unanswered
    assert not wrong, wrong


def _median_ms(tallies: Iterable[Tally]) -> float:
    delays = list(chain.from_iterable(tally.delays.values() for tally in tallies))
    return round(1000 * median(delays), 1) if delays else 0.0


async def _ready(readiness: Readiness, since: float) -> float | None:
    """Return the seconds until every service is ready, None if that takes too long."""
    while not readiness.all_ready:
        if time.monotonic() - since > _READY_WITHIN:
            return None
        await asyncio.sleep(0.1)
    return round(time.monotonic() - since, 1)


async def _unanswered(js: JetStreamContext) -> dict[str, int]:
    """Wait until every reader has answered everything; return what is left when patience is over."""
    deadline = time.monotonic() + _DRAINED
    while True:
        infos = [await js.consumer_info(consumer.stream, consumer.durable) for consumer in CONSUMERS]
        left = {info.name: (info.num_pending or 0) + (info.num_ack_pending or 0) for info in infos}
        waiting = {name: count for name, count in left.items() if count}
        if not waiting or time.monotonic() > deadline:
            return waiting
        await asyncio.sleep(0.2)


async def dead_letters(connection: RawConnection) -> dict[Place, Kept]:
    """Return the dead letters by the place of what was set aside, read as no client could be kept from reading them."""
    found = {}
    for number in range(1, await connection.last("DEAD") + 1):
        letter = await connection.kept("DEAD", number)
        if letter and letter.headers.get("wireroom-sequence", "").isascii():
            stream, sequence = letter.headers.get("wireroom-stream", ""), letter.headers.get("wireroom-sequence", "")
            if sequence.isdecimal() and len(sequence) < 20:
                found[Place(stream, int(sequence))] = letter
        if letter and PLACES in letter.headers:
            found |= {Place("INBOX", place): letter for place in from_ranges(letter.headers[PLACES])}
    return found


async def _wrong(found: Besieged, attacks: Mapping[str, Attack], letters: Mapping[Place, Kept]) -> list[str]:
    """Return which attacks did not become what they should."""
    later = {_version(letter.data): place for place, letter in letters.items()}
    later.pop(None, None)
    wrong = []
    for publication, place in found.taken:
        becomes = attacks[publication.name].becomes
        if not becomes or (place and place.duplicate):
            continue
        if place is None:
            became = "" if REFUSED in becomes else "refused by the broker"
        elif letter := letters.get(place):
            became = _of_letter(letter, publication.data, becomes)
        elif further := later.get(version := _version_of(place, publication)):
            original = await found.connection.kept(further.stream, further.sequence)
            became = _of_letter(letters[further], original.data if original else b"", becomes)
        else:
            became = _of_stored(version, found.siege.stored, becomes)
        if became:
            wrong.append(f"{publication.name}: {became}")
    return wrong


def _of_letter(letter: Kept, data: bytes, becomes: frozenset[str]) -> str:
    """Say what is wrong with a letter; nothing if it has a true reason and all its bytes, or says that it was cut."""
    reason, cut = letter.headers.get("wireroom-reason", ""), letter.headers.get(CUT)
    if reason not in becomes:
        return f"{reason} ({letter.headers.get('wireroom-detail', '')[:80]}) instead of {', '.join(sorted(becomes))}"
    if PLACES in letter.headers:
        return "" if int(letter.headers[CUT]) >= len(data) else "summed up without its size"
    if letter.data == data or (cut and data.startswith(letter.data)):
        return ""
    return f"{reason} with other bytes: {len(letter.data)} of {len(data)}"


def _of_stored(version: int | None, stored: Mapping[int, float], becomes: frozenset[str]) -> str:
    if version not in stored:
        return "no trace of it"
    return "" if STORED in becomes else f"stored instead of {', '.join(sorted(becomes))}"


def _version_of(place: Place, publication: Publication) -> int | None:
    return place.sequence if place.stream == "INBOX" else _version(publication.data)


def _version(data: bytes) -> int | None:
    try:
        return int(json.loads(data)["version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
