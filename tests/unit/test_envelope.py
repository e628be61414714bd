"""The headers say what a message is, and let the broker drop our own repeats and nothing else."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.decoding import decode
from shared.envelope import headers, passed_on
from shared.messages import ArticleIngested
from tests.factories import NOON, a_raw_article, a_submission

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)


def test_an_event_carries_what_a_cloudevents_reader_needs() -> None:
    made = headers(a_raw_article(id="a" * 32, version=7), service="ingest", now=NOON)
    assert made["ce-specversion"] == "1.0"
    assert made["ce-type"] == "news.v1.raw"
    assert made["ce-source"] == "/wireroom/ingest"
    assert made["ce-time"] == "2026-03-01T12:00:00+00:00"
    assert made["ce-id"] == made["Nats-Msg-Id"] == f"raw:{'a' * 32}:7"
    assert made["content-type"] == "application/json"


def test_a_correction_that_is_taken_back_is_not_dropped_as_a_repeat() -> None:
    first, third = (a_raw_article(id="a" * 32, content_hash="b" * 64, version=version) for version in (1, 3))
    ids = {headers(article, service="ingest", now=NOON)["Nats-Msg-Id"] for article in (first, third)}
    assert len(ids) == 2


def test_the_trace_goes_on_and_a_new_one_starts_where_there_is_none() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert headers(a_raw_article(), service="ingest", now=NOON, trace=trace)["traceparent"] == trace
    version, trace_id, span_id, flags = headers(a_raw_article(), service="x", now=NOON)["traceparent"].split("-")
    assert (version, len(trace_id), len(span_id), flags) == ("00", 32, 16, "01")


def test_two_submissions_without_identity_are_two_events() -> None:
    ids = {headers(a_submission(), service="publish", now=NOON)["ce-id"] for _ in range(2)}
    assert len(ids) == 2


def test_the_brokers_own_headers_do_not_travel_on() -> None:
    given = {"traceparent": "t", "Nats-Msg-Id": "m", "nats-expected-stream": "RAW", "x-publisher": "p"}
    assert passed_on(given) == {"traceparent": "t", "x-publisher": "p"}
    assert passed_on(None) == {}


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: name not in ArticleIngested.model_fields), JSON))
def test_fields_of_a_newer_release_harm_no_reader_of_an_event(unknown: dict[str, Any]) -> None:
    article = a_raw_article()
    newer = json.dumps(unknown | json.loads(article.model_dump_json())).encode()
    assert decode(newer, ArticleIngested, headers(article, service="ingest", now=NOON)) == article


@given(st.dictionaries(st.sampled_from(["Nats-Msg-Id", "nats-anything", "ce-id", "x-publisher"]), st.text()))
def test_what_travels_on_travels_on_unchanged_however_often(given_headers: dict[str, str]) -> None:
    once = passed_on(given_headers)
    assert passed_on(once) == once == {k: v for k, v in given_headers.items() if k in {"ce-id", "x-publisher"}}
