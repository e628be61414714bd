"""Attacks on a running stack, each with what must become of it. Data: nothing here is run.

``tests/hostile.py`` has the bytes, headers, subjects and bucket values that no release of ours writes; here they are
aimed at the services, beside work bombs and taken ids.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from services.ingest.identity import article_id
from shared.errors import Reason
from shared.messages import ArticleSubmitted
from tests import hostile
from wireroom.bench.raw_nats import Publication, block
from wireroom.testing.factories import BODY, a_raw_article, an_extracted_article

STORED = "stored"
REFUSED = "refused"  # by the broker, to its publisher
SUBMITTED = b"news.v1.submitted"
ANY = frozenset({STORED, *Reason})
SET_ASIDE = frozenset(Reason)
_WAYS = frozenset({Reason.NO_ARTICLE_TEXT, Reason.TOO_LARGE, STORED})  # of what is large and odd, but an article
_EVENTS = {
    "raw": b"news.v1.raw.hostile",
    "extracted": b"news.v1.extracted.en.hostile",
    "stored": b"news.v1.stored.en.hostile",
}
_numbers = count()


@dataclass(frozen=True)
class Attack:
    """``becomes`` has the reasons it may be set aside for, or that it may be stored; empty: nobody has to read it."""

    publication: Publication
    becomes: frozenset[str] = field(default=ANY)

    @property
    def name(self) -> str:
        return self.publication.name


def submission(**fields: object) -> bytes:
    """Return a submission of a source and guid of its own, so that it harms and helps no other by its name."""
    made = {"source": "hostile", "guid": f"hostile-{next(_numbers)}", "body": BODY}
    return json.dumps(made | fields, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _named(name: str, subject: bytes, data: bytes, headers: bytes | None, *becomes: str) -> Attack:
    return Attack(Publication(name, subject, data, headers), frozenset(becomes))


# --- headers ---

_CONTROLS = {  # of the broker; it refuses most of them to the publisher
    "Nats-Msg-Id": b"x" * 4000,
    "Nats-Expected-Stream": b"RAW",
    "Nats-Expected-Last-Sequence": b"999999",
    "Nats-Expected-Last-Msg-Id": b"never",
    "Nats-Expected-Last-Subject-Sequence": b"999999",
    "Nats-Rollup": b"all",
    "Nats-TTL": b"1s",
    "Nats-Marker-Reason": b"MaxAge",
    "Nats-Schedule": b"@every 1s",
    "Nats-Schedule-Target": b"news.v1.raw.hostile",
    "Nats-Batch-Id": b"b",
    "Nats-Batch-Sequence": b"1",
    "Nats-Batch-Commit": b"1",
    "Nats-Incr": b"1",
    "Nats-No-Such-Control": b"x",
}
_OWN = {  # headers that mean something to our services
    "wireroom-replay is long": [b"wireroom-replay: " + b"r" * 7000],
    "wireroom-replay with controls": [b"wireroom-replay: \x1b]0;x\x07\xff"],
    "wireroom-replay with a line break": [b"wireroom-replay: a\n b", b"wireroom-replay:\tb"],
    "wireroom-replayed-from another's letter": [b"wireroom-replayed-from: 1"],
    "wireroom-replayed-from no number": [b"wireroom-replayed-from: " + b"9" * 5000],
    "wireroom-replayed-from a superscript": ["wireroom-replayed-from: ²".encode()],
    "wireroom-reason forged": [b"wireroom-reason: schema", b"wireroom-service: store", b"wireroom-stream: RAW"],
    "traceparent with controls": [b"traceparent: \x1b[2J\x85"],
    "traceparent is long": [b"traceparent: " + b"0" * 7000],
}


def _header_blocks() -> dict[str, bytes]:
    controls = {name: block(name.encode() + b": " + value) for name, value in _CONTROLS.items()}
    own = {name: block(*lines) for name, lines in _OWN.items()}
    return hostile.header_blocks() | controls | own | {
        "a megabyte of headers": block(b"x-long: " + b"x" * 1_000_000),
        "60 kB of headers": block(b"x-long: " + b"x" * 60_000),
        "10,000 headers": block(*(b"x-%d: 1" % number for number in range(10_000))),
        "continued line": block(b"x-a: 1", b" continued", b"\tcontinued"),
        "line break in a value": block(b"x-a: 1\nNats-Msg-Id: 2\rx: 3"),
    }  # fmt: skip


def headers() -> Iterator[Attack]:
    """Yield each block of headers with an article, which is stored, and with `{}`, which is set aside as that.

    What the broker refuses to its publisher harms nobody; what ends up as unread is looked for by who judges.
    """
    for name, lines in _header_blocks().items():
        yield _named(f"{name}, complete", SUBMITTED, submission(), lines, REFUSED, STORED, *_of_headers(name))
        yield _named(f"{name}, incomplete", SUBMITTED, b"{}", lines, REFUSED, Reason.SCHEMA, *_of_headers(name))
    for number in range(140):  # more than ingest has in hand
        yield _named(f"x/y {number}", SUBMITTED, b"{}", block(b"x/y: %d" % number), Reason.SCHEMA)


def _of_headers(name: str) -> tuple[str, ...]:
    """Return the reasons that may be a verdict on the headers themselves."""
    return (
        (Reason.SCHEMA_UNSUPPORTED, Reason.TOO_LARGE)
        if name in {"terminal", "megabyte", "many", "10,000 headers"}
        else ()
    )


# --- poison on internal subjects ---


def _forged() -> dict[str, bytes]:
    """Return whole messages that are not what they say: of another's id, of versions that were never given."""
    found = {}
    for name, version in (("beyond 63 bits", 2**63), ("beyond 64 bits", 2**70), ("largest", 2**63 - 1)):
        raw = a_raw_article(guid=f"forged-{name}", source="hostile").model_dump(mode="json") | {"version": version}
        found[f"version {name}"] = json.dumps(raw).encode()
    return found


