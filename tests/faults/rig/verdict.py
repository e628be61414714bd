"""What an independent look at the streams and documents finds, against the ledger of what was acknowledged."""

import asyncio
import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from pydantic import ValidationError
from pymongo import MongoClient

from shared.broker.dead_letters import CUT, PLACES, SHA256
from shared.broker.stream_reader import all_of
from shared.messages import ArticleStored, Identity
from tests.faults.rig.load import Entry
from wireroom.ops.audit import balance, gather
from wireroom.ops.dead_letter_queue import origins
from wireroom.ops.outcomes import follow

_PAUSE = 1.0


@dataclass(frozen=True)
class Verdict:
    """What an independent reader found, against the ledger; all but ``acked`` and ``outcomes`` have to be empty."""

    acked: int
    outcomes: dict[str, int]
    lost: list[int]
    duplicated: list[str]
    told_twice: list[str]  # versions of which there is more than one extracted article, or one announcement
    stale: list[str]  # articles whose stored version is not the newest that was acknowledged
    texts_missing: list[str]
    wrong_letters: list[str]
    audit: list[int]

    @property
    def fine(self) -> bool:
        return not any(
            (
                *(self.lost, self.duplicated, self.told_twice, self.stale),
                *(self.texts_missing, self.wrong_letters, self.audit),
            )
        ) and self.acked == sum(self.outcomes.values())


async def verify(js: JetStreamContext, mongo_url: str, entries: list[Entry], *, patience: float = 180) -> Verdict:
    """Wait until each acknowledged place has a fate, then compare streams and documents with the ledger.

    Brokers that have just found each other again may let a reader wait in vain: then it is read anew.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return await _compare(js, mongo_url, entries, patience)
        except (NatsError, TimeoutError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_PAUSE)


async def _compare(js: JetStreamContext, mongo_url: str, entries: list[Entry], patience: float) -> Verdict:
    places = {entry.place: entry for entry in entries}
    await follow(js, places.keys(), patience=patience, progress=lambda _: None)
    stored, told_twice = await _announced(js, places)
    letters, wrong = await _letters(js, places)
    fates = {place: stored.get(place) or ("dead" if place in letters else None) for place in places}
    newest: dict[str, Entry] = {}
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for _, entry in sorted(places.items()):
        if entry.guid and entry.text:
            newest[entry.guid] = entry
            texts[entry.guid].add(entry.text)
    documents, kept = _documents(mongo_url)
    counted = Counter(document["guid"] for document in documents)
    found = {document["guid"]: document for document in documents}
    reckoned = balance(await gather(js), places)
    return Verdict(
        acked=len(places),
        outcomes=dict(Counter(fate for fate in fates.values() if fate)),
        lost=[place for place, fate in fates.items() if fate is None],
        duplicated=[guid for guid, count in counted.items() if count > 1],
        told_twice=told_twice,
        stale=[
            guid
            for guid, entry in newest.items()
            if guid not in found or (found[guid]["version"], _text(found[guid])) != (entry.place, entry.text)
        ],
        texts_missing=[guid for guid in texts if texts[guid] - kept[guid]],
        wrong_letters=wrong + [str(p) for p, e in places.items() if e.expected and fates[p] != "dead"],
        audit=list(reckoned.missing),
    )


async def _announced(js: JetStreamContext, places: Mapping[int, Entry]) -> tuple[dict[int, str], list[str]]:
    """Return the outcome of each place, and the ids of events of which the stream has two; others' are no events."""
    found: dict[int, str] = {}
    ids: Counter[str] = Counter()
    async for message in all_of(js, "NEWS", "news.v1.>"):
        with suppress(ValidationError):
            version = Identity.model_validate_json(message.data).version
            if version in places:
                ids[(message.headers or {})["ce-id"]] += 1
            if message.subject.startswith("news.v1.stored."):
                found.setdefault(version, ArticleStored.model_validate_json(message.data).outcome)
    return found, [event_id for event_id, count in ids.items() if count > 1]


async def _letters(js: JetStreamContext, places: Mapping[int, Entry]) -> tuple[set[int], list[str]]:
    """Return the places that were set aside, and which letters have another reason or other bytes than they should."""
    found, wrong = set[int](), list[str]()
    async for letter in all_of(js, "DEAD", "news.dead.>"):
        headers = letter.headers or {}
        for place in origins(letter) & places.keys() if _tells(letter) else ():
            entry = places[place]
            found.add(place)
            same = await _same(js, letter, entry.digest)
            if headers["wireroom-reason"] != entry.expected or not same:
                wrong.append(f"{place}: {headers['wireroom-reason']} instead of {entry.expected}, bytes equal: {same}")
    return found, wrong


def _tells(letter: Msg) -> bool:
    """Tell whether a letter speaks of the submission that it names: what others put between our services does not."""
    headers = letter.headers or {}
    if CUT in headers or headers.get("wireroom-stream") == "INBOX":
        return True
    try:
        article = Identity.model_validate_json(letter.data)
    except ValidationError:
        return False
    return headers.get("ce-id", "").endswith(f":{article.id}:{article.version}")


async def _same(js: JetStreamContext, letter: Msg, digest: str) -> bool:
    """Tell whether a letter has the bytes it should, or says that it was cut and of what."""
    headers = letter.headers or {}
    if PLACES in headers:
        return int(headers[CUT]) > 0
    if headers["wireroom-stream"] != "INBOX":
        return letter.data == await _original(js, headers)
    return headers.get(SHA256, hashlib.sha256(letter.data).hexdigest()) == digest


async def _original(js: JetStreamContext, headers: Mapping[str, str]) -> bytes | None:
    return (await js.get_msg(headers["wireroom-stream"], int(headers["wireroom-sequence"]))).data


def _documents(mongo_url: str) -> tuple[list[dict[str, Any]], defaultdict[str, set[str]]]:
    kept: defaultdict[str, set[str]] = defaultdict(set)
    with MongoClient[dict[str, Any]](mongo_url, timeoutMS=20_000) as client:
        database = client["wireroom"]
        documents = list(database["articles"].find())
        for document in [*documents, *database["article_versions"].find()]:
            kept[document["guid"]].add(_text(document))
    return documents, kept


def _text(document: Mapping[str, Any]) -> str:
    return "\n\n".join(document["paragraphs"])
