"""What a broken or hostile publisher can put onto a broker, as data, and a publisher that sends any bytes.

Each publication has a name, so that a test which fails says which one did it. Nothing here needs more than the right to
publish.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence

from nats.aio.client import Client

from shared.topology import BOILERPLATE, DEAD_LETTER_STATUS, FEEDS, SEARCHES, SUSPECTS, WITHDRAWN
from wireroom.bench.raw_nats import Publication, RawConnection, Refused, connected

TERMINAL = (  # clipboard, window title, clear screen, colour, 8-bit CSI, overwriting, markup of rich
    "\x1b]52;c;ZXZpbA==\x07\x1b]0;owned\x07\x1b[2J\x1b[31m\x1b]8;;http://evil.example\x1b\\x\x9b31m\x9d0;owned\x9c"
    "\r\x0b\x0c\b\x7f\x00[bold red]marked[/] [/]:100: "
)
DECEIVING = (  # next line, separators, directions, zero width, tags, blank letters, byte order mark
    "\x85\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u2060\u00ad\ufeff"
    "\U000e0041\U000e007f\ufff9\u180e"
)
FORGED = '\n12:00:00 ERROR   shared.runtime.service  forged\n{"level": "CRITICAL", "message": "forged"}'
TEXT = f"hostile {TERMINAL}{DECEIVING}{FORGED}"
DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECT = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
LONG_NUMBER = "9" * 5000  # Python refuses to read more than 4300 digits
ARTICLE_ID = "0123456789abcdef0123456789abcdef"


def block(headers: Mapping[str, str] | Sequence[tuple[bytes, bytes]], first: bytes = b"NATS/1.0") -> bytes:
    """Return a block of headers; values may hold anything but a line break."""
    pairs = (
        [(name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in headers.items()]
        if isinstance(headers, Mapping)
        else headers
    )
    lines = b"".join(name + b": " + value.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" for name, value in pairs)
    return first + b"\r\n" + lines + b"\r\n"


def bodies() -> dict[str, bytes]:
    """Return what stands where a message of ours should."""
    fields = {"id": ARTICLE_ID, "version": 1, "source": "tide-times", "body": "High water is at noon."}
    return {
        "nothing": b"",
        "white space": b" \r\n\t",
        "not utf-8": b"\xff\xfe\x80",
        "no json": b"no json",
        "terminal": TEXT.encode(),
        "terminal in json": json.dumps({"source": TEXT, "body": TEXT, "id": TEXT, "title": TEXT, TEXT: TEXT}).encode(),
        "deep list": DEEP,
        "deep object": DEEP_OBJECT,
        "lone surrogate": b'{"source": "tide-times", "body": "\\ud800", "title": "\\udfff", "id": "\\udc80"}',
        "long number": f'{{"source": "tide-times", "body": "x", "version": {LONG_NUMBER}}}'.encode(),
        "beyond 64 bits": json.dumps(fields | {"version": 2**64, "received_at": 2**80}).encode(),
        "infinite": b'{"version": NaN, "id": Infinity, "source": 1e999}',
        "negative": json.dumps(fields | {"version": -1}).encode(),
        "id is a number": json.dumps(fields | {"id": 7}).encode(),
        "id is a list": json.dumps(fields | {"id": [ARTICLE_ID], "source": {"$gt": ""}, "title": {"a": 1}}).encode(),
        "id is null": json.dumps(dict.fromkeys(fields)).encode(),
        "list": b"[1, 2]",
        "string": b'"text"',
        "number": b"7",
        "null": b"null",
        "byte order mark": b"\xef\xbb\xbf{}",
        "utf-16": '{"source": "tide-times"}'.encode("utf-16"),
        "fields of another type": json.dumps(
            {"id": ARTICLE_ID, "source": "tide-times", "title": 3, "language": 4, "paragraphs": {"a": 1}, "reason": []}
            | {"entities": [1, {"name": None}, {"name": 5, "aliases": 7, "label": []}], "outcome": {}, "version": "x"}
        ).encode(),
        "outcome unknown": json.dumps(fields | {"outcome": TEXT, "language": "en"}).encode(),
        "megabyte": b"x" * 1_000_000,
    }


def header_blocks() -> dict[str, bytes]:
    """Return blocks of headers as no client of NATS writes them, and as some can that mean harm."""
    ids = {f"ce-id {name}": {"ce-id": value} for name, value in hostile_ids().items()}
    named = {
        "terminal": {"ce-id": TEXT, "ce-time": TEXT, "ce-type": TEXT, "content-type": TEXT, "traceparent": TEXT},
        "no time": {"ce-id": f"raw:{ARTICLE_ID}:7"},
        "time is none": {"ce-id": f"raw:{ARTICLE_ID}:7", "ce-time": TEXT},
        "time without zone": {"ce-id": f"raw:{ARTICLE_ID}:7", "ce-time": "2026-03-01T12:00:00"},
        "replay": {"wireroom-replay": TEXT, "wireroom-replayed-from": LONG_NUMBER},
        "replayed from": {"wireroom-replayed-from": "1"},
        "sizes": {"Nats-Msg-Size": "x", "Nats-Pending-Messages": "x", "Nats-Sequence": "x", "Nats-Subject": TEXT},
        "idle heartbeat": {"Status": "100", "Description": "Idle Heartbeat", "Nats-Consumer-Stalled": "stolen.ack"},
        "flow control": {"Status": "100", "Description": "FlowControl Request"},
        "timed out": {"Status": "408", "Description": "Request Timeout"},
        "not found": {"Status": "404", "Description": "Message Not Found"},
        "status is none": {"Status": "x"},
        "no responders": {"Status": "503"},
        "60 kB": {"x-long": "x" * 60_000},  # JetStream refuses 64
        "many": {f"x-{number}": "x" for number in range(5000)},
    }
    return {name: block(headers) for name, headers in (named | ids).items()} | {
        "one byte": b"x",  # ends nats-server 2.15.1 when a consumer with headers_only meets it
        "a line break": b"\r\n",
        "no version": b"abcd",
        "nothing but the version": b"NATS/1.0",
        "version and space": b"NATS/1.0 ",
        "no end": b"NATS/1.0\r\n",
        "inline status": b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
        "inline time-out": b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: x\r\n\r\n",
        "inline not utf-8": b"NATS/1.0 \xff\xfe\xff\r\n\r\n",
        "inline description not utf-8": b"NATS/1.0 100 \xff\xfe\r\nx: y\r\n\r\n",
        "value not utf-8": block([(b"ce-id", b"raw:\xff\xfe:1"), (b"x-latin", b"caf\xe9")]),
        "value not ascii": block({"x-greek": "αβγ", "ce-id": "raw:αβγ:٣"}),
        "name not ascii": block([("næme".encode(), b"x"), (b"\xff\xfe", b"x")]),
        "name with slash": block({"x/y": "1"}),
        "name with space": block({"x y": "1", " ": "2"}),
        "no colon": b"NATS/1.0\r\nno colon\r\n: no name\r\n\r\n",
        "twice": block([(b"ce-id", b"raw:a:1"), (b"ce-id", b"raw:b:2"), (b"CE-ID", b"raw:c:3")]),
        "bare line feeds": b"NATS/1.0\nce-id: a\n\n",
        "nul": b"NATS/1.0\r\nce-id: a\x00b\r\n\x00: x\r\n\r\n",
        "escape in a name": block({"\x1b[31mx": "1"}),
    }


def hostile_ids() -> dict[str, str]:
    """Return values of ``ce-id``, which anyone may set."""
    return {
        "nothing": "",
        "long number": f"raw:{ARTICLE_ID}:{LONG_NUMBER}",
        "beyond 64 bits": f"raw:{ARTICLE_ID}:{2**64}",
        "beyond the stream": f"raw:{ARTICLE_ID}:999999",
        "zero": f"raw:{ARTICLE_ID}:0",
        "negative": f"raw:{ARTICLE_ID}:-1",
        "arabic digits": f"raw:{ARTICLE_ID}:٣",
        "superscript": f"raw:{ARTICLE_ID}:²",
        "colons": ":::::",
    }


def subjects(prefix: bytes) -> dict[str, bytes]:
    """Return subjects below a prefix that no service publishes on; NATS forbids only blanks and empty tokens."""
    return {
        "not utf-8": prefix + b".\xff\xfe",
        "latin-1": prefix + b".caf\xe9",
        "escape": prefix + b".\x1b]0;owned\x07\x1b[2J",
        "c1": prefix + ".\x9b31m\x85".encode(),
        "bidi": prefix + ".\u202egnirts\u2066\u2028".encode(),
        "markup": prefix + b".[bold][/]",
        "vertical tab": prefix + b".a\x0bb",
        "form feed": prefix + b".a\x0c1",  # a client that splits at any white space takes the 1 for a subscription
        "nul": prefix + b".a\x00b",
        "surrogate": prefix + b".\xed\xa0\x80",
        "many tokens": prefix + b".a.b.c.d",
        "long": prefix + b"." + b"a" * 3000,
    }


def letters() -> list[Publication]:
    """Return dead letters that no service of ours wrote."""
    made = [Publication(f"letter at {name}", subject) for name, subject in subjects(b"news.dead.ingest").items()]
    made += [Publication(f"letter below {name}", subject) for name, subject in subjects(b"news.dead").items()]
    made += [
        Publication("letter without headers", b"news.dead.ingest.schema", b"hello"),
        Publication("letter of one token", b"news.dead.x", b"hello"),
        Publication("letter of a reason unknown", b"news.dead.stranger.because", b"hello"),
    ]
    made += [
        Publication(f"letter with headers {name}", b"news.dead.ingest.schema", b"", headers)
        for name, headers in header_blocks().items()
    ]
    made += [
        Publication(f"letter with body {name}", b"news.dead.extract.schema", data, block(facts("RAW", "7")))
        for name, data in bodies().items()
    ]
    return made + [
        Publication(f"letter from {name}", b"news.dead.ingest.schema", b"{}", block(headers))
        for name, headers in _origins().items()
    ]


def facts(stream: str, sequence: str, subject: str = "news.v1.raw.tide-times") -> dict[str, str]:
    """Return the headers of a dead letter as a service of ours writes them."""
    noted = {
        "service": "extract",
        "reason": "schema",
        "detail": "title: too long",
        "subject": subject,
        "stream": stream,
        "sequence": sequence,
        "attempts": "1",
        "at": "2026-03-01T12:00:00+00:00",
    }
    return {f"wireroom-{name}": value for name, value in noted.items()}


def _origins() -> dict[str, dict[str, str]]:
    return {
        "an api of the broker": facts("RAW", "7", "$JS.API.STREAM.PURGE.RAW"),
        "a bucket": facts(f"KV_{WITHDRAWN}", "7", f"$KV.{WITHDRAWN}.{ARTICLE_ID}"),
        "another stream": facts("NO_SUCH", "7", "news.v1.raw.tide-times"),
        "a stream whose name is none": facts("../x y", "7", "news.v1.raw.tide-times"),
        "a subject with blanks": facts("RAW", "7", "news.v1.raw.a b"),
        "a subject with wildcards": facts("RAW", "7", "news.v1.raw.>"),
        "a place that is none": facts("INBOX", "x", "news.v1.submitted"),
        "a place too long": facts("INBOX", LONG_NUMBER, "news.v1.submitted"),
        "a place beyond 64 bits": facts("INBOX", str(2**64), "news.v1.submitted"),
        "a place of arabic digits": facts("INBOX", "٣", "news.v1.submitted"),
        "a place that is superscript": facts("INBOX", "²", "news.v1.submitted"),
        "a place that is huge": facts("INBOX", str(2**62), "news.v1.submitted"),
        "places too long": facts("INBOX", "7") | {"wireroom-places": f"1-{LONG_NUMBER},{LONG_NUMBER},٣-²"},
        "a cut of a stream that is none": facts("../x y", "x") | {"wireroom-cut": "x", "wireroom-sha256": TEXT},
        "terminals": {name: f"{value} {TEXT}" for name, value in facts("RAW", "7").items()},
    }


def buckets() -> list[Publication]:
    """Return values of the buckets that no release of ours wrote, at the keys of ours and at others."""
    keys = {
        WITHDRAWN: ARTICLE_ID.encode(),
        DEAD_LETTER_STATUS: b"1",
        SUSPECTS: b"INBOX.ingest.1",
        BOILERPLATE: b"tide-times",
        FEEDS: b"3f9a0c5d1b22",
        SEARCHES: b"harbour",
    }
    made = [Publication(f"bucket {name}", key.encode(), value) for name, (key, value) in _well_formed().items()]
    made += [
        Publication(f"bucket {bucket}, an operation that is none", f"$KV.{bucket}.3000".encode(), b"", operation)
        for bucket in keys
        for operation in [block({"KV-Operation": TEXT})]
    ]
    for bucket, key in keys.items():
        prefix = f"$KV.{bucket}".encode()
        places = subjects(prefix) | {"a number too long": prefix + b"." + LONG_NUMBER[:3900].encode()}
        made += [Publication(f"bucket {bucket} at {name}", subject, b"{}") for name, subject in places.items()]
        made += [
            Publication(f"bucket {bucket} with headers {name}", prefix + f".{2000 + number}".encode(), b"", headers)
            for number, (name, headers) in enumerate(header_blocks().items())
        ]
        made += [
            Publication(f"bucket {bucket} with {name}", prefix + f".{1000 + number}".encode(), data)
            for number, (name, data) in enumerate(bodies().items())
        ]
        made.append(
            Publication(f"bucket {bucket} with a bad value at a key of ours", prefix + b"." + key, b"\xff\x1b[2J")
        )
    return made


def _well_formed() -> dict[str, tuple[str, bytes]]:
    """Return values that have the form of ours, and hold what ours never do."""
    other = ARTICLE_ID[::-1]
    tombstone = {"id": ARTICLE_ID, "source": "tide-times", "reason": TEXT, "at": "2026-03-01T12:00:00Z"}
    mark = {"fate": "dropped", "service": TEXT, "reason": TEXT, "place": 2**80, "at": "2026-03-01T12:00:00Z"}
    line = {"text": TEXT, "sentence": False, "edge": 1e308, "inside": 1e308, "before": -1e308, "decision": "approved"}
    table = {"v": 1, "articles": 1e308, "at": "9999-12-31T23:59:59Z", "lines": {TEXT: line}}
    values: dict[str, tuple[str, object]] = {
        "tombstone at another key": (f"{WITHDRAWN}.{other}", tombstone),
        "tombstone below its key": (f"{WITHDRAWN}.x.y.{ARTICLE_ID[:-1]}0", tombstone | {"id": ARTICLE_ID[:-1] + "0"}),
        "tombstone with a hostile reason": (
            f"{WITHDRAWN}.{ARTICLE_ID[:-1]}1",
            tombstone | {"id": ARTICLE_ID[:-1] + "1"},
        ),
        "mark with a hostile service": (f"{DEAD_LETTER_STATUS}.500001", mark),
        "mark of a number below zero": (f"{DEAD_LETTER_STATUS}.-1", mark),
        "mark of a number beyond 64 bits": (f"{DEAD_LETTER_STATUS}.{2**64}", mark),
        "mark of arabic digits": (f"{DEAD_LETTER_STATUS}.٣", mark),
        "mark of a fate unknown": (f"{DEAD_LETTER_STATUS}.500002", mark | {"fate": "eaten"}),
        "mark replayed in the year 1": (
            f"{DEAD_LETTER_STATUS}.500003",
            mark | {"fate": "replayed", "at": "0001-01-01T00:00:00Z"},
        ),
        "table of a hostile line": (f"{BOILERPLATE}.north-wire", table),
        "table of another version": (f"{BOILERPLATE}.south-wire", table | {"v": 2}),
        "table at no source": (f"{BOILERPLATE}.North_Wire", table),
        "table at many tokens": (f"{BOILERPLATE}.a.b.east-wire", table),
        "table not finite": (f"{BOILERPLATE}.west-wire", table | {"articles": float("inf")}),
        "count that is long": (f"{SUSPECTS}.INBOX.ingest.900001", int(LONG_NUMBER[:4000])),
        "count below zero": (f"{SUSPECTS}.INBOX.ingest.900002", -5),
        "count not whole": (f"{SUSPECTS}.INBOX.ingest.900003", 1.5),
    }
    return {name: (f"$KV.{key}", json.dumps(value).encode()) for name, (key, value) in values.items()}


def submissions() -> list[Publication]:
    """Return what INBOX takes and ingest must set aside."""
    return _messages("submission", b"news.v1.submitted")


def raw_articles() -> list[Publication]:
    """Return what RAW takes and extract must set aside, the subjects included."""
    return _messages("raw article", b"news.v1.raw.tide-times") + [
        Publication(f"raw article at {name}", subject, b"{}") for name, subject in subjects(b"news.v1.raw").items()
    ]


def news() -> list[Publication]:
    """Return what NEWS takes: articles and withdrawals, which store must set aside, and announcements."""
    made = []
    for event in ("extracted.en", "stored.en", "withdrawn"):
        prefix = f"news.v1.{event}".encode()
        made += _messages(event, prefix + b".tide-times")
        made += [Publication(f"{event} at {name}", subject, b"{}") for name, subject in subjects(prefix).items()]
    return made


def _messages(what: str, subject: bytes) -> list[Publication]:
    return (
        [Publication(f"{what} with {name}", subject, data) for name, data in bodies().items()]
        + [
            Publication(f"{what} with headers {name}", subject, b"{}", headers)
            for name, headers in header_blocks().items()
        ]
        + [
            Publication(f"{what}, empty, with headers {name}", subject, b"", headers)
            for name, headers in header_blocks().items()
            if "status" in name or "heartbeat" in name or "flow" in name or "time" in name
        ]
    )


def everything() -> list[Publication]:
    """Return all of them, the buckets first: services read those when they start."""
    return [*buckets(), *letters(), *submissions(), *raw_articles(), *news()]


async def put(target: Client | str, publications: Iterable[Publication]) -> dict[str, int | str]:
    """Publish in this order; returns by name the sequence in its stream, or why the broker refused it."""
    url = target if isinstance(target, str) else target.connected_url.geturl()  # type: ignore[union-attr]
    async with connected(url) as connection:
        wanted = list(publications)
        found = await asyncio.gather(*(_put(connection, publication) for publication in wanted))
    return {publication.name: answer for publication, answer in zip(wanted, found, strict=True)}


async def _put(connection: RawConnection, publication: Publication) -> int | str:
    try:
        return (await connection.publish(publication)).sequence
    except Refused as refusal:
        return str(refusal)
