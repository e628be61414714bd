"""A page is read once: its lines, the boxes they stand in, and the numbers that the judge of pages sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extract.clean.classifier import page_classifier, page_features
from services.extract.clean.html.blocks import Page, read
from services.extract.clean.html.elements import parse
from services.extract.clean.html.layout import layout_of
from services.extract.clean.html.page_metadata import Head, head_of
from services.extract.clean.rules.line_facts import describe
from tests.cleaning import CLEANER, RULES

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."
BOATS = "Boats may pass from the first of the month, she told the people who had come to watch."


def page_of(body: str) -> Page:
    return read(parse(f"<html><body>{body}</body></html>"))


def texts(body: str) -> list[str]:
    return [line.text for line in page_of(body).lines]


def test_each_block_is_a_line_and_inline_elements_are_not() -> None:
    assert texts("a <b>b</b> c<div>d<p>e</p>f</div>g<br>h") == ["a b c", "d", "e", "f", "g", "h"]


def test_what_is_hidden_or_no_text_is_not_read() -> None:
    hidden = "<p hidden>a</p><p style='color: red; display:none'>b</p><script>c</script><noscript>d</noscript>"
    assert texts(f"{hidden}<p>e <svg><text>f</text></svg>g</p>") == ["e g"]


def test_paragraphs_that_are_hidden_are_read_because_they_may_be_the_article_behind_a_pay_wall() -> None:
    article = f"<p>{LOCK}</p><p>{WORKS}</p><p>{BOATS}</p>"
    assert texts(f"<p>e</p><div style='display: none'>{article}</div>") == ["e", LOCK, WORKS, BOATS]
    each = "".join(f"<div hidden><p>{text}</p><p>Accept</p></div>" for text in (LOCK, WORKS, BOATS))
    assert texts(f"<p>e</p>{each}<div hidden>No</div>") == ["e", LOCK, "Accept", WORKS, "Accept", BOATS, "Accept"]
    assert texts(f"<p>e</p><div hidden><p>{LOCK}</p><p>Accept</p></div>") == ["e"]


def test_the_box_of_a_line_is_the_innermost_its_text_begins_in() -> None:
    page = page_of("<div><p><span>One</span> two</p>three</div>")
    assert [page.boxes.tags[box] for box in page.within] == ["span", "div"]


def test_the_lines_of_a_box_are_counted_also_where_it_is_within_a_line() -> None:
    page = page_of("<ul><li>a</li><li>b <a>c</a></li></ul><p>d</p>")
    spans = {
        tag: (first, last)
        for tag, first, last in zip(page.boxes.tags, page.boxes.first, page.boxes.last, strict=True)
        if tag in {"ul", "a", "p", "body"}
    }
    assert spans == {"body": (0, 3), "ul": (0, 2), "a": (1, 2), "p": (2, 3)}


def test_the_characters_that_are_links_are_counted() -> None:
    assert page_of("<p>12<a>345</a></p><a><p>67</p></a><p>8</p>").linked == [3, 2, 0]


def test_how_far_a_line_is_from_the_one_before_is_the_depth_of_the_box_that_holds_both() -> None:
    page = page_of("<div><p>a</p><p>b</p></div><div><p>c</p></div>")  # html 1, body 2, div 3, p 4
    assert page.meets == [0, 3, 2]
    assert [page.boxes.depths[box] for box in page.within] == [4, 4, 4]


def test_lines_in_a_caption_are_marked() -> None:
    assert [line.caption for line in page_of("<figure><figcaption>a<p>b</p></figcaption>c</figure>").lines] == [
        True,
        True,
        False,
    ]


def test_the_block_around_another_is_the_smallest_with_more_lines() -> None:
    page = page_of("<main><div><div><p>a</p></div></div><div><p>b</p></div></main>")
    layout = layout_of(page)
    assert [page.boxes.tags[box] for box in layout.chain[1]] == ["main", "main"]


def test_sums_over_boxes_are_those_of_their_lines() -> None:
    page = page_of("<div><p>one two</p><p>three</p></div><p>four</p>")
    layout = layout_of(page)
    held = dict(zip(page.boxes.tags, layout.held(layout.words), strict=True))
    assert (held["body"], held["div"]) == (4, 3)


@pytest.mark.parametrize("unseen", ["\u200b", "\ufeff \n", "\xad\u2060", " \x7f"])
def test_a_box_without_visible_text_holds_no_line(unseen: str) -> None:
    page = page_of(f"<p>{LOCK}</p><p><b>{unseen}</b></p><p><b>{unseen}</b>{WORKS}</p><p><b>{unseen}</b></p>")
    layout = layout_of(page)
    assert [line.text for line in page.lines] == [LOCK, WORKS]
    assert layout.held(np.ones(2)).tolist() == [2, 2, 1, 0, 0, 1, 0, 0, 0]


def test_what_follows_the_end_of_the_page_is_read_too() -> None:
    page = page_of(f"<p>{LOCK}</p></body></html>\n<html><body><p>{WORKS}</p></body></html><p>Ends")
    assert [line.text for line in page.lines] == [LOCK, WORKS, "Ends"]


def test_lines_far_from_any_prose_are_not_looked_at_but_the_heading_is() -> None:
    menu = "".join(f"<li><a href=x>Item {number}</a></li>" for number in range(30))
    page = page_of(f"<h1>Lock</h1><ul>{menu}</ul><main><p>{LOCK}</p><p>{WORKS}</p></main>")
    near = [page.lines[index].text for index in layout_of(page).near()]
    assert near == ["Lock", *(f"Item {number}" for number in range(22, 30)), LOCK, WORKS]


def test_names_agree_however_they_are_written() -> None:
    assert page_features.words_of([("class", "articleBody")]) == page_features.words_of([("class", "article-body")])
    assert page_features.words_of([("id", "c4a91"), ("style", "color: red"), ("data-testid", "related")]) == [
        "data-testid",
        "related",
    ]
    assert page_features.words_of([("itemtype", "https://schema.org/NewsArticle")]) == ["type-newsarticle"]


def test_names_near_a_line_and_further_out_are_told_apart() -> None:
    near = page_of("<div><p class=intro>a</p></div>")
    far = page_of("<div class=intro><div><div><p>a</p></div></div></div>")
    assert page_features.buckets(near.boxes, near.within) != page_features.buckets(far.boxes, far.within)


def rows_of(body: str, head: Head | None = None) -> tuple[np.ndarray, list[list[int]]]:
    region = page_classifier.region_of(page_of(body), head or Head())
    facts = describe(region.lines, None, RULES)
    return page_classifier.dense(region, facts, None), [
        list(line) for line in page_classifier.buckets(region, facts)[1]
    ]


def test_each_line_becomes_a_row_of_finite_numbers() -> None:
    rows, buckets = rows_of(f"<h1>Lock</h1><article><p>{LOCK}</p><p>{WORKS}</p></article><p>{BOATS}</p>")
    assert rows.shape == (4, page_classifier.WIDTH)
    assert len(buckets) == 4
    assert np.isfinite(rows).all()


@given(
    st.recursive(
        st.sampled_from(["a", "港が開いた。", LOCK, " ", "<br>", "<a href=x>b</a>"]),
        lambda inner: st.tuples(
            st.sampled_from(["p", "div", "ul", "li", "td", "article", "span", "h1", "figcaption", "a class='x y'"]),
            st.lists(inner, max_size=4),
        ).map(lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0].split()[0]}>"),
        max_leaves=40,
    )
)
def test_whatever_the_markup_is_each_line_gets_numbers(body: str) -> None:
    page = page_of(body)
    if page.lines:
        rows, buckets = rows_of(body)
        assert np.isfinite(rows).all()
        assert len(rows) == len(buckets)
        assert all(0 <= box < len(page.boxes.tags) for box in page.within)


def test_a_line_that_the_page_gives_as_its_text_is_known() -> None:
    head = Head(text=f"<p>{LOCK}</p> {WORKS} {WORKS} {WORKS}", description=BOATS)
    rows, _ = rows_of(f"<p>{LOCK}</p><p>{BOATS}</p>", head)
    in_body, in_description = -5, -2
    assert rows[0, in_body] == 1
    assert rows[1, in_body] == 0
    assert rows[1, in_description] == pytest.approx(1)


def test_a_page_with_few_lines_is_left_to_the_judge_of_texts() -> None:
    region = page_classifier.region_of(page_of(f"<p>{LOCK}</p>" * (page_classifier.MIN_LINES - 1)), Head())
    assert (
        page_classifier.probabilities(CLEANER.networks.pages, region, describe(region.lines, None, RULES), None) is None
    )


def test_the_article_of_json_ld_is_read_with_its_text() -> None:
    tree = parse(
        '<html><head><meta name="description" content="A lock opens."><script type="application/ld+json">'
        f'{{"@type": "NewsArticle", "articleBody": "{LOCK}"}}</script></head><body><p>x</p></body></html>'
    )
    head = head_of(tree, RULES.vocabulary)
    assert (head.text, head.description) == (LOCK, "A lock opens.")
