"""The same article has the same id, by whichever link it comes; a change that a reader sees changes the hash."""

import time
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import identity
from services.ingest.identity import article_id, content_hash, ingested
from shared.errors import Reason, Rejected
from shared.stream_safe import stream_safe
from wireroom.testing.factories import NOON, a_submission

LINK = "https://harbour-gazette.example/news/lock"


@given(
    st.from_regex(r"[a-z]{1,8}(/[a-z0-9-]{5,8}){0,3}", fullmatch=True),
    st.lists(st.sampled_from(["utm_source=app", "fbclid=x", "gclid=1", "utm_campaign=a%20b"]), max_size=3),
    st.from_regex(r"[a-z]*", fullmatch=True),
)
def test_trackers_fragments_and_case_of_the_host_never_make_another_article(
    path: str, trackers: list[str], fragment: str
) -> None:
    shared = f"HTTPS://Tide.EXAMPLE/{path}?{'&'.join(trackers)}#{fragment}"
    assert article_id(a_submission(url=shared)) == article_id(a_submission(url=f"https://tide.example/{path}"))


def test_the_guid_names_the_article_within_its_source() -> None:
    named = a_submission(guid="17", url=LINK)
    assert article_id(named) == article_id(a_submission(guid="17", body="another text"))
    assert article_id(named) != article_id(a_submission(guid="17", source="tide-times"))
    assert article_id(named) != article_id(a_submission(url=LINK))


def test_the_link_names_the_article_whoever_sends_it() -> None:
    assert article_id(a_submission(url=LINK)) == article_id(a_submission(url=f"{LINK}?utm_id=3", source="tide-times"))


def test_without_guid_and_link_the_text_names_the_article_whatever_its_spacing() -> None:
    assert article_id(a_submission(body="A  lock\nopens")) == article_id(a_submission(body="a lock opens "))
    assert article_id(a_submission(body="A lock opens")) != article_id(a_submission(body="A lock closes"))


def test_the_hash_changes_with_what_a_reader_sees_and_only_with_that() -> None:
    base = content_hash(a_submission(url=LINK))
    assert base == content_hash(a_submission(url=f"{LINK}?utm_id=3", updated_at=NOON, guid="17"))
    assert base != content_hash(a_submission(url=LINK, title="New lock"))
    assert base != content_hash(a_submission(url=LINK, body="other"))


WRITTEN_OTHERWISE = {
    "another offset": {"published_at": datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))},
    "reordered tags": {"tags": ("locks", "canals", "Zoë")},
    "a tag twice": {"tags": ("canals", "locks", "Zoë", "locks")},
    "a tag in NFD": {"tags": ("canals", "locks", "Zoe\u0308")},
    "CRLF": {"body": "Zoë opens\r\n\r\nthe lock"},
    "CR": {"body": "Zoë opens\r\rthe lock"},
    "NFD": {"body": "Zoe\u0308 opens\n\nthe lock", "title": "Zoe\u0308's lock"},
    "outer blanks": {"body": "\ufeff\n Zoë opens\n\nthe lock \r\n", "title": " Zoë's lock\u00a0"},
}


@pytest.mark.parametrize("fields", WRITTEN_OTHERWISE.values(), ids=WRITTEN_OTHERWISE.keys())
def test_the_hash_stays_where_a_reader_sees_no_change(fields: dict[str, Any]) -> None:
    base = {
        "body": "Zoë opens\n\nthe lock",
        "title": "Zoë's lock",
        "published_at": NOON,
        "tags": ("canals", "locks", "Zoë"),
    }
    assert content_hash(a_submission(**base | fields)) == content_hash(a_submission(**base))


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "Zoe opens\n\nthe lock"},
        {"body": "Zoë opens\nthe lock"},
        {"title": "Zoë's Lock"},
        {"published_at": NOON.replace(minute=1)},
        {"published_at": None},
        {"tags": ("canals",)},
        {"language": "de"},
        {"media_type": "text/html"},
    ],
)
def test_the_hash_changes_with_each_field_that_a_reader_sees(fields: dict[str, Any]) -> None:
    base = {"body": "Zoë opens\n\nthe lock", "title": "Zoë's lock", "published_at": NOON, "tags": ("canals", "locks")}
    assert content_hash(a_submission(**base | fields)) != content_hash(a_submission(**base))


