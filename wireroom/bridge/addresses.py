"""Addresses of queues, streams and topics: the last part of the path is the name, what is before it the broker."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_KINDS = {"redis": "redis", "rediss": "redis", "amqp": "rabbit", "amqps": "rabbit", "kafka": "kafka"}
_FORMS = "redis://HOST[/DATABASE]/STREAM, amqp://HOST[/VHOST]/QUEUE or kafka://HOST:PORT[,HOST:PORT]/TOPIC"


@dataclass(frozen=True)
class Address:
    """``broker`` is what its client connects to; for Kafka host and port of one or several servers."""

    kind: str
    broker: str
    name: str

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return f"{self.kind} {self.broker.rpartition('@')[2].rpartition('//')[2]} {self.name}"


def parsed(text: str) -> Address:
    """Return the parts of an address; raises ValueError that says which forms there are."""
    parts = urlsplit(text)
    before, _, name = parts.path.strip("/").rpartition("/")
    if parts.scheme not in _KINDS or not parts.netloc or not name:
        raise ValueError(f"{text.rpartition('@')[2]!r} is none of {_FORMS}")
    kind = _KINDS[parts.scheme]
    if kind == "kafka":
        return Address(kind, parts.netloc, unquote(name))
    query = f"?{parts.query}" if parts.query else ""
    return Address(kind, f"{parts.scheme}://{parts.netloc}/{before}{query}", unquote(name))
