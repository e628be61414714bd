"""IPTC formats become submissions: ninjs 1 to 3, NITF, NewsML-G2; what is killed, embargoed, withheld or hostile."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.readers import news_formats, ninjs
from services.ingest.readers.news_item import NewsItem, moment
from shared.errors import Reason, Rejected
from shared.messages import ArticleSubmitted
from tests.paths import ROOT
from wireroom.exporting.ninjs_output import Version, ninjs_of

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LINK = "https://harbour-gazette.example/news/lock"
NITF = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nitf SYSTEM "http://harbour-gazette.example/dtd/nitf-3-6.dtd">
<nitf version="-//IPTC//DTD NITF 3.6//EN" xml:lang="en">
  <head>
    <title>Lock</title>
    <tobject><tobject.subject tobject.subject.type="Transport" tobject.subject.matter="Canals"/></tobject>
    <docdata management-status="{status}">
      <doc-id regsrc="hg" id-string="{identifier}"/>
      <urgency ed-urg="2"/>
      <date.issue norm="20260301T093000Z"/>
      {released}
      <key-list><keyword key="locks"/></key-list>
    </docdata>
  </head>
  <body>
    <body.head>
      <hedline><hl1>New lock opens at <em>Tidewell</em></hl1><hl2>Two years after the flood</hl2></hedline>
      <byline>By <person>Odile Farrow</person><byttl>Staff writer</byttl></byline>
    </body.head>
    <body.content>
      <media media-type="image"><media-reference source="a.jpg"/><media-caption>The lock.</media-caption></media>
      <p>The lock&nbsp;opened on <chron norm="20260301">Sunday</chron>, <person>Marta Quillfeather</person> said.</p>
      <hl2>Costs</hl2>
      <p>It cost 3 &lt; 4 million, <a href="https://tidewell.example/?a=1&amp;b=2">says the town</a>.</p>
      <script>alert(1)</script>
    </body.content>
  </body>
</nitf>"""
NEWS_ITEM = """<newsItem xmlns="http://iptc.org/std/nar/2006-10-01/" guid="{guid}" version="3" standard="NewsML-G2"
    standardversion="2.34" xml:lang="en-GB">
  <itemMeta>
    <itemClass qcode="ninat:{kind}"/>
    <versionCreated>2026-03-01T10:30:00Z</versionCreated>
    <firstCreated>2026-03-01T10:30:00+01:00</firstCreated>
    {embargo}
    <pubStatus qcode="stat:{status}"/>
    <link rel="irel:permalink" href="https://harbour-gazette.example/news/lock"/>
  </itemMeta>
  <contentMeta>
    <urgency>2</urgency>
    <creator qcode="staff:7"><name>Odile Farrow</name></creator>
    <language tag="en-GB"/>
    <subject qcode="medtop:20000001"><name>Canals</name></subject>
    <headline>New lock opens at Tidewell</headline>
  </contentMeta>
  <contentSet>{content}</contentSet>
</newsItem>"""
XHTML = """<inlineXML contenttype="application/xhtml+xml"><html xmlns="http://www.w3.org/1999/xhtml"><head/>
<body><p>The lock opened on <b>Sunday</b>.</p><script>alert(1)</script></body></html></inlineXML>"""
INSIDE = """<inlineXML contenttype="application/nitf+xml"><nitf xmlns="http://iptc.org/std/NITF/2006-10-18/"><body>
<body.head><hedline><hl1>Inner</hl1></hedline><byline>By Odile Farrow, <byttl>Staff</byttl></byline></body.head>
<body.content><p>The lock opened on Sunday.</p></body.content></body></nitf></inlineXML>"""
PLAIN = """<inlineData contenttype="text/plain">The lock opened on Sunday.</inlineData>"""


def nitf(status: str = "usable", identifier: str = LINK, released: str = "") -> bytes:
    when = f'<date.release norm="{released}"/>' if released else ""
    return NITF.format(status=status, identifier=identifier, released=when).encode()


