"""HTML becomes an article, whatever it is declared as and however hostile it is."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extract.clean.article import CleanArticle
from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, Caption
from tests.cleaning import clean

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."
BOATS = "Boats may pass from the first of the month, she told the people who had come to watch."
LATER = "A second lock, further up the canal, is to follow within three years if the province pays its share of it."
BODY = (LOCK, WORKS, BOATS)
NESTED = '{"author":' * 20_000


TEASERS = "".join(
    f'<li class="teaser"><a href="/{n}">{text}</a></li>'
    for n, text in enumerate(
        ("Storm closes the school", "The ferry runs again", "A bakery for Brackwater", "Swans return")
    )
)
MENU = '<header><nav><a href="/">Home</a><a href="/news">News</a></nav></header>'
AROUND = f'{MENU}<div class="most-read"><ul>{TEASERS}</ul></div>'
COMMENTS = (
    '<section id="comments"><h2>Comments</h2><div class="comment">'
    "<p>I have waited for this lock since I was a boy, and so has my brother in Ostrel.</p></div></section>"
)
ABOUT = "Odile Farrow has written about canals and harbours for the Tidewell Echo since 2011."
AUTHOR = f'<div class="author-bio"><p>{ABOUT}</p></div>'


def page(article: str, *, head: str = "", around: str = "") -> str:
    nav = '<nav><a href="/">Home</a><a href="/news">News</a></nav>'
    footer = "<footer><p>© 2026 Tidewell Echo. All rights reserved.</p></footer>"
    return (
        f"<!doctype html><html><head>{head}</head><body>{nav}{around}<article>{article}</article>{footer}</body></html>"
    )


def paragraphs(texts: Sequence[str] = BODY) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def rules(article: CleanArticle) -> dict[str, str]:
    return {entry.text: entry.rule for entry in article.removed}


def test_a_page_comes_down_to_its_article() -> None:
    article = clean(page(paragraphs()), "text/html")
    assert article.paragraphs == BODY
    assert rules(article) == {"HomeNews": "html_boilerplate", "© 2026 Tidewell Echo. All rights reserved.": "copyright"}


def test_each_visible_line_of_a_page_is_kept_or_named() -> None:
    article = clean(page(f"<h1>Mayor opens lock</h1>{paragraphs()}", around="<div>Join <b>us</b></div>"), "text/html")
    texts = [*article.paragraphs, *(entry.text for entry in article.removed)]
    assert sorted(texts) == sorted(
        [*BODY, "HomeNews", "Join us", "Mayor opens lock", "© 2026 Tidewell Echo. All rights reserved."]
    )


def test_title_and_author_of_a_page_come_from_its_metadata() -> None:
    head = '<meta property="og:title" content="Mayor opens new lock"><meta name="author" content="Odile Farrow">'
    article = clean(page(paragraphs(), head=head), "text/html")
    assert (article.title, article.byline) == ("Mayor opens new lock", "Odile Farrow")


def test_the_given_title_counts_more_than_that_of_the_page() -> None:
    head = '<meta property="og:title" content="Mayor opens new lock">'
    assert clean(page(paragraphs(), head=head), "text/html", title="Lock opened").title == "Lock opened"


def test_captions_bylines_and_agencies_within_the_article_are_found() -> None:
    figure = "<figure><img src=x><figcaption>The lock at dawn. Picture: ALMA REED/AFP</figcaption></figure>"
    article = clean(page(f"<h1>Lock</h1><p>By Odile Farrow</p>{figure}{paragraphs()}<p>AFP</p>"), "text/html")
    assert (article.byline, article.agency, article.paragraphs) == ("Odile Farrow", "AFP", BODY)
    assert article.captions == (Caption(text="The lock at dawn.", credit="ALMA REED/AFP"),)


def test_a_caption_that_is_marked_up_as_one_needs_no_credit() -> None:
    figure = "<figure><img src=x><figcaption>The lock at dawn</figcaption></figure>"
    assert clean(page(f"{paragraphs()}{figure}"), "text/html").captions == (Caption(text="The lock at dawn"),)


@pytest.mark.parametrize(
    "top",
    [
        f"<p>24 November 2026</p>{paragraphs()}",
        f"<p>{LOCK}</p><p>By Odile Farrow</p><p>Published: November 24, 2026</p>{paragraphs(BODY[1:])}",
    ],
)
def test_a_day_that_only_a_line_beside_the_beginning_tells(top: str) -> None:
    article = clean(page(f"<h1>Mayor opens lock</h1>{top}", around=AROUND), "text/html")
    assert article.published_at == datetime(2026, 11, 24, tzinfo=UTC)
    assert article.paragraphs == BODY


def test_subheads_of_a_page_are_kept() -> None:
    body = f"{paragraphs(BODY[:2])}<h2>A long wait</h2>{paragraphs(BODY[2:])}"
    article = clean(page(body, head="<title>Mayor opens lock</title>"), "text/html")
    assert article.paragraphs == (LOCK, WORKS, "A long wait", BOATS)


def test_a_list_within_the_article_is_kept() -> None:
    free = "Passage is free for four kinds of boats, the harbour office said:"
    items = (
        "Boats built before 1950 that carry no engine",
        "Rowing boats of the school in Ostrel",
        "Ferries of the town",
    )
    listed = "".join(f"<li>{item}</li>" for item in items)
    body = f"<h1>Mayor opens lock</h1>{paragraphs((LOCK, WORKS, free))}<ul>{listed}</ul>{paragraphs((BOATS, LATER))}"
    assert clean(page(body, around=AROUND), "text/html").paragraphs == (LOCK, WORKS, free, *items, BOATS, LATER)


def test_a_list_of_single_words_in_a_brief_article_is_kept_whole() -> None:
    items = ("Boats up to ten metres", "Rafts", "The ferry of the brewery")
    listed = "".join(f"<li>{item}</li>" for item in items)
    body = f"<p>{LOCK}</p><p>{WORKS}</p><ul>{listed}</ul><p>{BOATS}</p>"
    assert clean(page(body), "text/html").paragraphs == (LOCK, WORKS, *items, BOATS)


def test_a_list_of_links_in_an_article_is_no_part_of_it() -> None:
    body = f"<p>{LOCK}</p><p>{WORKS}</p><ul>{TEASERS}</ul><p>{BOATS}</p>"
    assert clean(page(body), "text/html").paragraphs == BODY


def test_a_promotion_within_the_article_is_removed_by_its_own_rule() -> None:
    article = clean(page(f"<p>{LOCK}</p><p>Subscribe now</p>{paragraphs(BODY[1:])}"), "text/html")
    assert article.paragraphs == BODY
    assert rules(article)["Subscribe now"] in {"promo", "html_boilerplate"}


def test_the_line_numbers_of_a_page_count_its_visible_lines() -> None:
    article = clean(page(paragraphs()), "text/html")
    assert [entry.line for entry in article.removed] == [1, 5]


def test_a_page_declared_as_text_is_still_a_page() -> None:
    assert clean(f"\n{page(paragraphs())}", "text/plain").paragraphs == BODY


@pytest.mark.parametrize("body", ["\n\n".join(BODY), "\n\n".join(BODY).replace("new lock", "<b>new</b> lock")])
def test_text_declared_as_a_page_is_still_text(body: str) -> None:
    assert clean(body, "text/html").paragraphs == BODY


def test_entities_in_text_declared_as_a_page_are_resolved() -> None:
    assert clean("Torvald &amp; Keene opened the lock.", "text/html").paragraphs == (
        "Torvald & Keene opened the lock.",
    )


def test_a_fragment_keeps_all_its_paragraphs() -> None:
    texts = (*BODY, '"It was high time," she said.')
    assert clean(paragraphs(texts), "text/html").paragraphs == texts
    assert clean("<br><br>".join(texts), "text/html").paragraphs == texts


def test_markup_in_plain_text_that_is_no_page_is_text() -> None:
    line = "The tag <b> makes letters bold, the teacher told her class."
    assert clean(line, "text/plain").paragraphs == (line,)


def test_a_page_that_hides_all_its_text_is_read_all_the_same() -> None:
    assert clean(f"<html><body><div hidden>{paragraphs()}</div></body></html>", "text/html").paragraphs == BODY


def test_hidden_text_and_scripts_are_not_seen() -> None:
    hidden = f'<p style="display: none">{WORKS}</p><script>var text = "{WORKS}"</script>'
    article = clean(page(f"{paragraphs((LOCK, BOATS))}{hidden}"), "text/html")
    assert article.paragraphs == (LOCK, BOATS)


def test_a_declared_encoding_does_no_harm() -> None:
    assert clean(f'<?xml version="1.0" encoding="utf-16"?>{page(paragraphs())}', "text/html").paragraphs == BODY


def test_teasers_comments_and_the_card_of_the_author_are_no_article() -> None:
    article = f"<h1>Mayor opens lock</h1><div class='article-body'>{paragraphs()}</div>{AUTHOR}"
    found = clean(page(article, around=AROUND).replace("<footer>", f"{COMMENTS}<footer>"), "text/html")
    assert found.paragraphs == BODY
    assert len(found.removed) == 11
    assert rules(found)[ABOUT] == "author_card"
    assert {rule for text, rule in rules(found).items() if "school" in text or "waited" in text} == {"html_boilerplate"}


def test_a_page_that_is_about_its_author_is_no_card_of_one() -> None:
    found = clean(
        page(f"<h1>Odile Farrow</h1><div class='author-bio'>{paragraphs()}</div>", around=AROUND), "text/html"
    )
    assert found.paragraphs == BODY


def test_what_a_page_s_judge_takes_out_says_how_sure_it_was() -> None:
    found = clean(page(paragraphs(), around=AROUND), "text/html")
    scores = [entry.score for entry in found.removed if entry.text == "The ferry runs again"]
    assert len(scores) == 1
    assert scores[0] is not None
    assert scores[0] > 0.8


def test_where_paragraphs_stand_counts_more_than_what_they_say() -> None:
    teaser = f'<aside class="related"><h3>Related</h3><p>{WORKS}</p></aside>'
    article = f"<article class='article'><p>{LOCK}</p><p>{BOATS}</p><p>{LATER}</p></article>"
    found = clean(f"<html><body>{AROUND}{article}{teaser}</body></html>", "text/html")
    assert found.paragraphs == (LOCK, BOATS, LATER)


def test_a_page_of_nothing_but_furniture_has_no_article() -> None:
    rest = "<p>Subscribe to our newsletter</p><p>Accept all cookies</p><footer>© 2026 Tidewell Echo</footer>"
    with pytest.raises(Rejected) as verdict:
        clean(f"<html><body>{AROUND}{rest}</body></html>", "text/html")
    assert verdict.value.reason is Reason.NO_ARTICLE_TEXT


def test_a_page_written_from_right_to_left_is_an_article_too() -> None:
    texts = (
        "افتتحت رئيسة بلدية تيدويل القناة الجديدة يوم الاثنين بعد عامين من الموعد الذي وعدت به المدينة سكانها.",
        "نفذت الأعمال شركة محلية تعتني بالقناة منذ أربعين عاما وتعمل مع مدارس المدينة في كل صيف.",
        "ويمكن للقوارب أن تمر ابتداء من أول الشهر كما قالت للناس الذين جاؤوا لمشاهدة الافتتاح.",
    )
    body = page(paragraphs([f"\u202b{text}\u202c" for text in texts]), around=AROUND)
    assert clean(body.replace("<html>", '<html dir="rtl" lang="ar">'), "text/html").paragraphs == texts


@pytest.mark.parametrize("broken", ["\ufffd", "Ã¼", "\x00", "\x1b[0m", "&#x0;", "&#xD800;", "&nosuch;", "&#"])
def test_a_page_in_a_broken_encoding_keeps_its_paragraphs(broken: str) -> None:
    found = clean(page(paragraphs([f"{text[:20]}{broken}{text[20:]}" for text in BODY]), around=AROUND), "text/html")
    assert [(text[:20], text[-20:]) for text in found.paragraphs] == [(text[:20], text[-20:]) for text in BODY]


@pytest.mark.parametrize(
    "body", [f"<html>{LOCK} {WORKS}", f"<html><body><span>{LOCK} {WORKS}", f"<!doctype html>{LOCK} {WORKS}"]
)
def test_a_page_without_any_block_is_one_paragraph(body: str) -> None:
    assert clean(body, "text/html").paragraphs == (f"{LOCK} {WORKS}",)


@pytest.mark.parametrize("body", ["", " ", "<", "<>", "</p>", "<!---->", "<html", "<body>&nbsp;"])
def test_a_page_with_nothing_in_it_is_rejected(body: str) -> None:
    with pytest.raises(Rejected) as verdict:
        clean(body, "text/html")
    assert verdict.value.reason is Reason.NO_ARTICLE_TEXT


def test_text_that_only_the_hidden_article_holds_is_not_mixed_with_what_shows() -> None:
    body = page(
        paragraphs((LOCK, BOATS)), around=f'<div aria-hidden="true" style="visibility:hidden"><p>{WORKS}</p></div>'
    )
    assert WORKS not in clean(body, "text/html").paragraphs


@given(st.text(alphabet=st.sampled_from("<>/=\"' abpdivh1&;#x\n\x00é港"), max_size=200))
def test_whatever_the_markup_is_it_becomes_an_article_or_is_rejected(markup: str) -> None:
    with suppress(Rejected):
        assert clean(f"<html><body>{markup}", "text/html").paragraphs


def filled(unit: str, before: str = "<html><body>") -> str:
    return before + unit * ((MAX_BODY_BYTES - len(before)) // len(unit))


@pytest.mark.parametrize(
    "body",
    [
        filled("<div>"),
        filled("<b>x "),
        filled("<p>a</p>"),
        "<div>" * 300 + LOCK,
        filled("<table><tr><td>"),
        filled("<li>a"),
        filled("<i>a</i> "),
        "<html><body>" + "".join(f"<p>In the year {year} it was so: {LOCK}{WORKS}</p>" for year in range(4000)),
    ],
    ids=["divs", "unclosed", "paragraphs", "depth", "tables", "items", "elements", "text"],
)
def test_a_page_too_deep_or_too_large_is_rejected(body: str) -> None:
    with pytest.raises(Rejected) as verdict:
        clean(body, "text/html")
    assert verdict.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "body",
    [
        "<html></html>",
        "<html><body><p></p><script>x</script></body></html>",
        filled("<![CDATA[x]]>"),
        "<html>" + "<" * 9999,
    ],
)
def test_a_page_without_text_is_rejected(body: str) -> None:
    with pytest.raises(Rejected) as verdict:
        clean(body, "text/html")
    assert verdict.value.reason is Reason.NO_ARTICLE_TEXT


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>" + "<div>" * 240 + paragraphs() + "</div>" * 240,
        f'<html><body><p title="{"x" * MAX_BODY_BYTES}">{LOCK}</p>',
        f"<html><body><p>\x00\ud800{LOCK}</p>",
        f'<html><head><script type="application/ld+json">{"[" * 100_000}</script></head><body>{paragraphs()}',
        f'<html><head><script type="application/ld+json">{NESTED}</script></head><body>{paragraphs()}',
    ],
    ids=["deep", "attribute", "surrogate", "brackets", "nested"],
)
def test_a_hostile_page_with_an_article_comes_out_within_seconds(body: str) -> None:
    started = time.process_time()
    assert clean(body, "text/html").paragraphs[0].startswith(LOCK)
    assert time.process_time() - started < 10


def test_the_result_does_not_depend_on_the_pages_before() -> None:
    assert len({clean(page(paragraphs()), "text/html").paragraphs for _ in range(5)}) == 1


_LONG = 500_000  # characters
_ATTACKS = {
    "attributes": "<div " + " ".join(f"a{n}=1" for n in range(_LONG // 8)) + ">x</div>",
    "attributes behind a sign in quotes": "<div x='>' "
    + " ".join(f"data-{n}" for n in range(_LONG // 10))
    + ">x</div>",
    "authors": "".join(f"<meta name=author content='Ab C{n}'>" for n in range(_LONG // 32)),
    "a comment's end in JSON-LD": "<script type='application/ld+json'>{}-->" + " " * _LONG + "x</script>",
    "marks": "<p>" + "&#x300;&#x316;" * (_LONG // 14) + "</p>",
}


@pytest.mark.parametrize("attack", _ATTACKS.values(), ids=_ATTACKS.keys())
def test_a_page_made_to_be_slow_is_read_or_refused_soon(attack: str) -> None:
    line = "<p>The lock at Tidewell was opened on Monday by Marta Bellamy, the mayor, as was long expected.</p>"
    page = f"<html><head><title>The lock</title></head><body>{line * 5}{attack}{line * 5}</body></html>"
    begun = time.thread_time()
    with suppress(Rejected):
        clean(page, "text/html")
    assert time.thread_time() - begun < 8, "a second at most; without limits half a minute and more"


@pytest.mark.parametrize("between", ["<script>if (a<b) {%s}</script>", "<!-- a <b %s -->", '<p data-x="%s">x</p>'])
def test_what_only_looks_like_an_element_of_a_thousand_attributes_is_none(between: str) -> None:
    lines = "".join(f"<p>{line}</p>" for line in (*BODY, LATER))
    page = f"<html><body><h1>The lock</h1>{between % ('word ' * 5000)}{lines}</body></html>"
    assert LOCK in clean(page, "text/html").paragraphs
