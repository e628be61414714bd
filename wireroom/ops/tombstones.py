"""Tombstones by the names that people know articles by: a link, a guid, a file, an id.

A tombstone holds hashes of the names and not the names: a link often has the headline in it. Whoever has the name can
ask for it; whoever has the tombstone cannot read it (docs/decisions/0025).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from nats.js import JetStreamContext

from services.ingest.canonical_url import canonical_url
from shared.broker.withdrawals import TOMBSTONES, Tombstone
from shared.errors import Rejected
from wireroom.publisher.submissions import file_guid

_ID_PREFIX = re.compile(r"[0-9a-f]{4,32}$")
_DIGITS = 32


def hashes(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the hashes of what an article goes by."""
    if isinstance(guid := fields.get("guid"), str):
        yield _hash("guid", guid)
    if isinstance(url := fields.get("url"), str):
        yield from _of_link(url)


def asked(name: str) -> list[str]:
    """Return the hashes that a tombstone has of what somebody asks for: a guid may look like a link."""
    found = [_hash("guid", name), *_of_link(name)]
    return [*found, _hash("guid", file_guid(name))] if Path(name).exists() else found


def _of_link(url: str) -> Iterable[str]:
    try:
        return (_hash("link", canonical_url(url)),) if "://" in url else ()
    except Rejected:
        return ()


def _hash(kind: str, name: str) -> str:
    return sha256(f"{kind}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


async def find(js: JetStreamContext, name: str) -> list[Tombstone]:
    """Return the tombstones of all articles that go by this name, or whose id begins so."""
    wanted = set(asked(name))
    prefix = name if _ID_PREFIX.match(name) else None
    found = (await TOMBSTONES.all(js)).values.values()
    return [stone for stone in found if wanted & set(stone.names) or (prefix and stone.id.startswith(prefix))]
