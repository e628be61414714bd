"""Sending submissions to INBOX: many at once, each until the broker has it on disk, through outages.

A submission keeps its message id through repetitions, so the broker takes it once. The id is made of the run, the place
in the file and the content: a run that is resumed within the broker's memory of ids sends nothing twice either.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError

from services.ingest.identity import article_id
from shared.broker.envelope import BATCH, ORIGIN
from shared.broker.publish import classified
from shared.broker.withdrawals import Tombstone, withdraw
from shared.decoding import decode
from shared.errors import Reason, Rejected, Unavailable
from shared.messages import ArticleSubmitted
from shared.topology import MAX_MESSAGE_BYTES
from wireroom.publisher.archives.records import Skipped
from wireroom.publisher.read_ahead import ReadAhead
from wireroom.publisher.submissions import Submission

IN_FLIGHT = 128  # unacknowledged at once; more brings no more articles a second
_TRIES = 5  # of what the broker refuses
_TIMEOUT = 5.0
_NOT_READY = 10008  # JetStream: "temporarily unavailable", as after a restart
_LONGEST_DELAY = 2.0  # seconds between two tries
_MAX_ORIGIN = 1000  # characters, from the end: the name of the file and the line

Answer = int | Rejected | Skipped  # its place in INBOX, or why it was not taken or is no article
Tell = Callable[[Submission, Answer], None]


class Refusing(Exception):  # noqa: N818 - a state of the broker that may pass
    """The broker answers and takes nothing now: a full stream or disk, most likely."""


class BrokerLost(Exception):  # noqa: N818 - a state of the broker that may pass
    """The broker did not come back within the patience."""


@dataclass
class Outage:
    """For how long the broker has been unavailable since the first failure, and for how long that is tolerated."""

    patience: float = 0.0
    began: float | None = None
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.connected.set()

    def failed(self) -> float:
        """Return the seconds that are left."""
        now = time.monotonic()
        self.began = now if self.began is None else self.began
        return self.began + self.patience - now

    def ended(self) -> None:
        self.began = None


class Pace:
    """At most so many a second, evenly; what was not used while the broker was slow is not made up for."""

    def __init__(self, a_second: float) -> None:
        self._interval, self._next = 1 / a_second, 0.0

    async def turn(self) -> None:
        """Return when the next one may be sent."""
        now = time.monotonic()
        turn = max(self._next, now)
        self._next = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)


def new_run(now: datetime) -> str:
    """Return an id of an import: when it began, and enough chance that nobody else has it."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def content_hash(submission: Submission) -> str:
    """Return the hash by which a ledger knows what was sent."""
    return sha256(submission.data).hexdigest()


def headers(submission: Submission, run: str) -> dict[str, str]:
    """Return what a submission tells of where it came from; the origin is percent-encoded, as CloudEvents asks."""
    message_id = sha256(f"{run}\0{submission.origin}\0{content_hash(submission)}".encode("utf-8", "surrogateescape"))
    origin = quote(submission.origin.encode("utf-8", "surrogateescape"), safe="/:")[-_MAX_ORIGIN:]
    return {
        "Nats-Msg-Id": f"submitted:{message_id.hexdigest()[:32]}",
        "content-type": "application/json",
        ORIGIN: origin,
        BATCH: run,
    }


