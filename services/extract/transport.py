"""Articles between the service and its workers, as bytes: the broker's own go out, and final ones come back.

Only a worker decodes an article and encodes its result, once each. Beside the bytes of the result it tells what the
service needs of it: its identity, the lines that are counted of its source, and when each step began and ended.
A reply is one byte for its kind, the times, and then a line of JSON and the result, or a rejection in JSON.
"""

import json
import struct
from collections.abc import Mapping
from typing import NamedTuple, Self

from services.extract.boilerplate.sightings import Sighting
from services.extract.clean.rules.line_facts import LearnedBoilerplate
from shared.broker.encoded import Encoded, ExtractedFacts, Undecoded
from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, ArticleIngested, Value
from shared.topology import MAX_MESSAGE_BYTES

_EXTRACTED, _REJECTED = b"+", b"-"
_TIMES = struct.Struct(">7Q")
_BODY = 1 + _TIMES.size  # where the text of a reply begins
_READ_HEADERS = ("ce-type", "ce-dataschema")  # by the decoder


class StepTimes(NamedTuple):
    """When each step of an article's extraction began and ended; a worker measures, the service makes spans of it.

    In nanoseconds since the epoch, 0 where a step was not reached. ``together`` articles were tagged in one call.
    """

    clean_began: int = 0
    clean_ended: int = 0
    tag_began: int = 0
    tag_ended: int = 0
    merge_began: int = 0
    merge_ended: int = 0
    together: int = 0

    @classmethod
    def of(cls, reply: bytes) -> Self:
        """Return the times in a reply, which a rejection has too."""
        return cls(*_TIMES.unpack(reply[1:_BODY]))

    def spans(self) -> list[tuple[str, int, int, int]]:
        """Return name, beginning, end and number of articles of each step that was reached."""
        steps = (
            ("clean", self.clean_began, self.clean_ended, 1),
            ("tag", self.tag_began, self.tag_ended, self.together),
            ("merge", self.merge_began, self.merge_ended, 1),
        )
        return [step for step in steps if step[1]]


_NOT_MEASURED = StepTimes()


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


def reply(result: Extracted | Exception, times: StepTimes = _NOT_MEASURED) -> bytes:
    """Return what the service is told of one article; raises what is no rejection about it."""
    if isinstance(result, Extracted):
        data = result.article.model_dump_json().encode()
        if len(data) <= MAX_MESSAGE_BYTES:
            told = Reply(facts=ExtractedFacts.of(result.article), sighting=result.sighting)
            return b"".join((_EXTRACTED, _TIMES.pack(*times), told.model_dump_json().encode(), b"\n", data))
        result = Rejected(Reason.TOO_LARGE, f"extracted it has {len(data)} bytes, more than {MAX_MESSAGE_BYTES}")
    if isinstance(result, Rejected):
        return _REJECTED + _TIMES.pack(*times) + json.dumps([result.reason, result.detail]).encode()
    raise result


def replied(payload: bytes) -> tuple[Encoded, Reply]:
    """Return the extracted article and what is told of it, or raise Rejected with the worker's rejection."""
    if payload.startswith(_EXTRACTED):
        head, _, data = payload[_BODY:].partition(b"\n")
        told = Reply.model_validate_json(head)
        return Encoded(told.facts, data, ArticleExtracted), told
    reason, detail = json.loads(payload[_BODY:])
    raise Rejected(Reason(reason), detail)


def head_size(payload: bytes) -> int:
    """Return how many bytes of a reply are parsed."""
    return payload.find(b"\n", _BODY) + 1 or len(payload)
