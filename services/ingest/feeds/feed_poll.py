"""One poll of one feed: fetch, read, publish what is new, and tell what its record becomes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from services.ingest.feeds import schedule
from services.ingest.feeds.entry_articles import NewEntry, entries_of, submission_of_entry, submission_of_page
from services.ingest.feeds.feed_reader import MAX_FEED, Entry, FeedHead
from services.ingest.feeds.feed_record import FeedRecord, SeenEntries
from services.ingest.feeds.page_reader import Page
from services.ingest.feeds.parser_process import Parser, ParserFailed
from services.ingest.feeds.politeness import HostTurns, Robots, host_of
from services.ingest.feeds.registry import MAX_SEEN
from services.ingest.submission_gate import SubmissionGate
from shared.errors import Reason, Rejected
from shared.guarded_http import Fetched, FetchError, FetchFailure, FetchLimits, GuardedClient
from shared.messages import MAX_BODY_BYTES
from shared.runtime.worker_thread import off_loop

log = logging.getLogger(__name__)

PAGES_AT_ONCE = 20  # of one poll; the next follows within a minute
_PUBLISHED_AT_ONCE = 32  # entries of one feed
PENDING_INTERVAL = 60.0  # seconds until the next poll where entries are left to do
_FEED = FetchLimits(max_bytes=MAX_FEED, total_seconds=30)
_PAGE = FetchLimits(max_bytes=2 * MAX_BODY_BYTES, total_seconds=30)
_CHILDREN = 5  # sitemaps of an index file, the newest
_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, application/json;q=0.9, "
    "text/xml;q=0.9, */*;q=0.1"
)
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml", ""})
_PASSING = frozenset({
    *(FetchFailure.TIMEOUT, FetchFailure.CONNECT, FetchFailure.DNS, FetchFailure.PROTOCOL, FetchFailure.TLS)
})  # fmt: skip

OUTCOMES = ("new", "unchanged", "moved", "gone", "failed", "interrupted")  # of polls; closed: metric labels
ARTICLE_OUTCOMES = ("published", "duplicate", "refused", "page_failed", "robots")


Remember = Callable[[bytes], Awaitable[None]]


@dataclass
class PollResult:
    """What became of a poll: ``edit`` makes the record anew; ``articles`` counts by outcome."""

    outcome: str
    edit: Callable[[FeedRecord], FeedRecord]
    failure: str = ""
    articles: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FeedDocument:
    """A feed that was fetched and read."""

    fetched: Fetched
    head: FeedHead
    entries: list[Entry]
    size: int  # of the entries in bytes: a compressed sitemap is far smaller


@dataclass(frozen=True)
class FeedTools:
    """What polls work with; ``now`` is the clock of everything that is remembered."""

    client: GuardedClient
    parser: Parser
    turns: HostTurns
    robots: Robots
    now: Callable[[], datetime]


class FeedFailed(Exception):  # noqa: N818 - it describes the answer
    """An answer that is no feed to read; ``failure`` is from the closed set, ``retry_after`` in seconds."""

    def __init__(self, failure: str, detail: str, retry_after: float = 0) -> None:
        super().__init__(detail)
        self.failure, self.detail, self.retry_after = failure, detail, retry_after


async def poll(
    tools: FeedTools, gate: SubmissionGate, record: FeedRecord, seen: SeenEntries, remember: Remember
) -> PollResult:
    """Poll a feed; ``remember`` is awaited with the digests of what was dealt with. Raises Unavailable of the broker.

    Entries are remembered after they were published: a poll that is cut off publishes some again, under the same
    message id and as the same article.
    """
    try:
        document = await fetch_feed(tools, record)
    except FeedFailed as failed:
        found = failed
        return PollResult(
            "failed",
            lambda r: schedule.after_failure(
                r, tools.now(), found.failure, found.detail, retry_after=found.retry_after
            ),
            found.failure,
        )
    if isinstance(document, Fetched):
        return _without_entries(tools, document)
    return await _published(tools, gate, record, document, seen, remember)


async def fetch_feed(tools: FeedTools, record: FeedRecord) -> FeedDocument | Fetched:
    """Return the feed, or the answer where it is unchanged (304) or gone (410); raises FeedFailed."""
    conditions = {"If-None-Match": record.etag, "If-Modified-Since": record.last_modified}
    headers = {"Accept": _ACCEPT} | {name: value for name, value in conditions.items() if value}
    fetched = await _fetched(tools, record.url, headers)
    if fetched.status in {304, 410}:
        return fetched
    document = await _read(tools, fetched)
    return await _children(tools, document) if document.head.children else document


async def _fetched(tools: FeedTools, url: str, headers: Mapping[str, str]) -> Fetched:
    try:
        async with tools.turns.turn(url):
            fetched = await tools.client.get(url, headers, _FEED)
    except FetchError as error:
        raise FeedFailed(error.reason.value, error.detail) from None
    if fetched.status not in {200, 304, 410}:
        wait = schedule.retry_after(fetched.headers, tools.now())
        raise FeedFailed(schedule.failure_of(fetched.status), f"the server answered {fetched.status}", wait)
    return fetched


async def _read(tools: FeedTools, fetched: Fetched) -> FeedDocument:
    try:
        head, *entries = await tools.parser.ask(
            "feed", fetched.body, content_type=fetched.headers.get("content-type", ""), url=fetched.url
        )
    except ParserFailed as error:
        raise FeedFailed(error.reason, error.detail) from None
    size = sum(map(len, entries))
    read = await off_loop(size, _entries, entries)
    return FeedDocument(fetched, await off_loop(len(head), FeedHead.model_validate_json, head), read, size)


def _entries(frames: Sequence[bytes]) -> list[Entry]:
    return [Entry.model_validate_json(frame) for frame in frames]


async def _children(tools: FeedTools, index: FeedDocument) -> FeedDocument:
    """Read the newest sitemaps of an index file; raises FeedFailed where none can be read."""
    host = host_of(index.fetched.url)
    own = (url for url in index.head.children if host_of(url) == host)
    found, last = list[FeedDocument](), FeedFailed("malformed", "an index of sitemaps with none of its own host")
    for url in islice(own, _CHILDREN):
        try:
            found.append(await _read(tools, await _fetched(tools, url, {})))
        except FeedFailed as failed:
            last = failed
    if not found:
        raise last
    entries = [entry for each in found for entry in each.entries]
    head = FeedHead(kind="sitemap", entries=len(entries))
    return FeedDocument(index.fetched, head, entries, sum(each.size for each in found))


def _without_entries(tools: FeedTools, answer: Fetched) -> PollResult:
    now = tools.now()
    if answer.status == 410:  # noqa: PLR2004 - a feed that is gone for good
        return PollResult("gone", lambda r: schedule.gone(r, now))
    floor = schedule.asked_interval(answer.headers)
    return PollResult(
        "unchanged", lambda r: schedule.after_success(r, now, new=False, floor=max(floor, r.floor if not floor else 0))
    )


async def _published(
    tools: FeedTools,
    gate: SubmissionGate,
    record: FeedRecord,
    document: FeedDocument,
    seen: SeenEntries,
    remember: Remember,
) -> PollResult:
    now, fetched, head = tools.now(), document.fetched, document.head
    entries = await off_loop(document.size, entries_of, record, document.entries, head.kind, now)
    fresh = await off_loop(document.size, seen.fresh, entries)
    work = _Publication(tools, gate, record, now)
    await work.take_full([each for each in fresh if each.full])
    for each in fresh:
        if not each.full:
            await work.take(each)
    if work.done:
        present = [each.name for each in entries]
        await remember(await off_loop(document.size, seen.kept, work.done, present, max(MAX_SEEN, len(present))))
    pending = len(fresh) - len(work.done)
    moved = fetched.permanent_url
    headers = fetched.headers
    known = {"etag": _header(headers, "etag"), "last_modified": _header(headers, "last-modified")}
    facts = {
        "kind": head.kind,
        "title": head.title[:300],
        **(dict.fromkeys(known, "") if pending else known),
        **({"url": moved, "moved_from": record.url} if moved and moved != record.url else {}),
    }
    published = work.count.get("published", 0)

    def edit(r: FeedRecord) -> FeedRecord:
        floor = schedule.asked_interval(headers, head.ttl)
        after = schedule.after_success(r, now, new=bool(work.done), floor=floor)
        after = after.model_copy(update=facts | {"articles": r.articles + published})
        return schedule.again_within(after, now, PENDING_INTERVAL) if work.left else after

    outcome = "moved" if "url" in facts else "new" if fresh else "unchanged"
    return PollResult(outcome, edit, articles=work.count)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    return value if len(value) <= 500 and value.isascii() and value.isprintable() else ""  # noqa: PLR2004


@dataclass
class _Publication:
    """The entries of one poll on their way: ``done`` are names and states to remember, ``left`` were not begun."""

    tools: FeedTools
    gate: SubmissionGate
    record: FeedRecord
    now: datetime
    done: list[tuple[str, str]] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=dict)
    left: int = 0
    pages: int = 0
    over_quota: bool = False

    async def take_full(self, entries: Sequence[NewEntry]) -> None:
        """Publish entries that have their whole text, some at once; raises Unavailable."""
        for at in range(0, len(entries), _PUBLISHED_AT_ONCE):
            some = entries[at : at + _PUBLISHED_AT_ONCE]
            ended = await asyncio.gather(*(self.take(each) for each in some), return_exceptions=True)
            if failed := next((each for each in ended if each), None):
                raise failed

    async def take(self, new: NewEntry) -> None:
        """Publish one entry; raises Unavailable where the broker does not take it."""
        if self.over_quota:
            return
        if new.full:
            size = len(new.entry.text)
            data = await off_loop(size, submission_of_entry, self.record, new, self.now)
            outcome = await self._publish(data, new)
        elif self.pages >= PAGES_AT_ONCE:
            self.left += 1
            return
        else:
            outcome = await self._page(new)
        if outcome:
            self.count[outcome] = self.count.get(outcome, 0) + 1
            self.done.append((new.name, new.state))

    async def _publish(self, data: bytes, new: NewEntry) -> str | None:
        """Return the outcome; None where the entry is to be tried again."""
        try:
            taken = await self.gate.take(data, None, new.name)
        except Rejected as refused:
            log.info("an entry of feed %s is refused: %s", host_of(self.record.url), refused.detail)
            if refused.reason is Reason.OVER_QUOTA:
                self.over_quota = True
                return None
            return "refused"
        return "duplicate" if taken.duplicate else "published"

    async def _page(self, new: NewEntry) -> str | None:
        self.pages += 1
        try:
            page = await _fetched_page(self.tools, str(new.entry.url))
        except _NoPage as missing:
            return missing.outcome
        data = await off_loop(len(page.text), submission_of_page, self.record, new, page, self.now)
        return await self._publish(data, new)


class _NoPage(Exception):  # noqa: N818 - it describes the page
    """``outcome`` is None where it may be there the next time."""

    def __init__(self, outcome: str | None) -> None:
        super().__init__(outcome)
        self.outcome = outcome


async def _fetched_page(tools: FeedTools, url: str) -> Page:
    """Return the page of an entry; raises _NoPage."""
    permission = await tools.robots.permission(url)
    if not permission.allowed:
        raise _NoPage("robots")
    try:
        async with tools.turns.turn(url, permission.delay):
            fetched = await tools.client.get(url, {"Accept": "text/html, */*;q=0.1"}, _PAGE)
    except FetchError as error:
        raise _NoPage(None if error.reason in _PASSING else "page_failed") from None
    content_type = fetched.headers.get("content-type", "")
    if fetched.status >= 500 or fetched.status == 429:  # noqa: PLR2004
        raise _NoPage(None)
    if fetched.status != 200 or content_type.partition(";")[0].strip().lower() not in _PAGE_TYPES:  # noqa: PLR2004
        raise _NoPage("page_failed")
    if host_of(fetched.url) != host_of(url) and not (await tools.robots.permission(fetched.url)).allowed:
        raise _NoPage("robots")
    try:
        (frame,) = await tools.parser.ask("page", fetched.body, content_type=content_type, url=fetched.url)
    except ParserFailed:
        raise _NoPage("page_failed") from None
    page = await off_loop(len(frame), Page.model_validate_json, frame)
    if page.too_large:
        raise _NoPage("refused")
    return page
