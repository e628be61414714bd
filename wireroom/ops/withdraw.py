"""Taking an article down: a tombstone, an event for every version, and nothing of its text left on the broker."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import ValidationError

from services.ingest.identity import article_id
from shared.broker.envelope import headers
from shared.broker.publish import publish
from shared.broker.stream_reader import Stored, all_of, fields, get
from shared.broker.withdrawals import Tombstone, erase, withdraw, withdrawal
from shared.decoding import decode
from shared.errors import Rejected
from shared.messages import (
    ArticleExtracted,
    ArticleIngested,
    ArticleMatched,
    ArticleStored,
    ArticleSubmitted,
    Identity,
    verified_source,
)
from shared.topology import MATCHED, NEWS
from wireroom.ops import dead_letter_queue, tombstones

_HOLDING_TEXT: tuple[tuple[str, type[Identity]], ...] = (  # the announcement holds the title
    ("RAW", ArticleIngested),
    (NEWS, ArticleExtracted),
    (NEWS, ArticleStored),
    (MATCHED, ArticleMatched),
)
_MATCHED = ArticleMatched.subject_pattern.partition("{")[0]

FIELDS = [*Identity.model_fields, "guid", "url"]  # of a stored article; its text is not needed


@dataclass
class Found:
    """What the broker has of an article: its versions, where each message of it lies, and hashes of its names."""

    versions: dict[int, Identity] = field(default_factory=dict)
    places: list[tuple[str, int]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    source: str = ""  # of one that waits in INBOX; the versions know theirs
    waiting: int = 0  # submissions that ingest has not read

    def add(self, identity: Identity, fields: Mapping[str, Any]) -> None:
        self.versions.setdefault(identity.version, identity)
        self.names.update(tombstones.hashes(fields))


@dataclass(frozen=True)
class Wanted:
    """Which articles are meant: some by their ids, or all of a source."""

    ids: Collection[str] = ()
    source: str | None = None

    def seems(self, message: Msg) -> bool:
        """Tell by the headers and the subject alone whether this may be a message of one of them."""
        if self.source is not None:
            # the subject of a match ends with the search, so its body has to be read
            return message.subject.rpartition(".")[2] == self.source or message.subject.startswith(_MATCHED)
        return any(part in self.ids for part in (message.headers or {}).get("ce-id", "").split(":"))

    def has(self, identity: Identity) -> bool:
        return identity.id in self.ids or identity.source == self.source


async def find(js: JetStreamContext, wanted: Wanted, stored: Iterable[Mapping[str, Any]]) -> dict[str, Found]:
    """Look through the streams for every message of the articles; ``stored`` are the documents of those that are.

    What waits in INBOX is found for a source only. Dead letters that name no article are under "".
    """
    found = defaultdict[str, Found](Found)
    for document in stored:
        found[document["_id"]].add(_identity({**document, "id": document["_id"]}), document)
    for stream, model in _HOLDING_TEXT:
        subject = f"{model.subject_pattern.partition('{')[0]}>"  # type: ignore[attr-defined] # they are messages too
        places = [m.metadata.sequence.stream async for m in all_of(js, stream, subject) if wanted.seems(m)]
        for place in places:
            message = await get(js, stream, place)
            identity = _identity_of(message.data) if message else None
            if message and identity and wanted.has(identity):
                found[identity.id].add(identity, fields(message.data))
                found[identity.id].places.append((stream, place))
    async for letter in all_of(js, dead_letter_queue.STREAM, "news.dead.>"):
        named = _names(letter.data, (letter.headers or {}).get("wireroom-subject", ""))
        if named in wanted.ids or (wanted.source is not None and fields(letter.data).get("source") == wanted.source):
            found[named or ""].places.append((dead_letter_queue.STREAM, letter.metadata.sequence.stream))
    if wanted.source is not None:
        async for unread in waiting(js):
            note_waiting(found, unread, wanted.source)
    return dict(found)


async def waiting(js: JetStreamContext) -> AsyncIterator[Stored]:
    """Yield what ingest has not read yet; one by one, because INBOX has one reader only."""
    state = (await js.stream_info("INBOX")).state
    for place in range(state.first_seq, state.last_seq + 1) if state.messages else ():
        if message := await get(js, "INBOX", place):
            yield message


def note_waiting(found: dict[str, Found], message: Stored, source: str | None) -> None:
    """Note which article a submission is of; what is none will be dead-lettered by ingest."""
    with suppress(Rejected, ValueError):
        article = decode(message.data, ArticleSubmitted)
        if source in {None, article.source}:
            verified = verified_source(message.subject) is not None
            of_article = found.setdefault(article_id(article, verified=verified), Found())
            of_article.source, of_article.waiting = article.source, of_article.waiting + 1
            of_article.names.update(tombstones.hashes(dict(article)))


def _identity(fields: Mapping[str, Any]) -> Identity:
    return Identity.model_validate({name: fields[name] for name in Identity.model_fields})


def _identity_of(data: bytes) -> Identity | None:
    """Return which version of which article these bytes are, None for what only its headers say to be one."""
    with suppress(ValidationError):
        return Identity.model_validate(fields(data))
    return None


def _names(data: bytes, subject: str) -> str | None:
    """Return the id of the article whose bytes were dead-lettered, as far as they tell."""
    given = fields(data)
    if "id" in given:
        return str(given["id"])
    try:
        verified = verified_source(subject) is not None
        return article_id(decode(data, ArticleSubmitted), verified=verified) if given else None
    except (ValueError, Rejected):
        return None


async def take_down(js: JetStreamContext, found: Mapping[str, Found], reason: str) -> dict[str, Tombstone]:
    """Withdraw every version that was found and overwrite what the broker holds of them; repeating it is safe.

    All tombstones come first: what arrives from then on is withdrawn by the service it reaches.
    """
    made = {}
    for wanted, article in found.items():
        if wanted:
            source = article.versions[max(article.versions)].source if article.versions else article.source
            names = tuple(sorted(article.names))
            stone = Tombstone(id=wanted, source=source, reason=reason, at=datetime.now(UTC), names=names)
            made[wanted] = await withdraw(js, stone)
    for wanted, article in found.items():
        if wanted:
            await _announce(js, article, made[wanted])
        await _erase(js, article)
    return made


async def _announce(js: JetStreamContext, article: Found, tombstone: Tombstone) -> None:
    for _, version in sorted(article.versions.items()):
        event = withdrawal(version, tombstone.reason)
        envelope = headers(event, service="withdraw", now=datetime.now(UTC))
        envelope["Nats-Msg-Id"] += f":{tombstone.at.timestamp()}"  # lifted and withdrawn again it is another event
        await publish(js, event.subject, event.model_dump_json().encode(), stream=NEWS, headers=envelope)


async def _erase(js: JetStreamContext, article: Found) -> None:
    for stream, place in article.places:
        if stream != dead_letter_queue.STREAM:
            await erase(js, stream, place)
        elif letter := await dead_letter_queue.get(js, place):
            await dead_letter_queue.drop(js, [letter[0]])  # which leaves a mark: the audit asks for it
