"""What a page says of itself, in the order of trust, and nothing that it does not say."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from services.extract.clean.html.page_dates import moment
from services.extract.clean.html.page_metadata import Head, head_of
from tests.cleaning import RULES

ARTICLE = {
    "@type": "NewsArticle",
    "headline": "Mayor opens new lock",
    "author": [{"@type": "Person", "name": "Odile Farrow"}, {"@type": "Person", "name": "Bram Osk"}],
    "datePublished": "2026-03-02T09:30:00+01:00",
    "dateModified": "2026-03-03T10:00:00Z",
    "publisher": {"@type": "Organization", "name": "Tidewell Echo"},
}


def head(markup: str = "", body: str = "", ld: Any = None) -> Head:  # noqa: ANN401 - whatever JSON holds
    script = f'<script type="application/ld+json">{json.dumps(ld)}</script>' if ld is not None else ""
    return head_of(
        html.document_fromstring(f"<html><head>{script}{markup}</head><body>{body}<p>x</p></body></html>"),
        RULES.vocabulary,
    )


@pytest.mark.parametrize("ld", [ARTICLE, [ARTICLE], {"@graph": [{"@type": "WebPage"}, ARTICLE]}])
def test_json_ld_is_read_wherever_the_article_stands_in_it(ld: Any) -> None:  # noqa: ANN401
    found = head(ld=ld)
    assert (found.title, found.authors) == ("Mayor opens new lock", ("Odile Farrow", "Bram Osk"))
    assert found.published_at == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 3, 3, 10, tzinfo=UTC)


def test_the_visible_heading_is_the_title_if_another_title_confirms_it() -> None:
    meta = '<meta property="og:title" content="Mayor opens the new lock - Tidewell Echo">'
    assert head(meta, "<h1>Mayor opens the <i>new</i> lock</h1>").title == "Mayor opens the new lock"
    assert head(meta, "<h1>Tidewell Echo</h1>").title == "Mayor opens the new lock - Tidewell Echo"


def test_the_name_of_the_site_is_no_part_of_the_title() -> None:
    site = '<meta property="og:site_name" content="Tidewell Echo">'
    assert head(f"{site}<title>Lock opens - at last | Tidewell Echo</title>").title == "Lock opens - at last"
    assert head(f"{site}<title>Tidewell Echo - Lock opens at last</title>").title == "Lock opens at last"


def test_a_headline_that_is_only_the_name_of_the_site_is_no_title() -> None:
    named = ARTICLE | {"headline": "Tidewell Echo"}
    assert (
        head("<title>Lock opens at last</title>", "<h1>Mayor Dunmore is glad</h1>", named).title == "Lock opens at last"
    )


def test_a_heading_is_the_title_although_the_page_adds_what_it_is_a_part_of() -> None:
    added = "<title>How to pass a lock - Canals and Rivers of the Low Country for Beginners</title>"
    assert head(added, "<h1>How to pass a lock</h1>").title == "How to pass a lock"
    echo = "<title>Tidewell Echo - How the mayor of a small town came to open a lock</title>"
    assert head(echo, "<h1>Tidewell Echo</h1>").title != "Tidewell Echo"


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("<span>Opinion</span> Mayor opens new lock", "Mayor opens new lock"),
        ("<span>Local News</span> | Mayor opens new lock", "Mayor opens new lock"),
        ("Canals: Mayor opens new lock", "Canals: Mayor opens new lock"),
        ("NonMayor opens new lock", "NonMayor opens new lock"),
    ],
)
def test_the_section_in_front_of_a_heading_is_no_part_of_the_title(heading: str, title: str) -> None:
    assert head(body=f"<h1>{heading}</h1>", ld=ARTICLE).title == title


def test_authors_lose_by_role_and_the_name_of_the_site() -> None:
    assert head('<meta name="author" content="By Odile Farrow, Political Editor">').authors == ("Odile Farrow",)
    assert head('<meta name="author" content="Odile Farrow and Bram Osk">').authors == ("Odile Farrow", "Bram Osk")
    alone = head(ld=ARTICLE | {"author": {"name": "Tidewell Echo"}})
    assert (alone.authors, alone.signed) == ((), "Tidewell Echo")
    assert head(ld=ARTICLE).signed is None
    assert head('<meta property="article:author" content="https://example.org/odile">').authors == ()


def test_a_byline_that_only_the_markup_tells() -> None:
    body = '<div class="article-byline"><a rel="author" href="/o">Odile Farrow</a><span>March 3, 2026</span></div>'
    assert head(body=body).authors == ("Odile Farrow",)
    assert head(body='<div class="byline">Updated on Monday 9:30</div>').authors == ()
    apart = '<span class="byline">Story By</span><span class="byline">Odile Farrow</span>'
    assert head(body=apart).authors == ("Odile Farrow",)
    assert head('<meta name="author" content="Words by: Odile Farrow">').authors == ("Odile Farrow",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-02T09:30", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("2026-03-02 09:30:00 +0100", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("2026-03-02 at half past nine", datetime(2026, 3, 2, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 09:30:00 +0100", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("2025-11-112026-03-02", None),
        ("March 2, 2026", datetime(2026, 3, 2, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:00", None),
        ("02/03/2026", None),
        ("", None),
        (None, None),
        (["", "2026-03-02"], datetime(2026, 3, 2, tzinfo=UTC)),
    ],
)
def test_times_are_read_and_never_guessed(text: object, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_json_ld_comes_before_meta_and_meta_before_time_elements() -> None:
    meta = '<meta property="article:published_time" content="2026-03-05">'
    time = '<time class="published" datetime="2026-03-06">'
    assert head(meta, time, ARTICLE).published_at == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert head(meta, time).published_at == datetime(2026, 3, 5, tzinfo=UTC)
    assert head("", time).published_at == datetime(2026, 3, 6, tzinfo=UTC)
    assert head("", '<time datetime="2026-03-06">').published_at is None  # of which story, nobody says


def test_the_address_is_canonical_absolute_and_http() -> None:
    og = '<meta property="og:url" content="https://tidewell-echo.example/news/lock?x=1">'
    assert head(f'<link rel="canonical" href="/news/lock">{og}').url == "https://tidewell-echo.example/news/lock"
    assert head('<link rel="canonical" href="/news/lock">').url is None
    assert head('<link rel="canonical" href="javascript:alert(1)">').url is None
    assert head('<link rel="canonical" href="https://[">').url is None


@pytest.mark.parametrize("text", ["{", "[" * 50_000, "null", '"x"', "[[[[]]]]", '{"@type": 3, "author": {"name": {}}}'])
def test_broken_json_ld_is_passed_over(text: str) -> None:
    tree = html.document_fromstring(f'<html><script type="application/ld+json">{text}</script><p>x</p></html>')
    assert head_of(tree, RULES.vocabulary) == Head()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["@type", "author", "name", "headline", "datePublished", "publisher", "@graph", "@value"]),
            inner | st.sampled_from(["NewsArticle", "2026-03-02"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_json_ld_holds_it_is_read_without_an_error(ld: object) -> None:
    head(ld=ld)


def test_the_day_is_found_in_marked_up_times_below_the_heading_and_in_the_address() -> None:
    times = '<time datetime="2020-01-01"></time><h1>Lock</h1><time datetime="2026-03-02T09:30:00+01:00">today</time>'
    assert head(body=times).published_at == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    marked = (
        '<h1>Lock</h1><time datetime="2026-03-04"></time><span itemprop="datePublished" content="2026-03-02"></span>'
    )
    assert head(body=marked).published_at == datetime(2026, 3, 2, tzinfo=UTC)
    canonical = '<link rel="canonical" href="https://example.org/news/2026/3/2/lock">'
    assert head(canonical).published_at == datetime(2026, 3, 2, tzinfo=UTC)


CANONICAL = '<link rel="canonical" href="https://tidewell-echo.example/harbour/lock">'


def test_json_ld_is_taken_from_the_object_of_this_page() -> None:
    other = ARTICLE | {
        "url": "https://tidewell-echo.example/n/1",
        "headline": "Storm",
        "author": {"name": "Ida Brekke"},
    }
    mine = ARTICLE | {"mainEntityOfPage": {"@id": "http://www.tidewell-echo.example/harbour/lock/"}}
    assert head(CANONICAL, ld=[other, mine]).authors == ("Odile Farrow", "Bram Osk")
    assert head(CANONICAL, ld=[other]).authors == ()


def test_references_to_authors_are_followed() -> None:
    person = {"@type": "Person", "@id": "#p7", "name": "Lena Voight"}
    found = head(ld={"@graph": [ARTICLE | {"author": [{"@id": "#p7"}]}, {"@type": "WebSite", "editor": person}]})
    assert found.authors == ("Lena Voight",)


def test_what_refers_to_itself_ends() -> None:
    assert head(ld=[ARTICLE | {"author": {"@id": "#a"}}, {"@id": "#a", "name": {"@id": "#a"}}]).authors == ()


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("José Ortega y Gasset", ("José Ortega y Gasset",)),
        ("Ana López y Juan Pérez", ("Ana López", "Juan Pérez")),
        ("Lena Voight in Karsholm", ("Lena Voight",)),
        ("By Lena Voight and Ansel Reed in Karsholm", ("Lena Voight", "Ansel Reed")),
        ("Lena Voight lena@echo.example and Ansel Reed", ("Lena Voight", "Ansel Reed")),
        ("Sofia Brandt ⋅ Review Editor ⋅ Updated March 3, 2026", ("Sofia Brandt",)),
        ("Sofia Brandt March 3, 2026", ("Sofia Brandt",)),
    ],
)
def test_names_are_whole_and_nothing_but_names(said: str, names: tuple[str, ...]) -> None:
    assert head(f'<meta name="author" content="{said}">').authors == names


HEADING = "<title>Mayor opens new lock</title>"


@pytest.mark.parametrize(
    "other",
    [
        '<div id="comments"><time itemprop="datePublished" datetime="2026-03-09"></time></div>',
        '<article class="next"><h1>Storm</h1><time class="published" datetime="2026-03-09"></time></article>',
        '<aside><div class="article-card"><time class="published" datetime="2026-03-09"></time></div></aside>',
    ],
)
def test_times_of_comments_and_other_articles_are_not_the_articles(other: str) -> None:
    body = f'<article><h1>Mayor opens new lock</h1><p class="meta">2 March 2026, 8.15am</p></article>{other}'
    assert head(HEADING, body).published_at == datetime(2026, 3, 2, tzinfo=UTC)


def test_the_day_of_an_update_is_told_as_such_and_counts_as_publishing_only_alone() -> None:
    body = "<h1>Mayor opens new lock</h1><p>Updated 3 March 2026</p>"
    alone = head(HEADING, body)
    assert alone.published_at == alone.updated_at == datetime(2026, 3, 3, tzinfo=UTC)
    assert head(HEADING, f"{body}<p>2 March 2026</p>").published_at == datetime(2026, 3, 2, tzinfo=UTC)


def test_the_author_of_the_next_article_is_not_the_articles() -> None:
    body = '<article><h1>Mayor opens new lock</h1><p class="byline">By Lena Voight</p></article>'
    body += '<article class="more"><h1>Storm closes school</h1><p class="byline">By Ansel Reed</p></article>'
    assert head(HEADING, body).authors == ("Lena Voight",)


def test_a_heading_that_is_the_logo_is_no_title() -> None:
    body = '<h1 class="logo"><a href="/">Tidewell Echo</a></h1><h2>Mayor opens new lock at last</h2>'
    assert (
        head("<title>Mayor opens new lock at last - Tidewell Echo</title>", body).title
        == "Mayor opens new lock at last"
    )


def test_the_only_heading_is_the_title_also_where_search_engines_are_told_another() -> None:
    meta = '<meta property="og:title" content="Seven things about canals that you should know">'
    assert head(meta, "<h1>What canals teach us</h1>").title == "What canals teach us"
