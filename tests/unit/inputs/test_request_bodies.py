"""Bodies of HTTP requests: any bytes of any media type are submissions, or refused with a reason."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.http.request_body import MEDIA_TYPES, Item, items_of
from services.ingest.readers import ninjs
from services.ingest.submission_gate import checked
from shared.errors import Reason, Rejected
from shared.http.problem_details import Problem

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ARTICLE = {"source": "gazette", "body": "The lock reopened on Monday.", "url": "https://gazette.example/lock"}
EVENT = {"specversion": "1.0", "id": "1", "source": "/cms", "type": "article", "data": ARTICLE}
NINJS = {"uri": "urn:a", "headlines": [{"role": "main", "value": "Lock"}], "bodies": [{"value": "It reopened."}]}
NITF = (
    b'<nitf><head><docdata><doc-id id-string="a"/></docdata></head>'
    b"<body><body.content><p>a</p></body.content></body></nitf>"
)
SEEDS: dict[str, bytes] = {
    "application/json": json.dumps([ARTICLE, NINJS]).encode(),
    "application/cloudevents+json": json.dumps(EVENT).encode(),
    "application/cloudevents-batch+json": json.dumps([EVENT]).encode(),
    "application/ninjs+json": json.dumps(NINJS).encode(),
}
NAMES = st.sampled_from(
    [*NINJS, "pubstatus", "embargoed", "body_text", "body_html", "keywords", "subject", "type", "by"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "value", "name"]), inner),
    max_leaves=10,
)


def read(body: bytes, kind: str, headers: Mapping[str, str] = {}) -> list[Item]:
    """Return the submissions of a body; each can be checked or is refused."""
    try:
        found = items_of(body, kind, headers, {"source": "gazette"})
    except Problem as problem:
        if problem.status not in {413, 415, 422}:
            raise
        return []
    for item in found:
        if item.refusal is None:
            with suppress(Rejected):
                checked(item.data, "gazette")
    return found


@given(st.sampled_from(MEDIA_TYPES), st.data())
def test_any_bytes_are_submissions_or_refused(kind: str, data: st.DataObject) -> None:
    seed = SEEDS.get(kind, NITF if "xml" in kind else json.dumps(ARTICLE).encode())
    at, end = sorted((data.draw(st.integers(0, len(seed))), data.draw(st.integers(0, len(seed)))))
    body = seed[:at] + data.draw(st.binary(max_size=60)) + seed[end:]
    read(body, kind)
    read(body, kind, {"ce-specversion": "1.0", "ce-id": data.draw(st.text(max_size=5))})


@given(st.text(st.characters(max_codepoint=255), max_size=40), st.binary(max_size=100))
@example("undefined", b"x")
@example("idna", b"\xff")
@example('utf-16"', b"x")
def test_any_charset_is_read_or_refused(charset: str, body: bytes) -> None:
    [item] = read(body, f"text/plain; charset={charset}")
    assert item.refusal is None or item.refusal.reason in {Reason.UNSUPPORTED_MEDIA_TYPE, Reason.NOT_UTF8}


@given(st.dictionaries(NAMES, VALUES))
def test_any_values_are_ninjs_or_refused(item: dict[str, Any]) -> None:
    with suppress(Rejected):
        ninjs.news_item_of({"uri": "urn:a"} | item, NOW)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"[" + b"{}," * 2_000_000 + b"1]"),
        ("application/cloudevents-batch+json", b"[" + b'"",' * 400_000 + b"1]"),
        ("application/ninjs+json", b'{"uri": ' + b"[" * 5_000),
        ("application/x-ndjson", b"\n" * 200_000),
    ],
)
def test_what_takes_more_memory_than_it_has_bytes_is_refused_before_it_is_parsed(kind: str, body: bytes) -> None:
    with pytest.raises(Problem):
        items_of(body, kind, {}, {})
