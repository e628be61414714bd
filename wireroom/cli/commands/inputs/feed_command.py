"""``wireroom feed``: the feeds that ingest polls, how each of them is, and what one would bring."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from nats.js import JetStreamContext

from services.ingest.feeds import registry
from services.ingest.feeds.feed_check import FeedCheck, checked_feed
from services.ingest.feeds.feed_list import FeedListError, new_record, parse_list, read_list, write_opml
from services.ingest.feeds.feed_poll import FeedFailed, FeedTools
from services.ingest.feeds.feed_record import FeedRecord, feed_id
from services.ingest.feeds.poller import Poller, feed_tools
from services.ingest.feeds.registry import Registry, process_name
from services.ingest.feeds.schedule import quiet_for
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from wireroom.cli import subject_arguments
from wireroom.cli.connections import jetstream
from wireroom.cli.output import counted, err, fail, json_line, one_line, out, table

EX_NOT_FOUND, EX_DATA = 1, 65
_GUARDED = frozenset({"address", "port"})
_ALLOW = "A feed of your own network needs WIREROOM_INGEST_FETCH_ALLOW, in this shell as well as for ingest."
_THEN = "Start ingest again with it, then `wireroom feed resume FEED`."
Json = Annotated[bool, typer.Option("--json", help="JSON, one object per line.")]
Named = Annotated[str, typer.Argument(metavar="FEED", help="Its address, or its id in `wireroom feed ls`.")]
NamedAny = Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="Addresses or ids; all without any.")]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        callback=subject_arguments.source,
        help="Whose articles they are; without it the host names the source.",
    ),
]


class TextFrom(StrEnum):
    """Where the text of an article is taken from."""

    AUTO = "auto"
    ENTRY = "entry"
    PAGE = "page"


def add(
    url: Annotated[str, typer.Argument(help="Of RSS, Atom, JSON Feed, a news sitemap or an index of sitemaps.")],
    source: SourceOption = None,
    text: Annotated[
        TextFrom, typer.Option(help="entry: the feed has whole texts; page: fetch the pages; auto: by each entry.")
    ] = TextFrom.AUTO,
) -> None:
    """Add a feed: ingest polls it within seconds, and then as often as it changes.

    Example: `wireroom feed add https://www.harbour-gazette.example/rss.xml --source harbour-gazette`
    """
    record = _record(url, source).model_copy(update={"text_from": text.value})
    if not asyncio.run(_added([record])):
        fail(EX_NOT_FOUND, f"It is there already, as {feed_id(record.url)}.")
    err.print(f"Feed {feed_id(record.url)} of {record.source} is polled within seconds: `wireroom feed ls`.")


def list_feeds(as_json: Json = False) -> None:
    """List the feeds: state, last success, next poll, interval, failures, and which are strangely quiet.

    Example: `wireroom feed ls`
    """
    found, now = asyncio.run(_all()), datetime.now(UTC)
    if as_json:
        for name, record in found:
            json_line({"v": 1, "id": name, **_facts(record, now)})
    elif found:
        columns = ("id", "source", "state", "success", "next", "every", "articles", "failures", "address")
        rows = [_row(name, record, now) for name, record in found]
        table(columns, rows, numbers=("articles", "failures"), dropped=("every", "failures", "success"))
        if any(record.last_failure.partition(":")[0] in _GUARDED for _, record in found):
            err.print(f"{_ALLOW} {_THEN}")
    else:
        err.print("There is no feed. `wireroom feed add ADDRESS` adds one.")


def check(
    feed: Named,
    limit: Annotated[int, typer.Option(min=1, help="Entries to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Fetch a feed and show what would come of it; nothing is published, and it need not be added.

    Example: `wireroom feed check https://www.harbour-gazette.example/rss.xml`
    """
    try:
        found = asyncio.run(_checked(feed))
    except FeedFailed as failed:
        fail(EX_DATA, f"{failed.failure}: {failed.detail}" + (f". {_ALLOW}" if failed.failure in _GUARDED else ""))
    if as_json:
        json_line({"v": 1, **found.facts})
        for entry in found.entries:
            json_line({"v": 1, **entry.facts})
        return
    _show(found, limit)


def pause(feed: Named, reason: Annotated[str, typer.Option(help="Shown by `feed ls`.")] = "by hand") -> None:
    """Stop to poll a feed until `feed resume`.

    Example: `wireroom feed pause 3f9a0c5d1b22 --reason "they ask us to"`
    """
    _changed(feed, state="paused", why=reason[:300], by_hand=True)
    err.print("It is paused.")


def resume(feed: Named) -> None:
    """Poll a feed again that is paused, gone or failing, beginning now.

    Example: `wireroom feed resume 3f9a0c5d1b22`
    """
    _changed(feed, state="active", why="", by_hand=False, failures=0, last_failure="", next_poll=datetime.now(UTC))
    err.print("It is polled within seconds.")


def remove(feed: Named) -> None:
    """Remove a feed, and what is known of its entries; its articles stay.

    Example: `wireroom feed rm 3f9a0c5d1b22`
    """
    if not asyncio.run(_removed(feed)):
        _unknown(feed)
    err.print("It is removed.")


def run(feeds: NamedAny = None, as_json: Json = False) -> None:
    """Poll feeds now, in this process, and tell what came; without any all that are due.

    Example: `wireroom feed run 3f9a0c5d1b22`
    """
    results, records = asyncio.run(_run(feeds or []))
    failed = 0
    for name, result in results.items():
        record = records.get(name)
        failed += result.outcome in {"failed", "interrupted"}
        facts = {"id": name, "source": record.source if record else "", "outcome": result.outcome}
        said = ", ".join(f"{number} {outcome}" for outcome, number in result.articles.items())
        cause = record.last_failure if record and result.failure else ""
        if as_json:
            json_line({"v": 1, **facts, "failure": result.failure, "articles": result.articles})
        else:
            out.print("  ".join(filter(None, (*facts.values(), said, one_line(cause, 200)))))
    if not results:
        err.print("No feed was due.")
    if any(result.failure in _GUARDED for result in results.values()):
        err.print(_ALLOW)
    raise typer.Exit(1 if failed else 0)


