"""What feeds and pages of any bytes are read as: RSS, Atom, JSON Feed, sitemaps, OPML, and what is refused."""

import gzip
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.feeds.entry_articles import entries_of, submission_of_entry, submission_of_page
from services.ingest.feeds.feed_list import FeedListError, new_record, parse_list, source_of, write_opml
from services.ingest.feeds.feed_reader import MAX_ENTRIES, Entry, NoFeed, read_feed
from services.ingest.feeds.feed_record import FeedRecord, SeenEntries
from services.ingest.feeds.page_reader import Page, read_page
from services.ingest.feeds.parse_worker import answer
from services.ingest.feeds.safe_xml import XmlRefused, elements, refuse_declarations
from shared.messages import ArticleSubmitted
from tests.feeds import feed_documents as documents
from tests.paths import ROOT

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://gazette.example/feed"
CORPUS = sorted((ROOT / "tests/feeds/hostile").iterdir())


def a_record(**fields: object) -> FeedRecord:
    return FeedRecord.model_validate({"url": URL, "source": "gazette", "added_at": NOON, "next_poll": NOON} | fields)


def read(data: bytes, content_type: str = "") -> list[Entry]:
    return read_feed(data, content_type, URL)[1]


def published(record: FeedRecord, entries: list[Entry], kind: str = "rss") -> list[ArticleSubmitted]:
    found = entries_of(record, entries, kind, NOON)
    return [ArticleSubmitted.model_validate_json(submission_of_entry(record, each, NOON)) for each in found]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_hostile_document_is_refused_or_read_in_time_and_shows_no_file_of_ours(path: Path) -> None:
    """Each file is a finding; its name begins with what becomes of it."""
    data = path.read_bytes()
    begins = time.process_time()
    verdict, *frames = answer({"job": "feed", "content_type": "", "url": URL}, data)
    assert time.process_time() - begins < 5
    assert (verdict == b"ok") == path.name.startswith("read-"), verdict
    assert b"root:" not in b"".join(frames)


@given(st.binary(max_size=400), st.sampled_from([b"", b"<rss>", b'{"version":', b"<urlset>", b"\x1f\x8b", b"<?xml "]))
@example(b"\xff\xfe<\x00r\x00s\x00s\x00>\x00", b"")
def test_any_bytes_are_a_feed_or_no_feed(data: bytes, head: bytes) -> None:
    try:
        found, entries = read_feed(head + data, "text/xml; charset=utf-16", URL)
    except NoFeed:
        return
    assert found.entries == len(entries) <= MAX_ENTRIES


@given(st.binary(max_size=400))
def test_any_bytes_are_a_page(data: bytes) -> None:
    assert read_page(data, "text/html", "https://gazette.example/a").url.startswith("https://gazette.example")


@given(st.binary(max_size=400))
def test_any_bytes_are_a_list_of_feeds_or_refused(data: bytes) -> None:
    try:
        parse_list(data, NOON)
    except FeedListError as refused:
        assert str(refused)  # noqa: PT017 - most bytes are refused


@given(st.binary(max_size=200), st.sampled_from(["feed", "page", "robots"]))
def test_a_worker_answers_whatever_the_bytes(data: bytes, job: str) -> None:
    request = {"job": job, "content_type": "", "url": URL, "urls": [URL], "agent": "Wireroom"}
    verdict, *frames = answer(request, data)
    assert verdict == b"ok" or not frames


def test_a_text_in_another_charset_than_it_says_is_read_by_its_bytes() -> None:
    feed = documents.rss([documents.item("/a", title="Häfen schließen früh")]).decode()
    assert read(feed.encode("latin-1"), "application/rss+xml; charset=utf-8")[0].title == "Häfen schließen früh"
    declared = feed.replace("UTF-8", "windows-1251").replace("Häfen schließen früh", "Порт закрыт")
    assert read(declared.encode("windows-1251"))[0].title == "Порт закрыт"
    assert read(feed.encode("utf-16"))[0].title == "Häfen schließen früh"


def test_a_document_type_is_read_where_it_declares_nothing() -> None:
    old = b'<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://n.example/rss.dtd">'
    assert read(old + documents.rss([documents.item("/a")]).partition(b"?>")[2])
    for bad in ('<!DOCTYPE a [<!ENTITY b "c">]><a/>', "<!-- x --> <?y?>\n<!doctype a SYSTEM 'b' [\n]><a/>"):
        with pytest.raises(XmlRefused):
            refuse_declarations(bad)
        with pytest.raises(XmlRefused):
            list(elements(bad.replace("doctype", "DOCTYPE").strip()))


def test_xml_that_is_too_deep_is_refused() -> None:
    deep = "<a>" * 100 + "</a>" * 100
    with pytest.raises(XmlRefused, match="deeper"):
        list(elements(deep))


def test_an_address_names_its_entry_unless_entries_share_it() -> None:
    same = [documents.item("https://gazette.example/", guid=f"id-{number}", title=f"T{number}") for number in (1, 2)]
    first, second = published(a_record(), read(documents.rss(same)))
    assert {first.guid, second.guid} == {"id-1", "id-2"}
    (own,) = published(a_record(), read(documents.rss([documents.item("/a?x=1", guid="changes")])))
    assert (own.guid, own.url) == (None, "https://gazette.example/a?x=1")


