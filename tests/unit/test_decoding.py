"""Bytes become a message or a reason, never an error of ours."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, ArticleSubmitted
from tests.factories import a_submission


def test_a_submission_is_read() -> None:
    submission = a_submission(title="New lock", language="en-GB", tags=("canals",))
    assert decode(submission.model_dump_json().encode(), ArticleSubmitted) == submission


@pytest.mark.parametrize(
    ("data", "reason", "named"),
    [
        (b"", Reason.EMPTY_BODY, "no body"),
        (b" \n ", Reason.EMPTY_BODY, "no body"),
        (b"\xff\xfe{}", Reason.NOT_UTF8, "byte 0"),
        (b"hello", Reason.NOT_JSON, "line 1"),
        (b'{"source": "a", "body": "x"', Reason.NOT_JSON, "EOF"),
        (b"[]", Reason.SCHEMA, "message"),
        (b'{"source": "harbour-gazette"}', Reason.SCHEMA, "body"),
        (b'{"source": "Harbour Gazette", "body": "x"}', Reason.SCHEMA, "source"),
        (b'{"source": "a", "body": 3}', Reason.SCHEMA, "body"),
        (b'{"source": "a", "body": ""}', Reason.EMPTY_BODY, "body is empty"),
        (b'{"source": "a", "body": " \\n\\t "}', Reason.EMPTY_BODY, "body is empty"),
        (b'{"source": "a", "body": "x", "publishd_at": 1}', Reason.UNKNOWN_FIELD, "did you mean published_at?"),
        (b'{"source": "a", "body": "x", "colour": 1}', Reason.UNKNOWN_FIELD, "colour: Extra inputs are not permitted"),
        (b'{"source": "a", "body": "x", "published_at": "2026-03-01T09:00:00"}', Reason.SCHEMA, "published_at"),
        (b'{"source": "a", "body": "x", "media_type": "application/pdf"}', Reason.UNSUPPORTED_MEDIA_TYPE, "pdf"),
        (b'{"source": "a", "body": "\\ud800"}', Reason.NOT_JSON, ""),
        (b"[" * 100_000, Reason.NOT_JSON, ""),
    ],
)
def test_a_bad_message_has_the_reason_and_names_the_place(data: bytes, reason: Reason, named: str) -> None:
    with pytest.raises(Rejected) as refused:
        decode(data, ArticleSubmitted)
    assert refused.value.reason is reason, refused.value.detail
    assert named in refused.value.detail


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    decode(json.dumps({"source": "a", "body": "x" * MAX_BODY_BYTES}).encode(), ArticleSubmitted)
    with pytest.raises(Rejected, match=f"{MAX_BODY_BYTES + 1} bytes, at most {MAX_BODY_BYTES}") as refused:
        decode(json.dumps({"source": "a", "body": "x" * (MAX_BODY_BYTES + 1)}).encode(), ArticleSubmitted)
    assert refused.value.reason is Reason.TOO_LARGE


def test_the_limit_counts_bytes_and_not_characters() -> None:
    with pytest.raises(Rejected) as refused:
        decode(json.dumps({"source": "a", "body": "ü" * (MAX_BODY_BYTES // 2 + 1)}).encode(), ArticleSubmitted)
    assert refused.value.reason is Reason.TOO_LARGE


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from([*ArticleSubmitted.model_fields, "other"])


@given(st.binary(max_size=200) | st.dictionaries(_FIELDS, _JSON, max_size=6).map(lambda d: json.dumps(d).encode()))
def test_whatever_arrives_is_read_or_rejected(data: bytes) -> None:
    try:
        article = decode(data, ArticleSubmitted)
    except Rejected:
        return
    assert article.body.strip()