def news_item(
    content: str = XHTML, guid: str = LINK, status: str = "usable", kind: str = "text", embargo: str = ""
) -> bytes:
    held = f"<embargoed>{embargo}</embargoed>" if embargo else ""
    return NEWS_ITEM.format(content=content, guid=guid, status=status, kind=kind, embargo=held).encode()


def one(data: bytes) -> NewsItem:
    [found] = news_formats.of_xml(data, NOW)
    if isinstance(found, Rejected):
        raise found
    return found


def article(item: NewsItem) -> ArticleSubmitted:
    return ArticleSubmitted(source="harbour-gazette", **item.fields)


def test_nitf_gives_headline_byline_dates_tags_and_the_body_as_html() -> None:
    found = article(one(nitf()))
    assert (found.title, found.language, found.url, found.guid) == ("New lock opens at Tidewell", "en", LINK, None)
    assert found.tags == ("urgency:2", "Canals", "Transport", "locks")
    assert found.published_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert '<meta name="author" content="Odile Farrow">' in found.body
    assert "<p>The lock\u00a0opened on Sunday, Marta Quillfeather said.</p>" in found.body
    assert "<figcaption>The lock.</figcaption>" in found.body
    assert '3 &lt; 4 million, <a href="https://tidewell.example/?a=1&amp;b=2">' in found.body
    assert "alert" not in found.body
    assert article(one(nitf(identifier="hg-17"))).guid == "hg-17"


@pytest.mark.parametrize("content", [XHTML, INSIDE, PLAIN])
def test_newsml_g2_gives_the_same_from_nitf_xhtml_and_text(content: str) -> None:
    found = article(one(news_item(content)))
    assert (found.title, found.language, found.url, found.guid) == ("New lock opens at Tidewell", "en-GB", LINK, None)
    assert found.published_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    assert found.tags == ("urgency:2", "Canals")
    assert "The lock opened on" in found.body
    assert "alert" not in found.body
    if content is not PLAIN:
        assert 'content="Odile Farrow"' in found.body
    named = article(one(news_item(content, guid="urn:newsml:hg.example:2026:lock")))
    assert (named.guid, named.url) == ("urn:newsml:hg.example:2026:lock", LINK)


def test_a_news_message_has_several_items_each_by_itself() -> None:
    items = b"".join([news_item(), news_item(kind="picture"), news_item(status="withheld"), news_item(PLAIN)])
    message = b"<newsMessage><header/><itemSet>%b<packageItem/></itemSet></newsMessage>" % items
    found = list(news_formats.of_xml(message, NOW))
    assert [getattr(each, "reason", None) for each in found] == [None, "unsupported_media_type", "schema", None]


NINJS_1: dict[str, Any] = {
    "uri": LINK,
    "type": "text",
    "headline": "New lock opens at Tidewell",
    "body_html": "<p>The lock opened on Sunday.</p>",
    "byline": "By Odile Farrow",
    "language": "en",
    "firstcreated": "2026-03-01T09:30:00Z",
    "urgency": 2,
    "subject": [{"name": "Canals"}],
}
NINJS_3: dict[str, Any] = {
    "uri": LINK,
    "type": "text",
    "headlines": [{"role": "main", "value": "New lock opens at Tidewell"}],
    "bodies": [{"contentType": "application/xhtml+xml", "value": "<p>The lock opened on Sunday.</p>"}],
    "by": "Odile Farrow",
    "language": "en",
    "firstCreated": "2026-03-01T09:30:00Z",
    "urgency": 2,
    "subjects": [{"name": "Canals"}],
}


@pytest.mark.parametrize("item", [NINJS_1, NINJS_3])
def test_ninjs_of_any_version_gives_the_same(item: dict[str, Any]) -> None:
    made = news_formats.of_json(item, NOW)
    assert made
    found = article(made)
    assert (found.title, found.url, found.guid, found.tags) == (
        "New lock opens at Tidewell", LINK, None, ("urgency:2", "Canals"),
    )  # fmt: skip
    assert found.published_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert '<meta name="author" content="Odile Farrow">' in found.body
    assert news_formats.of_json({"source": "a", "body": "b", "url": LINK}, NOW) is None


