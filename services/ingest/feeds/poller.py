"""Polls the feeds that are due, some at once, each by one replica at a time; the lifespan task of ingest."""

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from nats.errors import Error as NatsError

from services.ingest.feeds.feed_poll import FeedTools, PollResult, poll
from services.ingest.feeds.feed_record import FeedRecord
from services.ingest.feeds.parser_process import parser
from services.ingest.feeds.politeness import AT_ONCE, HostTurns, Robots, host_of
from services.ingest.feeds.registry import Registry
from services.ingest.feeds.schedule import after_failure
from services.ingest.submission_gate import SubmissionGate
from shared.errors import Unavailable
from shared.guarded_http import GuardedClient

log = logging.getLogger(__name__)

POLLS_AT_ONCE = 64
LEASE = 900.0  # seconds; whoever was killed blocks its feeds for no longer
_LONGEST_POLL = LEASE - 60  # ends before its lease does, also where clocks differ a little
_LOOKS_EVERY = 1.0  # seconds between two looks at what is due and what has changed
_AFTER_OUTAGE = 60.0  # seconds until a poll is done again that the broker's absence ended

Observe = Callable[[str, str, int], None]  # what is counted (poll, failure, article), its label, how many


def _unobserved(_what: str, _label: str, _number: int) -> None:
    """Nobody counts."""


@dataclass
class Poller:
    """What one process does for the feeds that all share."""

    registry: Registry
    tools: FeedTools
    gate: SubmissionGate
    observe: Observe = _unobserved
    only: frozenset[str] | None = None  # ids; None: all
    results: dict[str, PollResult] = field(default_factory=dict)  # of the polls of ``run_due``
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _busy: Counter[str] = field(default_factory=Counter)  # polls by host
    _due: dict[str, deque[str]] = field(default_factory=dict)  # ids by host
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Poll for ever."""
        told = False
        try:
            while True:
                try:
                    await self.registry.refresh()
                    told = False
                except (Unavailable, NatsError, TimeoutError) as error:
                    if not told:
                        log.warning("feeds are not polled: %s", error)
                    told = True
                else:
                    self._find_due()
                    self._start_due()
                await self._until_next_look()
        finally:
            await self.stop()

    async def run_due(self) -> dict[str, PollResult]:
        """Poll what is due now, each feed once, and return what became of them by id."""
        self.results = {}
        await self.registry.refresh()
        self._find_due()
        try:
            self._start_due()
            while self._running:
                self._wake.clear()
                await self._wake.wait()
                self._start_due()
        finally:
            await self.stop()
        return self.results

    async def stop(self) -> None:
        """End what is under way; its leases run out by themselves."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_next_look(self) -> None:
        """Wait for the next look; start what is due as others end meanwhile."""
        ends = asyncio.get_running_loop().time() + _LOOKS_EVERY
        with suppress(TimeoutError):
            async with asyncio.timeout_at(ends):
                while True:
                    self._wake.clear()
                    await self._wake.wait()
                    self._start_due()

    def _find_due(self) -> None:
        now = self.tools.now()
        due = sorted(
            (record.next_poll, name, record.url)
            for name, record in self.registry.records.items()
            if record.is_due(now) and name not in self._running and (self.only is None or name in self.only)
        )
        by_host = defaultdict[str, deque[str]](deque)
        for _, name, url in due:
            by_host[host_of(url)].append(name)
        self._due = dict(by_host)

    def _start_due(self) -> None:
        """Start polls while there is room, at most two of a host, so that a slow host delays no other."""
        for host in [*self._due]:
            waiting = self._due[host]
            while waiting and self._busy[host] < AT_ONCE:
                if len(self._running) >= POLLS_AT_ONCE:
                    return
                self._start(waiting.popleft(), host)
            if not waiting:
                del self._due[host]

    def _start(self, name: str, host: str) -> None:
        self._busy[host] += 1
        task = asyncio.create_task(self._poll(name))
        self._running[name] = task
        task.add_done_callback(partial(self._ended, name, host))

    def _ended(self, name: str, host: str, task: asyncio.Task[None]) -> None:
        del self._running[name]
        self._busy[host] -= 1
        if not self._busy[host]:
            del self._busy[host]
        if not task.cancelled() and (error := task.exception()):
            log.error("a poll of feed %s failed: %s", name, error, exc_info=error)
        self._wake.set()

    async def _poll(self, name: str) -> None:
        try:
            record = await self.registry.claim(name, self.tools.now(), LEASE)
            if record is None:
                return
            result = await self._result(name, record)
            await self._settle(name, result)
        except (Unavailable, NatsError, TimeoutError, OSError) as error:
            log.warning("feed %s could not be claimed or settled: %s", name, error or type(error).__name__)
            return
        self.results[name] = result

    async def _result(self, name: str, record: FeedRecord) -> PollResult:
        try:
            async with asyncio.timeout(_LONGEST_POLL):
                seen = await self.registry.seen(name)
                return await poll(self.tools, self.gate, record, seen, partial(self.registry.remember, name))
        except (Unavailable, NatsError) as error:
            log.warning("a poll of feed %s is interrupted: %s", name, error)
            later = self.tools.now() + timedelta(seconds=_AFTER_OUTAGE)
            return PollResult("interrupted", lambda r: r.model_copy(update={"next_poll": later}))
        except TimeoutError:
            said = f"the poll was not done within {_LONGEST_POLL:g} s"
            return PollResult("failed", lambda r: after_failure(r, self.tools.now(), "timeout", said), "timeout")

    async def _settle(self, name: str, result: PollResult) -> None:
        settled = await self.registry.settle(name, lambda r: self._not_twice(name, result.edit(r)))
        self.observe("poll", result.outcome, 1)
        if result.failure:
            self.observe("failure", result.failure, 1)
        for outcome, number in result.articles.items():
            self.observe("article", outcome, number)
        if settled and settled.state != "active":
            log.warning("feed %s of %s is %s: %s", name, settled.source, settled.state, settled.why)

    def _not_twice(self, name: str, record: FeedRecord) -> FeedRecord:
        """Pause a feed that has moved to the address of another one."""
        twins = (other for other, each in self.registry.records.items() if each.url == record.url and other != name)
        if record.moved_from and record.state == "active" and (twin := next(twins, None)):
            return record.model_copy(update={"state": "paused", "why": f"it has moved to the address of feed {twin}"})
        return record


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def feed_tools(
    allowed: Iterable[str],
    user_agent: str,
    *,
    client: GuardedClient | None = None,
    pause: float = 1.0,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[FeedTools]:
    """Yield what polls work with; ``client`` and ``pause`` (seconds between requests to a host) are for tests."""
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(client or GuardedClient(allowed=allowed, user_agent=user_agent))
        parsing = await stack.enter_async_context(parser())
        turns = HostTurns(pause)
        robots = Robots(opened, turns, parsing, user_agent.partition("/")[0])
        yield FeedTools(opened, parsing, turns, robots, now)