@dataclass
class Sender:
    """One run; ``sent`` counts what went out and ``answered`` what was answered, whatever ends the run."""

    js: JetStreamContext
    run: str
    tell: Tell
    outage: Outage = field(default_factory=Outage)
    sent: int = 0
    answered: int = 0
    acknowledged: int = 0
    permit: Callable[[], Awaitable[None]] | None = None  # awaited before each submission: a paused import waits in it
    pace: Pace | None = None
    _stopped: bool = False
    _ahead: ReadAhead | None = None

    async def send(self, submissions: Iterable[Submission]) -> None:
        """Send all; raises Unreadable, Unavailable, Refusing or BrokerLost, after those in flight have ended."""
        ahead = self._ahead = ReadAhead(submissions)
        ended = await asyncio.gather(*(self._work(ahead) for _ in range(IN_FLIGHT)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    def cancel(self) -> None:
        """Send nothing more; `send` returns once what is out is answered."""
        self._stopped = True
        if self._ahead:
            self._ahead.stop()

    async def _work(self, ahead: ReadAhead) -> None:
        try:
            while (submission := await ahead.next()) is not None and not self._stopped:
                if self.permit:
                    await self.permit()
                if self._stopped:
                    return
                await self._answer(submission)
                ahead.done(submission)
        except BaseException:
            self._stopped = True
            ahead.stop()
            raise

    async def _answer(self, submission: Submission) -> None:
        if not_sent := submission.refusal or submission.skipped:
            self.tell(submission, not_sent)
            return
        if self.pace:
            await self.pace.turn()
        self.sent += 1
        answer: Answer
        try:
            answer = await self._acknowledged(submission)
        except Rejected as refusal:
            answer = refusal
        else:
            self.acknowledged += 1
        self.answered += 1
        self.tell(submission, answer)

    async def _acknowledged(self, submission: Submission) -> int:
        """Publish until the broker has it on disk and return its place in INBOX."""
        _check_size(submission.data)
        if submission.withdraws:
            await self._withdraw(submission, submission.withdraws)
        given, subject = headers(submission, self.run), ArticleSubmitted.subject_pattern
        tries = 0
        while True:
            tries += 1
            try:
                taken = await self.js.publish(subject, submission.data, stream="INBOX", timeout=_TIMEOUT, headers=given)
            except (NatsError, TimeoutError) as error:
                await self._after(error, submission, tries)
            else:
                self.outage.ended()
                return taken.seq

    async def _withdraw(self, submission: Submission, reason: str) -> None:
        """Set the tombstone of the article; what is published after it makes ingest tell every consumer."""
        article = decode(submission.data, ArticleSubmitted)
        stone = Tombstone(id=article_id(article), source=article.source, reason=reason, at=datetime.now(UTC))
        tries = 0
        while True:
            tries += 1
            try:
                await withdraw(self.js, stone)
            except (NatsError, TimeoutError) as error:
                await self._after(error, submission, tries)
            else:
                return

    async def _after(self, error: Exception, submission: Submission, tries: int) -> None:
        """Wait before the next try; raises what ends the trying."""
        meaning = self._meaning(error, submission)
        if isinstance(meaning, Rejected | Unavailable):
            raise meaning from None
        if isinstance(meaning, Refusing) and tries >= _TRIES:
            raise meaning from None
        left = self.outage.failed()
        if isinstance(meaning, BrokerLost) and (left <= 0 or self._stopped):
            raise meaning from None
        await asyncio.sleep(min(0.5 * tries, _LONGEST_DELAY))
        if not self.outage.connected.is_set():
            try:
                await asyncio.wait_for(self.outage.connected.wait(), max(left, 0))
            except TimeoutError:
                raise meaning from None

    def _meaning(self, error: Exception, submission: Submission) -> Rejected | Refusing | BrokerLost | Unavailable:
        """Return Rejected for what no repetition changes; after our own check only a lower limit refuses a size."""
        if isinstance(error, NoStreamResponseError) and not self.acknowledged:
            return Unavailable("the stream INBOX", "the broker", "it was never made; run `wireroom setup`")
        meaning = classified(error, "INBOX", submission.origin, len(submission.data))
        if isinstance(meaning, Rejected):
            lower = f"; its limit is lower than the usual {MAX_MESSAGE_BYTES:,}"
            return Rejected(meaning.reason, meaning.detail + (lower if meaning.reason is Reason.TOO_LARGE else ""))
        if isinstance(error, APIError) and error.err_code != _NOT_READY:
            cause = f"{error.description} (code {error.err_code})"
            told = f"the broker refuses {submission.origin}, {_TRIES} times: {cause}"
            return Refusing(f"{told}. `wireroom status` shows what is full")
        return BrokerLost(f"{str(error) or type(error).__name__}")


async def published(js: JetStreamContext, submissions: Iterable[Submission], tell: Tell | None = None) -> list[int]:
    """Publish several at once and return the places in INBOX of those the broker has on disk."""
    places: list[int] = []

    def note(submission: Submission, answer: Answer) -> None:
        if isinstance(answer, int):
            places.append(answer)
        if tell:
            tell(submission, answer)

    await Sender(js, secrets.token_hex(8), note).send(submissions)
    return places


def _check_size(data: bytes) -> None:
    if len(data) > MAX_MESSAGE_BYTES:
        limit = f"a message has at most {MAX_MESSAGE_BYTES:,}"
        raise Rejected(Reason.TOO_LARGE, f"{len(data):,} bytes; {limit}")