def test_what_is_killed_withdraws_its_article_and_needs_no_text() -> None:
    for item in (
        one(nitf("canceled", "hg-17")),
        one(news_item("", "hg-17", "canceled")),
        ninjs.news_item_of({"uri": "hg-17", "pubstatus": "canceled"}, NOW),
        ninjs.news_item_of({"uri": "hg-17", "pubStatus": "canceled"}, NOW),
    ):
        assert item.withdraws == "Canceled by its publisher."
        assert article(item).guid == "hg-17"
    with pytest.raises(Rejected, match="names no article"):
        one(nitf("canceled", ""))


def test_what_is_embargoed_is_refused_until_its_time() -> None:
    later, before = "2026-03-02T00:00:01Z", "2026-03-01T23:59:59Z"
    readers: list[Callable[[str], NewsItem]] = [
        lambda at: one(nitf("embargoed", released=at.replace("-", "").replace(":", ""))),
        lambda at: one(news_item(embargo=at)),
        lambda at: ninjs.news_item_of(NINJS_1 | {"embargoed": at}, NOW),
        lambda at: ninjs.news_item_of(NINJS_3 | {"embargoedUntil": at}, NOW),
    ]
    for read in readers:
        assert article(read(before)).title
        with pytest.raises(Rejected, match="embargoed until 2026-03-02T00:00:01") as refusal:
            read(later)
        assert refusal.value.reason is Reason.EMBARGOED
    with pytest.raises(Rejected, match="withheld"):
        one(nitf("embargoed"))


HOSTILE = {
    "billion laughs": b'<!DOCTYPE nitf [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><nitf>&b;</nitf>',
    "external entity": b'<!DOCTYPE nitf [<!ENTITY x SYSTEM "file:///etc/passwd">]><nitf>&x;</nitf>',
    "parameter entity": b'<!DOCTYPE nitf [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd"> %x;]><nitf/>',
    "deep": b"<nitf>" + b"<p>" * 200 + b"</p>" * 200 + b"</nitf>",
    "wide": b"<nitf>" + b"<p/>" * 200_001 + b"</nitf>",
    "no XML": b"{}",
    "cut": b"<nitf><head>",
    "another language": b"<rss/>",
    "unknown encoding": b'<?xml version="1.0" encoding="no-such"?><nitf/>',
    "no text": b"<nitf><body><body.content/></body></nitf>",
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_and_nothing_outside_is_read(name: str) -> None:
    with pytest.raises(Rejected):
        one(HOSTILE[name])


@given(st.integers(0, 1500), st.integers(0, 200), st.binary(max_size=60))
def test_no_xml_fails_in_another_way_than_with_a_reason(at: int, length: int, bytes_: bytes) -> None:
    for data in (nitf(), news_item(INSIDE)):
        with suppress(Rejected):
            list(news_formats.of_xml(data[:at] + bytes_ + data[at + length :], NOW))


def test_a_time_is_read_in_every_form_that_the_formats_use() -> None:
    told = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    for text in ("20260301T093000Z", "2026-03-01T09:30:00Z", "20260301T093000", "2026-03-01T10:30:00+01:00"):
        assert moment(text) == told
    assert moment("20260301") == told.replace(hour=0, minute=0)
    assert moment("soon") is None


@pytest.mark.parametrize("version", Version)
def test_an_article_goes_out_as_ninjs_and_comes_in_again(version: Version) -> None:
    extracted = json.loads(Path(ROOT / "shared/examples/v1/extracted-full.json").read_text())
    extracted["tags"].append("urgency:2")
    extracted["entities"][0]["identifier"] = "Q42"
    made = ninjs_of(extracted, version)
    people, places = ("person", "place") if version is Version.V1 else ("people", "places")
    assert [each["name"] for each in made[people]] == ["Marta Quillfeather"]
    assert [each["name"] for each in made[places]] == ["Tidewell"]
    assert "http://www.wikidata.org/entity/" in json.dumps(made[people])
    assert made["urgency"] == 2
    again = article(ninjs.news_item_of(made, NOW))
    assert (again.title, again.url) == (extracted["title"], extracted["url"])
    assert again.body == "\n\n".join(extracted["paragraphs"])
    assert set(again.tags) == set(extracted["tags"])
