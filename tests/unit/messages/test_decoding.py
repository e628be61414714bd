"""Bytes become a message or a reason, never an error of ours."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.decoding import decode, validated
from shared.errors import Reason, Rejected
from shared.messages import (
    MAX_BODY_BYTES,
    MESSAGES,
    ArticleExtracted,
    ArticleIngested,
    ArticleStored,
    ArticleSubmitted,
    Entity,
    Mention,
    Message,
)
from wireroom.testing.factories import a_submission, an_extracted_article


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


_LARGE = 4 * 1024 * 1024 - 300
_IDENTITY = (
    b'"id":"%s","version":1,"content_hash":"%s","source":"a","received_at":"2026-03-01T09:00:00Z"'
    b',"language":"en","pipeline":{"wireroom":"1","rules":"1"}'
) % (b"0" * 32, b"0" * 64)
_HOSTILE = {
    "400,000 unknown keys": b"{" + b",".join(b'"k%d":1' % number for number in range(400_000)) + b"}",
    "400,000 times one key": b'{"source":"a","body":"x",' + b",".join([b'"tags":[]'] * 400_000) + b"}",
    "two million numbers": b'{"source":"a","body":"x","tags":[' + b"1," * (_LARGE // 2) + b"1]}",
    "a million empty texts": b'{"source":"a","body":"x","tags":[' + b'"",' * (_LARGE // 3) + b'""]}',
    "a number of millions of digits": b'{"source":"a","body":"x","tags":[' + b"1" * _LARGE + b"]}",
    "an unknown key of megabytes": b'{"source":"a","body":"x","' + b"k" * _LARGE + b'":1}',
    "a media type of megabytes": b'{"source":"a","body":"x","media_type":"' + b"k" * _LARGE + b'"}',
    "a language of megabytes": b'{"source":"a","body":"x","language":"en' + b"-aa" * (_LARGE // 3) + b'"}',
    "nesting without end": b'{"a":' * (_LARGE // 5),
    "lists without end": b"[" * _LARGE,
    "white space": b'{"source":"a","body":"x"' + b" " * _LARGE + b"}",
    "escaped white space": b'{"source":"a","body":"' + b"\\n" * (_LARGE // 2) + b'"}',
    "escaped backslashes as keys": b'{"source":"a","body":"x",' + b'"\\\\":1,' * (_LARGE // 7) + b'"b":1}',
}


@pytest.mark.parametrize("data", _HOSTILE.values(), ids=_HOSTILE.keys())
@pytest.mark.parametrize("model", [ArticleSubmitted, ArticleExtracted])
def test_megabytes_made_to_be_slow_are_refused_soon_and_shortly(data: bytes, model: type[Message]) -> None:
    begun = time.thread_time()
    with pytest.raises(Rejected) as refused:
        decode(data, model)
    assert time.thread_time() - begun < 8, "tenths of a second at most; ten seconds and more without limits"
    assert len(refused.value.detail) < 1000


@pytest.mark.parametrize(
    "more",
    [
        b',"paragraphs":[' + b"1," * 700_000 + b"1]",
        b',"paragraphs":[],"entities":[' + b"1," * 700_000 + b"1]",
        b',"paragraphs":[],"entities":[{"name":"a","label":"ORG","count":1,"mentions":[' + b"{}," * 400_000 + b"{}]}]",
        b',"paragraphs":[],"pipeline":' + b'{"a":' * 150 + b"1" + b"}" * 150,
    ],
)
def test_an_extracted_article_that_is_wrong_in_very_many_places_is_refused_soon(more: bytes) -> None:
    begun = time.thread_time()
    with pytest.raises(Rejected):
        decode(b"{" + _IDENTITY + more + b"}", ArticleExtracted)
    assert time.thread_time() - begun < 5


def test_an_article_full_of_quotes_and_backslashes_is_taken() -> None:
    body = 'He said: "No\\" and {"a": [1, 2, "\\\\"]}, ' * 40_000
    assert decode(json.dumps({"source": "a", "body": body}).encode(), ArticleSubmitted).body == body


def test_a_large_text_that_is_no_json_is_not_called_too_large() -> None:
    for text in (b"<html>" + b'<p class="a">The lock</p>' * 10_000, b"The lock opened. " * 10_000, b"1" * 100_000):
        with pytest.raises(Rejected) as refused:
            decode(text, ArticleSubmitted)
        assert refused.value.reason in {Reason.NOT_JSON, Reason.SCHEMA}


@pytest.mark.parametrize(("entities", "mentions"), [(1, 1), (1, 700), (700, 1), (9, 300), (3, 700)])
def test_a_large_article_made_in_parts_is_what_it_is_in_one_piece(entities: int, mentions: int) -> None:
    found = tuple(Mention(start=at, end=at + 4, text="lock") for at in range(mentions))
    article = an_extracted_article(
        paragraphs=("The lock opened. " * 10_000, *["x"] * 600),
        entities=tuple(Entity(name=f"n{n}", label="ORG", count=mentions, mentions=found) for n in range(entities)),
    )
    data = article.model_dump_json().encode()
    for model in (ArticleExtracted, ArticleStored, ArticleIngested):
        try:
            expected: object = model.model_validate_json(data)
        except ValidationError:
            with pytest.raises(ValidationError):
                validated(data, model)
        else:
            assert validated(data, model) == expected


_ODD = st.sampled_from(
    (
        *(
            b"1" * 5000,
            b"1e999",
            b"-0",
            b"NaN",
            b"Infinity",
            b"[" * 5000,
            b'{"a":' * 500,
            b"null",
            b"true",
            b"[]",
            b"{}",
        ),
        *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b"\x00", b"\xed\xa0\x80", b'{"\\ud800":1}'),
        *(b'"9999999-01-01"', b'"x"'),
    )
)


@given(st.lists(st.tuples(st.sampled_from([*ArticleExtracted.model_fields, "other", "body"]), _ODD), max_size=5))
@pytest.mark.parametrize("model", MESSAGES)
def test_odd_values_of_any_field_are_read_or_rejected(model: type[Message], pairs: list[tuple[str, bytes]]) -> None:
    data = b"{" + _IDENTITY + b"".join(b',"%s":%s' % (name.encode(), value) for name, value in pairs) + b"}"
    with suppress(Rejected):
        decode(data, model)


def test_a_message_without_its_media_type_is_incomplete_and_not_of_an_unsupported_type() -> None:
    with pytest.raises(Rejected) as caught:
        decode(b"{}", ArticleIngested)
    assert caught.value.reason is Reason.SCHEMA
    assert "id: Field required" in caught.value.detail