def internal(share: int) -> Iterator[Attack]:
    """Yield poison on the subjects between our services; the ``share`` is how often `{}` comes on each."""
    for number in range(share):
        for subject in (b"news.v1.raw.hostile", b"news.v1.extracted.en.hostile", b"news.v1.withdrawn.hostile"):
            yield _named(f"{{}} {number} on {subject.decode()}", subject, b"{}", None, Reason.SCHEMA)
    for name, data in hostile.bodies().items():
        for subject in (b"news.v1.raw.hostile", b"news.v1.extracted.en.hostile", b"news.v1.withdrawn.hostile"):
            yield Attack(Publication(f"{name} on {subject.decode()}", subject, data), SET_ASIDE)
    for name, data in _forged().items():
        yield Attack(Publication(f"raw {name}", b"news.v1.raw.hostile", data), ANY)
    for name, version in (("beyond 63 bits", 2**63), ("beyond 64 bits", 2**70)):
        made = an_extracted_article(source="hostile", guid=name).model_dump(mode="json") | {"version": version}
        data = json.dumps(made).encode()
        yield Attack(Publication(f"extracted {name}", b"news.v1.extracted.en.hostile", data), SET_ASIDE)


# --- work bombs ---


def bombs() -> Iterator[Attack]:
    """Yield what is cheap to send and was dear to process."""
    marks = ("\u0301\u0327" * 262_144)[: 1024 * 1024 // 4]  # half a mebibyte as UTF-8; escaped by nobody
    for field_name, text in (
        ("body", marks * 2),
        ("title", marks[:2000]),
        ("guid", marks[:1024]),
        ("url", marks[:4000]),
    ):
        url = {"url": f"https://hostile.example/{text}"[:4096]} if field_name == "url" else {field_name: text}
        yield _bomb(f"combining marks in the {field_name}", Reason.BAD_URL, Reason.SCHEMA, **url)
    yield _bomb("combining marks in the tags", Reason.SCHEMA, tags=["e" + marks[:199]] * 100)
    yield _bomb("combining marks after an article", body=f"{BODY}\n\ne{marks}")
    yield _bomb("combining marks in HTML", body=f"<p>{BODY}</p><p>e{marks}</p>", media_type="text/html")
    yield _bomb("8 kB of apostrophes", body=f"{BODY}\n\n{chr(39) * 8192}")
    yield _bomb("8 kB of apostrophes and letters", body=f"{BODY}\n\n{'a' + chr(39) * 8190}")
    yield _bomb("100 kB without a space", body=f"{BODY}\n\n{'(a.b-' * 20_000}")
    yield _bomb("links without a space", body=f"{BODY}\n\n{'http://a.b/' * 5000}")
    yield _bomb("a million attributes", body=f"<p {'a=1 ' * 400_000}>{BODY}</p>", media_type="text/html")
    yield _bomb("attributes of many names", body=f"<p {_attributes(100_000)}>{BODY}</p>", media_type="text/html")
    elements = f"<p>{BODY}</p>" + "<b a=1 b=2 c=3>x</b>" * 50_000
    yield _bomb("attributes of many elements", body=elements, media_type="text/html")
    yield _bomb("character references", body=f"<p>{BODY}</p><p>{'&#x301;' * 200_000}</p>", media_type="text/html")
    yield _named("400,000 keys", SUBMITTED, _keys(400_000), None, Reason.UNKNOWN_FIELD, Reason.SCHEMA, Reason.TOO_LARGE)
    yield _named("deep JSON", SUBMITTED, hostile.DEEP, None, Reason.NOT_JSON, Reason.SCHEMA)
    yield _named("deep objects", SUBMITTED, hostile.DEEP_OBJECT, None, Reason.NOT_JSON, Reason.SCHEMA, Reason.TOO_LARGE)


def _bomb(name: str, *reasons: str, **fields: object) -> Attack:
    return _named(name, SUBMITTED, submission(**fields), None, *_WAYS, *reasons)


def _attributes(number: int) -> str:
    return " ".join(f"a{n:x}=1" for n in range(number))


def _keys(number: int) -> bytes:
    return b'{"source": "hostile", "body": "x", %b}' % b",".join(b'"%x":1' % n for n in range(number))


# --- foreign bytes ---


def foreign() -> Iterator[Attack]:
    """Yield bytes that nobody of ours wrote, in subjects, letters and buckets."""
    for publication in (*hostile.buckets(), *hostile.letters()):
        yield Attack(publication, frozenset())
    for prefix in (b"news.v1.raw", b"news.v1.extracted.en", b"news.v1.withdrawn"):
        for name, subject in hostile.subjects(prefix).items():
            yield _named(f"{prefix.decode()} at {name}", subject, b"{}", None, REFUSED, Reason.SCHEMA)
    for name, subject in hostile.subjects(b"news.v1.stored.en").items():
        yield Attack(Publication(f"stored at {name}", subject, b"{}"), frozenset())
    for name, lines in hostile.header_blocks().items():
        for subject in (b"news.v1.raw.hostile", b"news.v1.extracted.en.hostile", b"news.v1.withdrawn.hostile"):
            what = f"{subject.decode()} with headers {name}"
            yield _named(what, subject, b"{}", lines, REFUSED, Reason.SCHEMA, *_of_headers(name))


# --- message ids that somebody else has used ---


def taken_ids(articles: Iterable[bytes], first: int) -> Iterator[Attack]:
    """Yield a message under each id that our services will give these submissions, which come to places from ``first``.

    An id is made of what anyone can know or guess: of the guid, and of how many submissions there were.
    """
    for place, data in enumerate(articles, first):
        article = ArticleSubmitted.model_validate_json(data)
        version = f"{article_id(article)}:{place}"
        for event, subject in _EVENTS.items():
            lines = block(f"Nats-Msg-Id: {event}:{version}".encode())
            yield _named(f"{event}:{version}", subject, b"{}", lines, *([] if event == "stored" else [Reason.SCHEMA]))


# --- one source that floods ---


def flood(number: int) -> Iterator[Attack]:
    """Yield articles of one source, good ones but too many."""
    for _ in range(number):
        article = submission(source="flood")
        yield _named(f"flood {json.loads(article)['guid']}", SUBMITTED, article, None, STORED, Reason.OVER_QUOTA)
