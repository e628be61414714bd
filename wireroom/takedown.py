"""Taking an article down: a tombstone, an event for every version, and nothing of its text left on the broker."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nats.js import JetStreamContext
from pydantic import ValidationError

from services.ingest.identity import article_id
from shared.decoding import decode
from shared.envelope import headers
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleIngested, ArticleStored, ArticleSubmitted, Identity
from shared.publishing import publish
from shared.reading import all_of, fields, get
from shared.topology import NEWS
from shared.withdrawals import Tombstone, erase, withdraw, withdrawal
from wireroom import letters

_HOLDING_TEXT: tuple[tuple[str, type[Identity]], ...] = (  # the announcement holds the title
    ("RAW", ArticleIngested),
    (NEWS, ArticleExtracted),
    (NEWS, ArticleStored),
)


@dataclass
class Found:
    """What the broker has of an article: its versions, and where each message of it lies."""

    versions: dict[int, Identity] = field(default_factory=dict)
    places: list[tuple[str, int]] = field(default_factory=list)

    def add(self, identity: Identity) -> None:
        self.versions.setdefault(identity.version, identity)


async def find(js: JetStreamContext, wanted: str, stored: Mapping[str, Any] | None) -> Found:
    """Look through the streams for every message of an article; ``stored`` is its document, if there is one."""
    found = Found()
    if stored:
        found.add(_identity({**stored, "id": wanted}))
    for stream, model in _HOLDING_TEXT:
        subject = f"{model.subject_pattern.partition('{')[0]}>"  # type: ignore[attr-defined] # they are messages too
        async for place in _of(js, stream, subject, wanted):
            if (message := await get(js, stream, place)) and (identity := _identity_of(message.data, wanted)):
                found.add(identity)
                found.places.append((stream, place))
    async for letter in all_of(js, letters.STREAM, "news.dead.>"):
        if _names(letter.data) == wanted:
            found.places.append((letters.STREAM, letter.metadata.sequence.stream))
    return found


async def _of(js: JetStreamContext, stream: str, subject: str, wanted: str) -> AsyncIterator[int]:
    async for message in all_of(js, stream, subject, headers_only=True):
        if f":{wanted}:" in (message.headers or {}).get("ce-id", ""):
            yield message.metadata.sequence.stream


def _identity(fields: Mapping[str, Any]) -> Identity:
    return Identity.model_validate({name: fields[name] for name in Identity.model_fields})


def _identity_of(data: bytes, wanted: str) -> Identity | None:
    """Return which version of the article these bytes are, None for what only its headers say to be one."""
    with suppress(ValidationError):
        identity = Identity.model_validate(fields(data))
        return identity if identity.id == wanted else None
    return None


def _names(data: bytes) -> str | None:
    """Return the id of the article whose bytes were set aside, as far as they tell."""
    given = fields(data)
    if "id" in given:
        return str(given["id"])
    try:
        return article_id(decode(data, ArticleSubmitted)) if given else None
    except (ValueError, Rejected):
        return None


async def take_down(js: JetStreamContext, wanted: str, found: Found, reason: str) -> Tombstone:
    """Withdraw every version that was found and overwrite what the broker holds of them; repeating it is safe.

    The tombstone comes first: what arrives from then on is withdrawn by the service it reaches.
    """
    newest = found.versions[max(found.versions)]
    tombstone = await withdraw(js, Tombstone(id=wanted, source=newest.source, reason=reason, at=datetime.now(UTC)))
    for _, version in sorted(found.versions.items()):
        event = withdrawal(version, tombstone.reason)
        envelope = headers(event, service="withdraw", now=datetime.now(UTC))
        envelope["Nats-Msg-Id"] += f":{tombstone.at.timestamp()}"  # lifted and withdrawn again it is another event
        await publish(js, event.subject, event.model_dump_json().encode(), stream=NEWS, headers=envelope)
    for stream, place in found.places:
        if stream != letters.STREAM:
            await erase(js, stream, place)
        elif letter := await letters.get(js, place):
            await letters.drop(js, [letter[0]])  # which leaves a mark: the audit asks for it
    return tombstone
