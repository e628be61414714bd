"""HTML becomes an article, whatever it is declared as and however hostile it is."""

import logging
import time
from collections.abc import Sequence

import pytest

from services.extract.clean import CleanArticle, clean
from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, Caption

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."
BOATS = "Boats may pass from the first of the month, she told the people who had come to watch."
BODY = (LOCK, WORKS, BOATS)
NESTED = '{"author":' * 20_000


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
    assert rules(article)["© 2026 Tidewell Echo. All rights reserved."] == "html_boilerplate"


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


def test_subheads_of_a_page_are_kept() -> None:
    body = f"{paragraphs(BODY[:2])}<h2>A long wait</h2>{paragraphs(BODY[2:])}"
    article = clean(page(body, head="<title>Mayor opens lock</title>"), "text/html")
    assert article.paragraphs == (LOCK, WORKS, "A long wait", BOATS)


def test_a_list_within_the_article_is_kept() -> None:
    items = ("Boats up to ten metres", "Rafts", "The ferry of the brewery")
    body = f"<p>{LOCK}</p><p>{WORKS}</p><ul>{''.join(f'<li>{item}</li>' for item in items)}</ul><p>{BOATS}</p>"
    assert clean(page(body), "text/html").paragraphs == (LOCK, WORKS, *items, BOATS)


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
        filled(f"<p>{LOCK}{WORKS}</p>"),
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


def test_the_extractor_does_not_write_to_our_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(Rejected):
        clean("<html><body><p>x</p></body></html>", "text/html")
    assert not caplog.records