@given(
    st.text(min_size=1),
    st.none() | st.text(),
    st.none() | st.datetimes(timezones=st.timezones()),
    st.lists(st.text(min_size=1), max_size=3),
)
def test_any_article_has_the_hash_of_its_composed_form(
    body: str, title: str | None, published: datetime | None, tags: list[str]
) -> None:
    sent = a_submission(body=body, title=title, published_at=published, tags=tuple(tags))
    composed = a_submission(
        body=f" {unicodedata.normalize('NFC', body)}\r\n",
        title=title and unicodedata.normalize("NFC", title),
        published_at=published and published.astimezone(UTC),
        tags=tuple(unicodedata.normalize("NFC", tag) for tag in reversed(tags)),
    )
    assert content_hash(composed) == content_hash(sent)


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_a_time_at_the_end_of_the_calendar_has_a_hash(moment: datetime) -> None:
    for hours in (-23, 23):
        published = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
        assert len(content_hash(a_submission(published_at=published))) == 64


def test_a_raw_article_is_the_submission_with_its_identity() -> None:
    submission = a_submission(url=LINK, title="New lock", tags=("canals",))
    raw = ingested(submission, version=41, received_at=NOON)
    assert (raw.version, raw.received_at, len(raw.id)) == (41, NOON, 32)
    assert {field: getattr(raw, field) for field in type(submission).model_fields} == dict(submission)


@pytest.mark.parametrize("url", ["not a link", "javascript:alert(1)", "/news/lock", "https://[lock"])
def test_a_link_that_is_none_is_left_out_where_a_guid_names_the_article(url: str) -> None:
    raw = ingested(a_submission(guid="17", url=url), version=1, received_at=NOON)
    assert (raw.guid, raw.url) == ("17", None)
    assert raw.id == article_id(a_submission(guid="17"))


def test_a_link_that_is_none_is_refused_where_nothing_else_names_the_article() -> None:
    with pytest.raises(Rejected) as refused:
        ingested(a_submission(url="not a link"), version=1, received_at=NOON)
    assert refused.value.reason is Reason.BAD_URL


def test_a_link_goes_on_as_it_was_sent_but_for_line_breaks() -> None:
    raw = ingested(a_submission(url=f"{LINK}/\r\n  a?utm_id=3"), version=1, received_at=NOON)
    assert raw.url == f"{LINK}/a?utm_id=3"


# what each character becomes may join what stands before it, or have white space at its edges
_JOINING = "ab \t\u3000ßİé\u0301\u0316\u1112\u1161\u11a8\uac00\ufdfa\u00b4\u2026ｶﾞ\u0bc6\u0bbe\u0f73漢"


@given(st.text() | st.text(_JOINING, max_size=200), st.integers(1, 7))
def test_text_folded_in_parts_is_what_it_is_as_a_whole(text: str, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(identity, "_AT_ONCE", at_once)
        folded = identity._folded(text)  # noqa: SLF001 - the ids that exist were made of the whole in one call
    assert folded == " ".join(unicodedata.normalize("NFKC", stream_safe(text)).casefold().split())


def test_ids_that_were_given_out_stay() -> None:
    titled = a_submission(title="Zoë’s  LOCK\u3000ﬁnal", body="Ｔｈｅ lock\n\nopened — straße, 가각 Ὀδυσσεύς\u0301.")  # noqa: RUF001
    assert article_id(titled) == "a1b3266f1bf90abe38f83d25dcf5a4ea"
    assert article_id(a_submission(body="The lock opened on Monday. " * 40_000)) == "9cc7dc426406ffe79724c45f6e58ffaf"


@pytest.mark.parametrize("where", ["body", "title", "url"])
def test_marks_stacked_without_end_cost_little(where: str) -> None:
    stacked = {"body": 500_000, "title": 999, "url": 2000}[where] * "\u0300\u0316"
    given = {where: f"https://harbour-gazette.example/{stacked}" if where == "url" else stacked}
    begun = time.thread_time()
    article_id(a_submission(**given))
    assert time.thread_time() - begun < 10, "a megabyte took half an hour"


def test_a_link_of_a_verified_source_names_an_article_of_that_source_alone() -> None:
    gazette, other = a_submission(url=LINK), a_submission(url=LINK, source="tide-times")
    mine = article_id(gazette, verified=True)
    assert mine == article_id(a_submission(url=f"{LINK}?utm_id=3", body="corrected"), verified=True)
    assert len({mine, article_id(other, verified=True), article_id(other)}) == 3
    for named in (a_submission(guid="17"), a_submission(url=None)):
        assert article_id(named, verified=True) == article_id(named)
