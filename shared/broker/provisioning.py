"""What ``wireroom setup`` does to a broker: the plan, field by field, and its application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, KeyValueConfig, StoreCompression, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from shared.broker import accounting
from shared.limits import DEFAULTS, Limits, age_text, size_text
from shared.topology import CONSUMERS, KEEP, Consumer, buckets, streams

NOT_APPLIED = "not applied, needs --delete-older: "

_TEXTS: Mapping[str, Callable[[Any], str]] = {
    "max_age": age_text,
    "duplicate_window": age_text,
    "ack_wait": age_text,
    "max_bytes": size_text,
    "max_msg_size": size_text,
}
_STREAM_FIELDS = (
    *("subjects", "retention", "discard", "max_age", "max_bytes", "max_msgs", "max_msg_size"),
    *("duplicate_window", "num_replicas", "compression"),
)
_NAMES = {"metadata": "keep", "num_replicas": "replicas"}
_CONSUMER_FIELDS = ("filter_subjects", "ack_wait", "max_deliver", "max_ack_pending")


@dataclass(frozen=True)
class Change:
    """One stream, bucket or consumer that is not as it should be; ``fields`` are old and new, empty where it is new."""

    what: str
    fields: Mapping[str, tuple[Any, Any]]
    make: Callable[[], Awaitable[object]]
    warning: str | None = None
    deletes: bool = False  # what is kept now

    def __str__(self) -> str:
        if not self.fields:
            return f"{self.what}: create"
        said = ", ".join(
            f"{_NAMES.get(name, name)} {_text(name, old)} -> {_text(name, new)}"
            for name, (old, new) in self.fields.items()
        )
        return f"{self.what}: {said}" + (f" ({self.warning})" if self.warning else "")


async def plan(js: JetStreamContext, limits: Limits = DEFAULTS, replicas: int = 1) -> list[Change]:
    """Return what differs on the broker, in the order in which it has to be made."""
    changes = [await _stream(js, config) for config in streams(limits, replicas)]
    changes += [await _consumer(js, consumer) for consumer in CONSUMERS]
    changes += [await _bucket(js, config) for config in buckets(limits, replicas)]
    return [change for change in changes if change]


async def apply(
    js: JetStreamContext, limits: Limits = DEFAULTS, replicas: int = 1, *, delete: bool = False
) -> list[Change]:
    """Make the broker as the topology says; returns what that takes, and raises APIError where the broker refuses.

    What would delete messages at once is left as it is, unless that is wanted.
    """
    changes = await plan(js, limits, replicas)
    for change in changes:
        if delete or not change.deletes:
            await change.make()
    await accounting.begin(js)
    return changes


async def _stream(js: JetStreamContext, wanted: StreamConfig) -> Change | None:
    what = f"stream {wanted.name}"
    try:
        info = await js.stream_info(str(wanted.name))
    except NotFoundError:
        return Change(what, {}, lambda: js.add_stream(wanted))
    wanted = replace(wanted, compression=StoreCompression.NONE)
    fields = {name: getattr(wanted, name) for name in _STREAM_FIELDS}
    if wanted.metadata:
        fields["metadata"] = (info.config.metadata or {}) | wanted.metadata  # the broker has words of its own there
    return await _stream_change(js, what, info, fields)


async def _bucket(js: JetStreamContext, wanted: KeyValueConfig) -> Change | None:
    what = f"bucket {wanted.bucket}"
    try:
        info = await js.stream_info(f"KV_{wanted.bucket}")
    except NotFoundError:
        return Change(what, {}, lambda: js.create_key_value(wanted))
    fields = {"max_age": wanted.ttl or 0, "max_bytes": wanted.max_bytes, "num_replicas": wanted.replicas}
    return await _stream_change(js, what, info, fields)


async def _stream_change(js: JetStreamContext, what: str, info: StreamInfo, wanted: Mapping[str, Any]) -> Change | None:
    fields = _differences(info.config, wanted)
    if not fields:
        return None
    updated = replace(info.config, **{name: new for name, (_, new) in fields.items()})
    deletes = await _deletes(js, info, fields)
    return Change(what, fields, lambda: js.update_stream(updated), deletes or _stays(info, fields), bool(deletes))


async def _consumer(js: JetStreamContext, consumer: Consumer) -> Change | None:
    what = f"consumer {consumer.stream}/{consumer.durable}"
    try:
        found = (await js.consumer_info(consumer.stream, consumer.durable)).config
    except NotFoundError:
        return Change(what, {}, lambda: js.add_consumer(consumer.stream, consumer.config))
    if found.filter_subject:
        found = replace(found, filter_subject=None, filter_subjects=[found.filter_subject])
    fields = _differences(found, {name: getattr(consumer.config, name) for name in _CONSUMER_FIELDS})
    if not fields:
        return None
    updated = replace(found, **{name: new for name, (_, new) in fields.items()})
    return Change(what, fields, lambda: js.add_consumer(consumer.stream, updated))


def _differences(found: StreamConfig | ConsumerConfig, wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (getattr(found, name), new) for name, new in wanted.items()}
    return {name: (old, new) for name, (old, new) in pairs.items() if (old or 0) != new}


def _stays(info: StreamInfo, fields: Mapping[str, tuple[Any, Any]]) -> str | None:
    size = fields.get("max_bytes", (0, 0))[1]
    if size and info.state.bytes > size:
        return f"it holds {size_text(info.state.bytes)}, which stay, and refuses more until there is room"
    return None


async def _deletes(js: JetStreamContext, info: StreamInfo, fields: Mapping[str, tuple[Any, Any]]) -> str | None:
    """Say what a new age of the broker's own deletes at once, read or not."""
    age = fields.get("max_age", (0, 0))[1]
    if age and info.state.messages:
        first = await js.get_msg(str(info.config.name), info.state.first_seq)
        if first.time and datetime.now(UTC) - first.time > timedelta(seconds=age):
            return f"deletes at once what is older, which goes back to {first.time:%Y-%m-%d %H:%M} UTC"
    return None


def _text(name: str, value: Any) -> str:  # noqa: ANN401 - of any field
    if name == "metadata":
        return age_text(float((value or {}).get(KEEP, 0)))
    if isinstance(value, list):
        return " ".join(value)
    if not isinstance(value, str) and (text := _TEXTS.get(name)):
        return "none" if value in {None, -1} else text(value)
    return str(getattr(value, "value", value))
