"""The envelope: CloudEvents 1.0 in binary mode, so any CloudEvents reader knows what a message is.

Headers from outside pass one gate: an allow-list by name and value, 8 kB in all. What else came with a message is kept,
encoded, in its dead letter and nowhere else.
"""

import base64
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime

from shared.messages import Identity, Message

REPLAY = "wireroom-replay"  # names the replay a message belongs to, and all that becomes of it
REPLAYED_FROM = "wireroom-replayed-from"  # of what was replayed: the number of the dead letter
ORIGIN = "ce-origin"  # where a publisher has a submission from: file and line, percent-encoded
BATCH = "ce-batch"  # the run of `wireroom publish` that a submission came with
FOREIGN = "wireroom-foreign-headers"  # of a dead letter: base64 of a JSON object of what the gate did not let pass
FOREIGN_CUT = "wireroom-foreign-headers-cut"  # how many of them are left out, because they are too long

_MAX_ACCEPTED = 8 * 1024  # characters of all accepted names and values of a message
_MAX_FOREIGN = 16 * 1024  # characters of JSON: with its base64 it fits what a dead letter has room for
_ACCEPTED = (
    (re.compile(r"traceparent"), re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")),  # W3C
    (re.compile(r"ce-[a-z0-9]{1,20}"), re.compile(r"[ -~]{0,2048}")),  # CloudEvents attributes, printable ASCII
    (re.compile(r"content-type"), re.compile(r"[ -~]{0,200}")),
    (re.compile(re.escape(REPLAY)), re.compile(r"[A-Za-z0-9._-]{1,64}")),
    (re.compile(re.escape(REPLAYED_FROM)), re.compile(r"[0-9]{1,19}")),
)
_PREFIXES = ("traceparent", "ce-", "content-type", REPLAY)  # of accepted names; quicker than their patterns


def headers(
    message: Message, *, service: str, now: datetime, trace: str | None = None, replay: str | None = None
) -> dict[str, str]:
    """Return the headers of a message; ``Nats-Msg-Id`` lets the broker drop our own repeated publishing.

    The id holds the version and not the content: a correction that is taken back (A, B, A again) must arrive.
    What a replay brings holds the replay as well: the same version must arrive once more.
    """
    event_id = f"{message.event}:{secrets.token_hex(16)}"
    if isinstance(message, Identity):
        event_id = f"{message.event}:{message.id}:{message.version}"
    kind = f"news.v1.{message.event}"
    made = {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-source": f"/wireroom/{service}",
        "ce-type": kind,
        "ce-time": now.isoformat(),
        "ce-dataschema": f"urn:wireroom:{kind}",
        "content-type": "application/json",
        "traceparent": trace or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        "Nats-Msg-Id": event_id,
    }
    return made | {"Nats-Msg-Id": f"{event_id}:{replay}", REPLAY: replay} if replay else made


def provenance(given: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that tell where an article came from; they go with it through every stream."""
    return {name: given[name] for name in (ORIGIN, BATCH) if name in given}


def accepted(given: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers that the gate lets pass; the first beyond 8 kB in all ends it."""
    passed: dict[str, str] = {}
    room = _MAX_ACCEPTED
    for name, value in (given or {}).items():
        if name.startswith(_PREFIXES) and _passes(name, value):
            if (room := room - len(name) - len(value)) < 0:
                break
            passed[name] = value
    return passed


def _passes(name: str, value: str) -> bool:
    return any(names.fullmatch(name) and values.fullmatch(value) for names, values in _ACCEPTED)


def foreign(given: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of a dead letter that hold, encoded, what the gate did not let pass; none if nothing did.

    Left out are the broker's own, and what does not fit; of the latter the number is told.
    """
    passed = accepted(given)
    others = {k: v for k, v in (given or {}).items() if k not in passed and not k.lower().startswith("nats-")}
    if not others:
        return {}
    fitting = dict(_fitting(others))
    made = {FOREIGN: base64.b64encode(json.dumps(fitting).encode()).decode()}
    return made | ({FOREIGN_CUT: str(len(others) - len(fitting))} if len(fitting) < len(others) else {})


def _fitting(others: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    room = _MAX_FOREIGN
    for name, value in others.items():
        # a character takes up to twelve in JSON; first by length, so that a megabyte is not encoded to be measured
        if len(name) + len(value) <= room and (size := len(json.dumps([name, value]))) <= room:
            room -= size
            yield name, value
