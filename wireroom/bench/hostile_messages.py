"""Hostile messages without end, from a seed: what anyone who may publish can send, of every shape we could think of.

Bytes, fields, headers and subjects are drawn apart from each other, so that each meets each. None names an article
that somebody else published: what they could do with that is a matter of who may publish where.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from shared.topology import buckets
from wireroom.bench.raw_nats import Publication, block

Subject = Callable[[Random], bytes]
Body = Callable[[Random, dict[str, Any]], bytes]

SOURCE = "hostile"  # so that quotas of sources meet only these
_HEX = "0123456789abcdef"
_SMALL, _LARGE = 20_000, 1_000_000  # bytes of a bomb
_BOMBS = (
    *(
        "e\u0301\u0327",
        "\u0301",
        "'",
        "\u2019",
        "a'b",
        "a\u0301-",
        "(",
        "[[",
        '"',
        "&amp;",
        "&#x301;",
        "<b>",
        "<p ",
        "<!--",
    ),
    *(
        '<p a="1" ',
        'a="1" ',
        "<br>\n",
        "http://a.b/",
        "a@",
        "A.",
        "Dr. ",
        "1,",
        "- ",
        "\n",
        " \n \n",
        "\u200b",
        "\ufdfa",
    ),
    *("\u202e", "\U0001f468\u200d", "\U000e0041", "\u0130", "\u3000", "x", "Marta Bellamy, ", "A B ", "\x1b[2J"),
)
_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**31, 2**63, 2**70, 1e308, "", " ", "\0", "\ud800", [], {}, [[]], {"$gt": ""}, [None] * 50),
    *(
        "a" * 5000,
        "9" * 5000,
        "../../etc",
        "news.v1.>",
        "*",
        "\x1b]52;c;ZXZpbA==\x07",
        "\u202e",
        "http://[",
        "//",
        "a b",
    ),
)
_NAMES = (
    *(b"x/y", b"x y", b"", b" ", b"\xff\xfe", "n\u00e4me".encode(), b"x\x00", b"\x1b[31m", b"Status", b"Description"),
    *(b"ce-id", b"ce-type", b"ce-time", b"ce-dataschema", b"traceparent", b"content-type", b"wireroom-replay"),
    *(b"wireroom-replayed-from", b"wireroom-stream", b"wireroom-reason", b"wireroom-cut", b"KV-Operation"),
    *(b"Nats-Msg-Id", b"Nats-Expected-Stream", b"Nats-Expected-Last-Sequence", b"Nats-Rollup", b"Nats-TTL"),
    *(b"Nats-Marker-Reason", b"Nats-Schedule", b"Nats-Schedule-Target", b"Nats-Batch-Id", b"Nats-Batch-Sequence"),
    *(b"Nats-Batch-Commit", b"Nats-Incr", b"Nats-Pending-Messages", b"Nats-Last-Consumer", b"Nats-Msg-Size"),
)
_VALUES = (
    *(b"", b"1", b"503", b"100", b"408", b"-1", b"all", b"sub", b"x" * 9000, b"9" * 5000, b"\xff\xfe", b"\x1b]0;x\x07"),
    *(
        b"raw:0:1",
        b"raw::\xb2",
        b"news.v2.submitted",
        b"DEL",
        b"PURGE",
        b"INBOX",
        b"@every 1s",
        "\u202e\u0663".encode(),
    ),
)
_FIRST_LINES = (
    b"NATS/1.0 503",
    b"NATS/1.0 100 Idle Heartbeat",
    b"NATS/1.0 \xff\xfe",
    b"NATS/1.0 408 \xff",
    b"nats",
    b"N",
)
_TOKENS = (
    *(b"hostile", b"en", b"\xff\xfe", b"caf\xe9", b"\x1b[2J", "\u202e\u2028".encode(), b"a\x0bb", b"\x00", b"a.b.c"),
    *(b"a" * 900, b"[bold]", b"9" * 900, b"'", b"$where", b"-", b"0" * 32),
)


def _one_in(chance: Random, number: int) -> bool:
    return chance.randrange(number) == 0


def _text(chance: Random) -> str:
    most = _LARGE if _one_in(chance, 10) else _SMALL
    unit = "".join(chance.choices(_BOMBS, k=chance.choice((1, 1, 1, 2, 5))))
    return unit * (chance.randint(1, most) // len(unit.encode("utf-8", "surrogatepass")) + 1)


def _nothing(_chance: Random, _fields: dict[str, Any]) -> bytes:
    return b""


def _noise(chance: Random, _fields: dict[str, Any]) -> bytes:
    return chance.randbytes(chance.randint(1, 2000))


def _flipped(chance: Random, fields: dict[str, Any]) -> bytes:
    data = bytearray(json.dumps(fields).encode())
    for _ in range(chance.randint(1, 5)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _cut(chance: Random, fields: dict[str, Any]) -> bytes:
    data = json.dumps(fields).encode()
    return data[: chance.randrange(len(data))]


def _odd_fields(chance: Random, fields: dict[str, Any]) -> bytes:
    for name in chance.sample(sorted(fields), chance.randint(1, 3)):
        fields[name] = chance.choice(_ODD)
    return json.dumps(fields).encode()


def _missing_fields(chance: Random, fields: dict[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in fields.items() if _one_in(chance, 2)}).encode()


def _bomb(chance: Random, fields: dict[str, Any]) -> bytes:
    texts = [name for name, value in fields.items() if isinstance(value, str)]
    fields[chance.choice([*texts, *["body"] * 3])] = _text(chance)
    return json.dumps(fields, ensure_ascii=_one_in(chance, 2)).encode("utf-8", "surrogatepass")


def _deep(chance: Random, _fields: dict[str, Any]) -> bytes:
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'{"body":[', b"]}")))
    depth = chance.choice((100, 1000, 100_000))
    return opening * depth + chance.choice((b"1", b"")) + closing * depth


def _keys(chance: Random, fields: dict[str, Any]) -> bytes:
    return json.dumps(fields | {f"k{n}": n for n in range(chance.choice((100, 10_000, 50_000)))}).encode()


_BODIES: tuple[Body, ...] = (
    *(_nothing, _noise, _flipped, _cut, _odd_fields, _odd_fields, _missing_fields, _bomb, _bomb, _deep, _keys),
)


def _submission(chance: Random) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "body": _text(chance) if _one_in(chance, 5) else "The lock opened on Monday, the mayor said.",
        "media_type": chance.choice(("text/plain", "text/html")),
        "guid": f"hostile-{chance.getrandbits(64)}",
        "url": "https://hostile.example/1",
        "title": "The lock",
        "language": chance.choice(("en", "de", "und")),
        "tags": ["canal"],
        "published_at": "2026-03-01T12:00:00Z",
    }


def _identity(chance: Random) -> dict[str, Any]:
    return {
        "id": "".join(chance.choices(_HEX, k=32)),
        "version": chance.randint(1_000_000, 2**40),  # no place of INBOX, or it would tell of somebody's submission
        "content_hash": "0" * 64,
        "source": SOURCE,
        "received_at": "2026-03-01T12:00:00Z",
    }


def _extracted(chance: Random) -> dict[str, Any]:
    made = {"paragraphs": [_text(chance)], "pipeline": {"wireroom": "0", "rules": "0"}, "language": "en"}
    return _submission(chance) | _identity(chance) | made | {"entities": [], "removed": [], "captions": []}


def _raw(chance: Random) -> dict[str, Any]:
    return _submission(chance) | _identity(chance)


def _withdrawn(chance: Random) -> dict[str, Any]:
    return _identity(chance) | {"reason": "hostile"}


def _value(chance: Random) -> dict[str, Any]:
    return {"id": "0" * 32, "source": SOURCE, "reason": "hostile", "at": "2026", "fate": "open", "n": chance.random()}


def _below(prefix: bytes, tokens: int) -> Subject:
    def subject(chance: Random) -> bytes:
        own = [b"en", b"hostile"][-tokens:]
        found = chance.choices(_TOKENS, k=tokens) if _one_in(chance, 3) else own
        return b".".join((prefix, *found))

    return subject


def _bucket(chance: Random) -> bytes:
    name = chance.choice(buckets()).bucket
    key = chance.choice((*_TOKENS, b"%d" % chance.randint(10**6, 10**9), chance.randbytes(8).hex().encode() * 2))
    return b".".join((b"$KV", name.encode(), key))


TARGETS: dict[str, tuple[Subject, Callable[[Random], dict[str, Any]]]] = {
    "submission": (lambda _: b"news.v1.submitted", _submission),
    "raw": (_below(b"news.v1.raw", 1), _raw),
    "extracted": (_below(b"news.v1.extracted", 2), _extracted),
    "withdrawn": (_below(b"news.v1.withdrawn", 1), _withdrawn),
    "stored": (_below(b"news.v1.stored", 2), _extracted),
    "letter": (_below(b"news.dead", 2), _submission),
    "bucket": (_bucket, _value),
}
_BUCKET_VALUE = 2000  # bytes: a bucket has 16 MB and more, and who fills it keeps others out


def _header_block(chance: Random) -> bytes | None:
    if _one_in(chance, 2):
        return None
    if _one_in(chance, 5):
        return chance.choice(_FIRST_LINES) + chance.choice((b"\r\n\r\n", b"\r\n", b"", b"\r\nx: y\r\n\r\n"))
    names = chance.choices(_NAMES, k=chance.choice((1, 1, 2, 4)))
    if _one_in(chance, 20):
        names += [b"x-%d" % n for n in range(chance.choice((500, 5000)))]
    return block(*(name + b": " + chance.choice(_VALUES) for name in names))


def hostile(chance: Random, target: str | None = None) -> Publication:
    """Return the next one; ``target`` is one of TARGETS, None any: half of them submissions."""
    kind = target or ("submission" if _one_in(chance, 2) else chance.choice(list(TARGETS)))
    subject, valid = TARGETS[kind]
    data = chance.choice(_BODIES)(chance, valid(chance))
    if kind == "bucket":
        data = data[:_BUCKET_VALUE]
    return Publication(kind, subject(chance), data, _header_block(chance))