def import_list(
    file: Annotated[str, typer.Argument(help="OPML, or one address a line with a source behind it; - is stdin.")],
) -> None:
    """Add the feeds of a list: OPML of any reader, or lines.

    Example: `wireroom feed import subscriptions.opml`
    """
    now = datetime.now(UTC)
    try:
        records = parse_list(sys.stdin.buffer.read(), now) if file == "-" else read_list(Path(file), now)
    except FeedListError as error:
        fail(EX_DATA, f"{error}.")
    new = asyncio.run(_added(records))
    err.print(f"{counted(new, 'feed')} added, {len(records) - new} there already.")


def export() -> None:
    """Write all feeds as OPML to standard output, with their sources.

    Example: `wireroom feed export > feeds.opml`
    """
    out.print(write_opml(record for _, record in asyncio.run(_all())).rstrip("\n"), lines=True)


def _record(url: str, source: str | None) -> FeedRecord:
    try:
        return new_record(url, source, datetime.now(UTC))
    except FeedListError as error:
        fail(EX_DATA, f"{error}.")


def _unknown(feed: str) -> NoReturn:
    fail(EX_NOT_FOUND, f"There is no feed {one_line(feed, 200)}. `wireroom feed ls` lists them.")


async def _added(records: Iterable[FeedRecord]) -> int:
    async with jetstream() as js:
        known = {record.url for record in (await registry.everything(js)).values.values()}
        return sum([await registry.add(js, record) for record in records if record.url not in known])


async def _all() -> list[tuple[str, FeedRecord]]:
    async with jetstream() as js:
        found = (await registry.everything(js)).values
    return sorted(found.items(), key=lambda each: (each[1].source, each[1].url))


async def _named(js: JetStreamContext, feed: str) -> str | None:
    """Return the id of a feed that is named by its id, its address, or the one it had before it moved."""
    found = (await registry.everything(js)).values
    if feed in found:
        return feed
    return next((name for name, record in found.items() if feed in {record.url, record.moved_from}), None)


def _changed(feed: str, **fields: Any) -> None:  # noqa: ANN401 - of any field
    async def change() -> bool:
        async with jetstream() as js:
            name = await _named(js, feed)
            changed = name and await registry.change(js, name, lambda r: r.model_copy(update=fields))
            return bool(changed)

    if not asyncio.run(change()):
        _unknown(feed)


async def _removed(feed: str) -> bool:
    async with jetstream() as js:
        name = await _named(js, feed)
        return bool(name and await registry.remove(js, name))


@asynccontextmanager
async def _tools() -> AsyncIterator[FeedTools]:
    options = IngestSettings()
    async with feed_tools(options.fetch_allowed, options.user_agent) as tools:
        yield tools


async def _checked(feed: str) -> FeedCheck:
    if "://" in feed:
        record = _record(feed, None)
    else:
        async with jetstream() as js:
            name = await _named(js, feed)
            known = (await registry.everything(js)).values.get(name or "")
        record = known or _unknown(feed)
    async with _tools() as tools:
        return await checked_feed(tools, record)


def _due_now(record: FeedRecord) -> FeedRecord:
    return record.model_copy(update={"next_poll": datetime.now(UTC)})


async def _run(feeds: list[str]) -> tuple[dict[str, Any], dict[str, FeedRecord]]:
    async with jetstream() as js, _tools() as tools:
        names = []
        for feed in feeds:
            names.append(await _named(js, feed) or _unknown(feed))
            await registry.change(js, names[-1], _due_now)
        gate = SubmissionGate(js, SourceQuotas(IngestSettings()), "feed")
        poller = Poller(Registry(js, process_name()), tools, gate, only=frozenset(names) if names else None)
        results = await poller.run_due()
        return results, poller.registry.records


def _facts(record: FeedRecord, now: datetime) -> dict[str, Any]:
    shown = record.model_dump(exclude={"gaps", "holder", "lease_until", "etag", "last_modified", "floor"}, mode="json")
    return {**shown, "quiet_seconds": quiet_for(record, now)}


def _row(name: str, record: FeedRecord, now: datetime) -> tuple[str, ...]:
    state: str = record.state
    if record.why:
        state = f"{state}: {one_line(record.why, 80)}"
    elif quiet := quiet_for(record, now):
        state = f"quiet for {_span(quiet)}"
    elif record.last_failure:
        state = f"failing: {one_line(record.last_failure, 80)}"
    success = f"{_span((now - record.last_success).total_seconds())} ago" if record.last_success else "never"
    due = (record.next_poll - now).total_seconds()
    following = "now" if due <= 0 else f"in {_span(due)}"
    return (
        *(name, record.source, state, success, following if record.state == "active" else "-"),
        *(_span(record.interval), str(record.articles), f"{record.failures:g}", record.url),
    )


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _show(found: FeedCheck, limit: int) -> None:
    for name, value in found.facts.items():
        if value not in {"", None}:
            err.print(f"{name:<10} {one_line(str(value), 300)}")
    columns = ("published", "text", "title", "address")
    table(columns, [entry.row for entry in found.entries[:limit]], wrapped=("title",))
    if len(found.entries) > limit:
        err.print(f"and {len(found.entries) - limit} more; --limit shows them.")
    err.print("Nothing was published.")
