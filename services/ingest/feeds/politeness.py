"""What is asked of a host, and how often: turns with pauses between them, and robots.txt for pages."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from services.ingest.feeds.parser_process import Parser, ParserFailed
from shared.guarded_http import FetchError, FetchFailure, FetchLimits, GuardedClient

AT_ONCE = 2  # requests to one host
_PAUSE = 1.0  # seconds between two requests to one host
_MAX_DELAY = 30.0  # seconds that a robots.txt may ask for between two requests
_MOST_HOSTS = 2_000  # remembered while nothing is asked of them
_ROBOTS = FetchLimits(max_bytes=500 * 1024, total_seconds=15)  # RFC 9309 asks for 500 KiB at least
_ROBOTS_AGE, _ROBOTS_RETRY = 86_400.0, 3_600.0  # seconds
_MOST_ROBOTS = 500  # kept


@dataclass
class _Host:
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    free_at: float = 0.0
    waiting: int = 0


class HostTurns:
    """At most two requests to a host at once, with a pause between their beginnings."""

    def __init__(self, pause: float = _PAUSE) -> None:
        self._pause = pause
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, url: str, delay: float = 0) -> AsyncIterator[None]:
        """Wait until the host of an address may be asked; ``delay`` is the pause that it asks for, in seconds."""
        name = host_of(url)
        host = self._hosts.setdefault(name, _Host())
        host.waiting += 1
        try:
            async with host.room:
                now = time.monotonic()
                begins = max(now, host.free_at)
                host.free_at = begins + max(self._pause, min(delay, _MAX_DELAY))
                if begins > now:
                    await asyncio.sleep(begins - now)
                yield
        finally:
            host.waiting -= 1
            self._forget()

    def _forget(self) -> None:
        if len(self._hosts) > _MOST_HOSTS:
            now = time.monotonic()
            for name in [name for name, host in self._hosts.items() if not host.waiting and host.free_at <= now]:
                del self._hosts[name]


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True)
class _Rules:
    text: bytes | None  # None: nothing may be fetched
    until: float


@dataclass(frozen=True)
class Permission:
    allowed: bool
    delay: float = 0  # seconds between two requests, as robots.txt asks


class Robots:
    """robots.txt of each origin, kept for a day; parsed in a process that can be killed.

    As RFC 9309 has it: one that is not there (4xx) allows everything, one that cannot be had now allows nothing.
    """

    def __init__(
        self,
        client: GuardedClient,
        turns: HostTurns,
        parser: Parser,
        agent: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._turns, self._parser, self._agent, self._clock = client, turns, parser, agent, clock
        self._rules: dict[str, _Rules] = {}

    async def permission(self, url: str) -> Permission:
        return (await self.permissions([url]))[0]

    async def permissions(self, urls: Sequence[str]) -> list[Permission]:
        """Tell of addresses of one origin whether they may be fetched."""
        rules = await self._of(_origin(urls[0]))
        if rules.text is None:
            return [Permission(allowed=False)] * len(urls)
        if not rules.text.strip():
            return [Permission(allowed=True)] * len(urls)
        try:
            (frame,) = await self._parser.ask("robots", rules.text, urls=list(urls), agent=self._agent)
        except ParserFailed:
            return [Permission(allowed=False)] * len(urls)
        said = orjson.loads(frame)
        return [Permission(bool(allowed), float(said["delay"])) for allowed in said["allowed"]]

    async def _of(self, origin: str) -> _Rules:
        known = self._rules.get(origin)
        if known and known.until > self._clock():
            return known
        url = f"{origin}/robots.txt"
        async with self._turns.turn(url):
            rules = await self._fetched(url)
        if len(self._rules) >= _MOST_ROBOTS:
            del self._rules[next(iter(self._rules))]
        self._rules[origin] = rules
        return rules

    async def _fetched(self, url: str) -> _Rules:
        now = self._clock()
        try:
            answer = await self._client.get(url, limits=_ROBOTS)
        except FetchError as error:
            absent = error.reason is FetchFailure.REDIRECTS
            return _Rules(b"" if absent else None, now + _ROBOTS_RETRY)
        if answer.status == 200:  # noqa: PLR2004
            return _Rules(answer.body, now + _ROBOTS_AGE)
        if 400 <= answer.status < 500 and answer.status != 429:  # noqa: PLR2004
            return _Rules(b"", now + _ROBOTS_AGE)
        return _Rules(None, now + _ROBOTS_RETRY)
