"""The headers say what a message is, and let the broker drop our own repeats and nothing else."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.broker.envelope import FOREIGN, FOREIGN_CUT, REPLAY, REPLAYED_FROM, accepted, foreign, headers
from shared.decoding import decode
from shared.messages import ArticleIngested
from wireroom.testing.factories import NOON, a_raw_article, a_submission

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


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ACCEPTED = {
    "traceparent": TRACE,
    "ce-id": "raw:7",
    "ce-type": "news.v1.submitted",
    "content-type": "application/json",
    REPLAY: "0a1b2c3d",
    REPLAYED_FROM: "12",
}
REFUSED = {
    "x/y": "a name that the protocol does not take",
    "x-publisher": "p",
    "traceparent": "t",
    "ce-id": "a\x1b]0;title\x07",
    "ce-\N{LATIN SMALL LETTER E WITH ACUTE}": "v",
    REPLAY: "a:b" * 100,
    REPLAYED_FROM: "-1",
    "wireroom-reason": "schema",
    "Nats-Msg-Id": "m",
    "nats-expected-stream": "RAW",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_headers_of_the_allow_list_pass_the_gate(name: str) -> None:
    assert accepted({name: ACCEPTED[name]}) == {name: ACCEPTED[name]}


@pytest.mark.parametrize("name", REFUSED)
def test_other_headers_do_not_pass_the_gate(name: str) -> None:
    assert accepted({name: REFUSED[name]}) == {}


def test_what_did_not_pass_is_kept_encoded_but_for_the_brokers_own() -> None:
    kept = foreign(ACCEPTED | {"x/y": "\ud800", "Nats-Msg-Id": "m"})
    assert json.loads(base64.b64decode(kept[FOREIGN])) == {"x/y": "\ud800"}
    assert FOREIGN_CUT not in kept
    assert foreign(ACCEPTED) == foreign({"Nats-Msg-Id": "m"}) == foreign(None) == {}


def test_the_gate_lets_8_kb_pass_in_all_and_a_dead_letter_keeps_16_kb_of_the_rest() -> None:
    many = {f"ce-a{number}": "v" * 1000 for number in range(1000)}
    assert sum(len(name) + len(value) for name, value in accepted(many).items()) <= 8 * 1024
    kept = foreign(many | {"long": "x" * 1_000_000})
    assert sum(map(len, kept.values())) < 24 * 1024
    told = json.loads(base64.b64decode(kept[FOREIGN]))
    assert len(told) + int(kept[FOREIGN_CUT]) == len(many) + 1 - len(accepted(many))


@given(st.dictionaries(st.text(), st.text()))
def test_whatever_comes_all_that_stays_with_a_letter_is_printable_ascii(given_headers: dict[str, str]) -> None:
    for name, value in (accepted(given_headers) | foreign(given_headers)).items():
        assert f"{name}{value}".isascii()
        assert f"{name}{value}".isprintable()


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: name not in ArticleIngested.model_fields), JSON))
def test_fields_of_a_newer_release_harm_no_reader_of_an_event(unknown: dict[str, Any]) -> None:
    article = a_raw_article()
    newer = json.dumps(unknown | json.loads(article.model_dump_json())).encode()
    assert decode(newer, ArticleIngested, headers(article, service="ingest", now=NOON)) == article
