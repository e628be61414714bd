"""Articles between the service and its workers, as bytes: the broker's own go out, and final ones come back.

Only a worker decodes an article and encodes its result, once each. Beside the bytes of the result it tells what the
service needs of it: its identity, and the lines that are counted of its source.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from services.extract.boilerplate.sightings import Sighting
from services.extract.clean.rules.line_facts import LearnedBoilerplate
from shared.broker.encoded import Encoded, ExtractedFacts, Undecoded
from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, ArticleIngested, Value
from shared.topology import MAX_MESSAGE_BYTES

_EXTRACTED, _REJECTED = b"+", b"-"
_READ_HEADERS = ("ce-type", "ce-dataschema")  # by the decoder


class Request(NamedTuple):
    """What a worker is given for one article: the message, and what was learned of the source its subject names."""

    headers: Mapping[str, str]
    source: str
    learned: LearnedBoilerplate
    data: bytes

    def decoded(self) -> ArticleIngested:
        """Return the article; raises Rejected."""
        return decode(self.data, ArticleIngested, self.headers)


class Reply(Value):
    """What the service needs of an extracted article besides its bytes."""

    facts: ExtractedFacts
    sighting: Sighting


class Extracted(NamedTuple):
    """What a worker makes of one article."""

    article: ArticleExtracted
    sighting: Sighting


def request(article: Undecoded, learned: LearnedBoilerplate) -> bytes:
    """Return one line of JSON, and the bytes of the message as they are."""
    headers = {name: article.headers[name] for name in _READ_HEADERS if name in article.headers}
    return json.dumps([headers, article.source, dict(learned)]).encode() + b"\n" + article.data


def requested(payload: bytes) -> Request:
    head, _, data = payload.partition(b"\n")
    headers, source, learned = json.loads(head)
    return Request(headers, source, learned, data)


def reply(result: Extracted | Exception) -> bytes:
    """Return what the service is told of one article; raises what is no verdict about it."""
    if isinstance(result, Extracted):
        data = result.article.model_dump_json().encode()
        if len(data) <= MAX_MESSAGE_BYTES:
            told = Reply(facts=ExtractedFacts.of(result.article), sighting=result.sighting)
            return _EXTRACTED + told.model_dump_json().encode() + b"\n" + data
        result = Rejected(Reason.TOO_LARGE, f"extracted it has {len(data)} bytes, more than {MAX_MESSAGE_BYTES}")
    if isinstance(result, Rejected):
        return _REJECTED + json.dumps([result.reason, result.detail]).encode()
    raise result


def replied(payload: bytes) -> tuple[Encoded, Reply]:
    """Return the extracted article and what is told of it, or raise Rejected with the worker's verdict."""
    if payload.startswith(_EXTRACTED):
        head, _, data = payload[1:].partition(b"\n")
        told = Reply.model_validate_json(head)
        return Encoded(told.facts, data, ArticleExtracted), told
    reason, detail = json.loads(payload[1:])
    raise Rejected(Reason(reason), detail)


def head_size(payload: bytes) -> int:
    """Return how many bytes of a reply are parsed."""
    return payload.find(b"\n") + 1 or len(payload)