@pytest.mark.parametrize(
    ("text", "text_from", "full"),
    [
        (documents.TEXT, "auto", True),
        ("Short.", "auto", False),
        (f"{documents.TEXT} Read more", "auto", False),
        (f"{documents.TEXT} […]", "auto", False),
        (f"{documents.TEXT} &hellip;", "auto", False),
        ("Short.", "entry", True),
        (documents.TEXT, "page", False),
    ],
)
def test_a_text_is_used_where_it_is_whole(text: str, text_from: str, full: bool) -> None:
    (entry,) = entries_of(
        a_record(text_from=text_from), read(documents.rss([documents.item("/a", text=text)])), "rss", NOON
    )
    assert entry.full is full


def test_what_a_feed_says_is_escaped_in_the_article_that_is_made_of_it() -> None:
    entry = Entry(
        url="https://gazette.example/a",
        title='A <b>"x"</b> & c',
        text="One < two\n\nThree",
        plain=True,
        authors=('Ann "A" <Brekke>',),
        published_at=datetime(2099, 1, 1, tzinfo=UTC),
        tags=("harbour",),
    )
    (made,) = published(a_record(text_from="entry"), [entry])
    assert '<meta name="author" content="Ann &quot;A&quot; &lt;Brekke&gt;">' in made.body
    assert "<p>One &lt; two</p>\n<p>Three</p>" in made.body
    assert made.published_at is None  # no clock is wrong by seventy years
    assert (made.title, made.tags, made.media_type) == ('A <b>"x"</b> & c', ("harbour",), "text/html")


def test_a_page_is_named_by_its_canonical_link_on_its_own_host() -> None:
    url = "https://www.gazette.example/a?from=feed"
    assert read_page(documents.page("https://gazette.example/a"), "", url).url == "https://gazette.example/a"
    for other in ("https://post.example/a", "javascript:x", "/", "http://[", ""):
        assert read_page(documents.page(other), "", url).url == url
    assert read_page(documents.page(author="Ann"), "", url).names_author
    assert read_page(b"x" * 3_000_000, "", url).too_large


def test_authors_of_the_feed_are_put_into_a_page_that_names_none() -> None:
    entry = Entry(url="https://gazette.example/a", authors=("Ann Brekke",))
    (new,) = entries_of(a_record(), [entry], "rss", NOON)
    for page, count in ((documents.page(), 1), (documents.page(author="Jo"), 0), (b"<p>no head</p>", 1)):
        made = submission_of_page(a_record(), new, read_page(page, "", str(entry.url)), NOON)
        assert ArticleSubmitted.model_validate_json(made).body.count("Ann Brekke") == count
    assert Page(url="x").text == ""


def test_a_sitemap_brings_the_news_of_a_week_and_no_pictures() -> None:
    news = documents.sitemap(["https://gazette.example/1"], "2026-02-27T10:00:00+01:00")
    old = documents.sitemap(["https://gazette.example/2"], "2026-02-01")
    picture = b"<image:image><image:loc>https://gazette.example/x.jpg</image:loc></image:image></url>"
    news = news.replace(b"</url>", picture).replace(b"<urlset ", b'<urlset xmlns:image="urn:image" ')
    head, entries = read_feed(gzip.compress(news), "application/gzip", URL)
    assert head.kind == "sitemap"
    assert [each.url for each in entries_of(a_record(), entries + read(old), "sitemap", NOON)] == [
        "https://gazette.example/1"
    ]


def test_seen_entries_keep_all_that_are_in_the_feed_and_the_latest_others() -> None:
    first = SeenEntries().kept([(f"old-{number}", "a") for number in range(10)], [], 100)
    second = SeenEntries(SeenEntries(first).kept([("new", "a")], ["old-9", "new"], 3))
    assert second.has("new", "a")
    assert second.has("old-9", "a")
    assert not second.has("new", "b")
    assert sum(second.has(f"old-{number}", "a") for number in range(10)) == 2
    assert not SeenEntries(b"cut off").has("new", "a")


@given(
    st.lists(
        st.builds(
            a_record,
            url=st.integers(0, 9_999).map("https://gazette.example/{}?a=1&b=2".format),
            title=st.text(max_size=50),
            source=st.sampled_from(["gazette", "post-2"]),
        ),
        unique_by=lambda record: record.url,
        max_size=5,
    )
)
def test_opml_goes_both_ways(records: list[FeedRecord]) -> None:
    found = parse_list(write_opml(records).encode(), NOON)
    assert {(each.url, each.source) for each in found} == {(each.url, each.source) for each in records}


def test_a_list_of_lines_and_foreign_opml_are_read_and_mistakes_have_a_place() -> None:
    lines = b"# ours\nhttps://www.karsholm-post.example/rss\n\nhttps://gazette.example/f gazette # comment\n"
    assert [(each.url, each.source) for each in parse_list(lines, NOON)] == [
        ("https://www.karsholm-post.example/rss", "karsholm-post-example"),
        ("https://gazette.example/f", "gazette"),
    ]
    opml = b'<opml><body><outline text="F"><outline text="A" xmlUrl="https://a.example/f"/></outline></body></opml>'
    assert [each.title for each in parse_list(opml, NOON)] == ["A"]
    for bad, said in ((b"\nfile:///etc/passwd", "line 2"), (b"https://a.example x y", "line 1"), (b"<opml", "no XML")):
        with pytest.raises(FeedListError, match=said):
            parse_list(bad, NOON)
    with pytest.raises(FeedListError, match="not used"):
        new_record("https://user:secret@a.example/", None, NOON)
    assert source_of("https://xn--bcher-kva.example:8080/") == "xn-bcher-kva-example"
    assert source_of("https://[2606:4700::1]/") == "2606-4700-1"
