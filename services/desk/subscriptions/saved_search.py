"""Saved searches as the broker keeps them: a bucket that all replicas of the desk share, one key for each name."""

import base64
import binascii
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import AwareDatetime, Field

from shared.broker.kv import Bucket
from shared.messages import Source, Value
from shared.topology import MATCHED, SEARCHES

MOST = 200  # every one is tried on every article
_PREFIX = "whsec_"  # of a secret, as Standard Webhooks writes it
_SECRET_BYTES = (24, 64)


class SavedSearch(Value):
    """A query with a name. ``secret`` is the base64 of the key that signs what is sent to ``webhook``."""

    name: Source
    query: str = Field(min_length=1, max_length=2000)
    created_at: AwareDatetime
    webhook: str | None = None
    secret: str | None = None

    @property
    def consumer(self) -> str:
        """Name of the durable consumer that keeps what was delivered to the webhook."""
        return f"webhook-{self.name}"

    @property
    def key(self) -> bytes:
        return key_of(self.secret or "")


class TooManySearchesError(Exception):
    """There are as many saved searches as one desk tries."""


def _parse(key: str, value: bytes) -> tuple[str, SavedSearch]:
    search = SavedSearch.model_validate_json(value)
    if search.name != key:
        raise ValueError("a search under another name")
    if search.webhook:
        key_of(search.secret or "")
    return key, search


BUCKET = Bucket[str, SavedSearch](SEARCHES, _parse)


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret, base64 with or without ``whsec_`` before it; raises ValueError."""
    least, most = _SECRET_BYTES
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the secret is not base64: {error}") from None
    if not least <= len(key) <= most:
        raise ValueError(f"the secret has {len(key)} bytes; it needs {least} to {most}, as base64")
    return key


def new_secret() -> str:
    """Return a new secret of 32 random bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


async def add(js: JetStreamContext, search: SavedSearch) -> bool:
    """Keep a search and return True; False where one of this name is there already.

    Raises TooManySearchesError, and Unavailable where the bucket was never made.
    """
    bucket = await BUCKET.open(js)
    known = (await BUCKET.all(js)).values
    if search.name in known:
        return False
    if len(known) >= MOST:
        raise TooManySearchesError(f"there are {MOST} saved searches already; `wireroom desk watch rm NAME`")
    await bucket.put(search.name, search.model_dump_json().encode())
    return True


async def remove(js: JetStreamContext, name: str) -> bool:
    """Forget a search and what of it was not delivered; False where there is none of this name."""
    bucket = await BUCKET.open(js)
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name) or (await BUCKET.get(bucket, name))[0] is None:
        return False
    await bucket.purge(name)
    with suppress(NotFoundError):
        await js.delete_consumer(MATCHED, f"webhook-{name}")
    return True


async def waiting(js: JetStreamContext, search: SavedSearch) -> int | None:
    """Return how many matches its webhook has not taken yet; None without one, or before the desk has begun."""
    try:
        info = await js.consumer_info(MATCHED, search.consumer)
    except NotFoundError:
        return None
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


def made(name: str, query: str, webhook: str | None = None, secret: str | None = None) -> SavedSearch:
    """Return a new search; its webhook gets articles from now on."""
    return SavedSearch(name=name, query=query, created_at=datetime.now(UTC), webhook=webhook, secret=secret)
