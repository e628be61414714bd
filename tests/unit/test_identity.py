"""The same article has the same id, by whichever link it comes; a change that a reader sees changes the hash."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import identity
from services.ingest.identity import article_id, canonical_url, content_hash, ingested
from shared.errors import Reason, Rejected
from shared.stream_safe import stream_safe
from tests.factories import NOON, a_submission

LINK = "https://harbour-gazette.example/news/lock"


@pytest.mark.parametrize(
    "url",
    [
        LINK,
        f"{LINK}?utm_source=app&utm_medium=push",
        f"{LINK}?fbclid=abc",
        f"{LINK}#comments",
        "HTTPS://Harbour-Gazette.EXAMPLE:443/news/lock",
        "https://harbour-gazette.example/news/x/../lock",
        f"  {LINK} ",
    ],
)
def test_links_to_one_article_have_one_form(url: str) -> None:
    assert canonical_url(url) == LINK


@pytest.mark.parametrize(
    ("url", "form"),
    [
        (f"{LINK}?q=lock&a=1", f"{LINK}?a=1&q=lock"),
        (f"{LINK}?a=1&amp;id=2&utm_campaign=x", f"{LINK}?a=1&id=2"),
        ("http://bücher.example/käse", "http://xn--bcher-kva.example/k%C3%A4se"),
    ],
)
def test_parameters_that_say_what_is_read_stay(url: str, form: str) -> None:
    assert canonical_url(url) == form


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lock",
        "/news/lock",
        "ftp://x.example/a",
        "javascript:alert(1)",
        "http://",
        "http://[::1",
        "http://a b.example/",
    ],
)
def test_what_is_no_web_address_is_refused_with_the_value(url: str) -> None:
    with pytest.raises(Rejected) as refused:
        canonical_url(url)
    assert refused.value.reason is Reason.BAD_URL
    assert repr(url) in refused.value.detail


@given(st.text(max_size=200) | st.text(max_size=60).map("https://tide.example/".__add__))
def test_any_text_as_a_link_is_an_address_or_refused(url: str) -> None:
    try:
        form = canonical_url(url)
    except Rejected:
        return
    assert canonical_url(form) == form, "the one form of a link is its own form"


_TRACKERS = st.lists(st.sampled_from(["utm_source=app", "fbclid=x", "gclid=1", "utm_campaign=a%20b"]), max_size=3)


@given(
    st.from_regex(r"[a-z]{1,8}(/[a-z0-9-]{1,8}){0,3}", fullmatch=True),
    _TRACKERS,
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


def test_a_raw_article_is_the_submission_with_its_identity() -> None:
    submission = a_submission(url=LINK, title="New lock", tags=("canals",))
    raw = ingested(submission, version=41, received_at=NOON)
    assert (raw.version, raw.received_at, len(raw.id)) == (41, NOON, 32)
    assert {field: getattr(raw, field) for field in type(submission).model_fields} == dict(submission)


def test_a_link_that_is_none_is_refused_even_where_a_guid_names_the_article() -> None:
    with pytest.raises(Rejected):
        ingested(a_submission(guid="17", url="not a link"), version=1, received_at=NOON)


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
    begun = time.perf_counter()
    article_id(a_submission(**given))
    assert time.perf_counter() - begun < 10, "a megabyte took half an hour"


@pytest.mark.parametrize("host", ["é" * 4000, "a." * 2000])
def test_a_host_without_end_is_refused(host: str) -> None:
    with pytest.raises(Rejected, match="a host of 4000 characters") as refused:
        canonical_url(f"https://{host}/")
    assert refused.value.reason is Reason.BAD_URL
