"""The envelope: CloudEvents 1.0 in binary mode, so any CloudEvents reader knows what a message is."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from shared.messages import Identity, Message

REPLAY = "wireroom-replay"  # names the replay a message belongs to, and all that becomes of it


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


def passed_on(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers that stay with a message when it is set aside or replayed: all but the broker's own."""
    return {key: value for key, value in (headers or {}).items() if not key.lower().startswith("nats-")}
