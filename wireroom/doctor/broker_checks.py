"""What the broker can do, what it has, and whether that is what the topology says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from time import monotonic

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.broker import provisioning
from shared.broker.connect import brief_connection
from shared.broker.nats_address import without_password
from shared.errors import Unavailable, WrongSetting
from shared.limits import Limits
from shared.settings import Settings
from shared.topology import CONSUMERS, MAX_PAYLOAD, buckets, streams
from wireroom.doctor.findings import Finding, clock, ok, problem, warning
from wireroom.ops import foreign_values

_OLDEST = (2, 10)  # the first whose consumers take several subjects
_GB = 1024**3
_NEARLY_FULL = 0.9


async def look(settings: Settings, limits: Limits) -> list[Finding]:
    """Ask the broker; without it there is one finding."""
    where = without_password(settings.nats_url)
    try:
        async with brief_connection(settings.nats_url) as connection:
            return [ok("NATS", f"reached at {where}"), *await _ask(connection, settings, limits)]
    except WrongSetting as wrong:
        return [problem("NATS", str(wrong), "See there.")]
    except Unavailable as outage:
        return [problem("NATS", str(outage), "Start it with `wireroom up`, or name yours in WIREROOM_NATS_URL.")]
    except (NatsError, TimeoutError) as error:
        cause = str(error) or type(error).__name__
        return [problem("NATS", f"{where} does not answer: {cause}", "Look into its log; may this user use JetStream?")]


async def _ask(connection: Client, settings: Settings, limits: Limits) -> list[Finding]:
    js = connection.jetstream(timeout=5)
    found = [*_server(connection), await _jetstream(js)]
    found += await _declared(js, settings, limits)
    found += [
        warning(where, f"{number} skipped that no service of ours wrote", "Who may publish there? See SECURITY.md.")
        for where, number in (await foreign_values.count(js)).items()
    ]
    if ahead := await _seconds_ahead(connection):
        found.append(clock("clock of NATS", ahead, "NATS"))
    return found


def _server(connection: Client) -> Iterator[Finding]:
    version = connection.connected_server_version
    said = f"{version.major}.{version.minor}.{version.patch}"
    if (version.major, version.minor) < _OLDEST:
        yield problem("version of NATS", said, "Install 2.10 or newer: older ones cannot make the store's consumer.")
    else:
        yield ok("version of NATS", said)
    if connection.max_payload < MAX_PAYLOAD:
        found = f"{connection.max_payload} bytes, below the {MAX_PAYLOAD} of our largest message"
        yield problem("max_payload of NATS", found, f"Set max_payload: {MAX_PAYLOAD} in the broker's configuration.")
    else:
        yield ok("max_payload of NATS", f"{connection.max_payload} bytes")


async def _jetstream(js: JetStreamContext) -> Finding:
    try:
        account = await js.account_info()
    except APIError as error:
        said = error.description or str(error)
        return problem("JetStream", said, "Switch it on in the broker's configuration, for this user's account.")
    limit, used = account.limits.max_storage, account.storage
    if limit > 0 and used > _NEARLY_FULL * limit:
        found = f"{used / _GB:.1f} of the {limit / _GB:.1f} GB this account may keep"
        return warning("JetStream", found, "Raise the account's limit, or lower what the streams keep.")
    return ok("JetStream", f"keeps {used / _GB:.2f} GB")


async def _declared(js: JetStreamContext, settings: Settings, limits: Limits) -> list[Finding]:
    """Hold every stream, consumer and bucket against the settings, and how full it is against what it may hold."""
    changes = {change.what: change for change in await provisioning.plan(js, limits, settings.stream_replicas)}
    names = {f"stream {stream.name}": str(stream.name) for stream in streams(limits)}
    names |= {f"bucket {bucket.bucket}": f"KV_{bucket.bucket}" for bucket in buckets(limits)}
    found = [await _held(js, what, stream, changes.get(what)) for what, stream in names.items()]
    consumers = [f"consumer {consumer.stream}/{consumer.durable}" for consumer in CONSUMERS]
    return found + [_not_as_set(what, changes[what]) if what in changes else ok(what, "as set") for what in consumers]


async def _held(js: JetStreamContext, what: str, stream: str, change: provisioning.Change | None) -> Finding:
    if change:
        return _not_as_set(what, change)
    info = await js.stream_info(stream)
    share = info.state.bytes / (info.config.max_bytes or 1)
    if share > _NEARLY_FULL:
        return warning(what, f"{share:.0%} full", "What is full refuses more: see docs/operations.md.")
    return ok(what, f"as set, {share:.0%} full")


def _not_as_set(what: str, change: provisioning.Change) -> Finding:
    if not change.fields:
        return problem(what, "is not there", "Run `wireroom setup`.")
    said = str(change).partition(": ")[2]
    return warning(what, f"not as set: {said}", "Run `wireroom setup`; `--dry-run` says what it would do.")


async def _seconds_ahead(connection: Client) -> float | None:
    """Return by how much the broker's clock is ahead of ours, to half the way there and back; None if it tells no time.

    The answer to a question for a stream has a time, also where there is no such stream; from release 2.10 on.
    """
    asked, began = datetime.now(UTC), monotonic()
    answer = json.loads((await connection.request("$JS.API.STREAM.INFO.INBOX", timeout=5)).data)
    middle = asked.timestamp() + (monotonic() - began) / 2
    return datetime.fromisoformat(answer["ts"]).timestamp() - middle if answer.get("ts") else None
