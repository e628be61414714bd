"""Access tokens: each belongs to one source; the broker keeps their SHA-256 in a bucket that all replicas share.

A token has 256 random bits, so a fast hash is enough: nothing of it can be guessed.
"""

import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from nats.js import JetStreamContext
from pydantic import TypeAdapter, ValidationError

from shared.broker.kv import Bucket
from shared.messages import Source
from shared.topology import TOKENS

_TOKEN = re.compile(r"wrt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_ID = re.compile(r"[0-9a-f]{12}")
_SOURCE: TypeAdapter[str] = TypeAdapter(Source)
_LONGEST_NOTE = 200  # characters
_REMEMBERED = 2.0  # seconds until a token that was made or revoked meanwhile is noticed


@dataclass(frozen=True)
class Token:
    """What is kept of a token: never the token itself."""

    id: str
    source: str
    digest: str  # SHA-256 of the whole token, hex
    created_at: str  # ISO 8601
    note: str = ""


def _parse(key: str, value: bytes) -> tuple[str, Token]:
    try:
        found = json.loads(value)
        token = Token(key, *(str(found[name]) for name in ("source", "digest", "created_at", "note")))
        _SOURCE.validate_python(token.source)
    except (KeyError, TypeError, ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not _ID.fullmatch(key):
        raise ValueError(key)
    return key, token


BUCKET = Bucket[str, Token](TOKENS, _parse)


async def add(js: JetStreamContext, source: str, note: str = "") -> tuple[str, Token]:
    """Make a token for a source and return it with its record; nobody can read it again."""
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    text = f"wrt_{token_id}_{secret}"
    token = Token(
        token_id, source, _digest(text), datetime.now(UTC).isoformat(timespec="seconds"), note[:_LONGEST_NOTE]
    )
    record = {name: getattr(token, name) for name in ("source", "digest", "created_at", "note")}
    await (await BUCKET.open(js)).create(token_id, json.dumps(record).encode())
    return text, token


async def revoke(js: JetStreamContext, token_id: str) -> bool:
    """Delete a token; False where there is none with this id."""
    bucket = await BUCKET.open(js)
    if not _ID.fullmatch(token_id) or (await BUCKET.get(bucket, token_id))[0] is None:
        return False
    await bucket.purge(token_id)
    return True


class Tokens:
    """The tokens as this process knows them, read anew at most every two seconds."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._known: dict[str, Token] = {}
        self._read_at = float("-inf")

    async def known(self) -> dict[str, Token]:
        """Return all by their id; raises what reading the broker raises."""
        if time.monotonic() - self._read_at > _REMEMBERED:
            self._known = (await BUCKET.all(self._js)).values
            self._read_at = time.monotonic()
        return self._known

    async def of(self, authorization: str) -> Token | None:
        """Return the token that an Authorization header holds, None for any other."""
        scheme, _, given = authorization.partition(" ")
        form = _TOKEN.fullmatch(given.strip())
        if scheme.lower() != "bearer" or form is None:
            return None
        token = (await self.known()).get(form[1])
        return token if token and hmac.compare_digest(token.digest, _digest(form[0])) else None


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
