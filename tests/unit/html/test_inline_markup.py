"""Markup inside sentences does not cut them; line breaks that show are paragraphs, and those of wrapping are none."""

import pytest

from services.extract.clean.html.blocks import read
from services.extract.clean.html.elements import parse
from tests.cleaning import clean

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."
BOATS = "Boats may pass from the first of the month, she told the people who had come to watch."
BODY = (LOCK, WORKS, BOATS)


def texts(body: str, language: str = "en") -> list[str]:
    return [line.text for line in read(parse(f"<html lang={language}><body>{body}</body></html>")).lines]


def wrapped(text: str, width: int = 70) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>The <button>bearings</button> were cast in 1958.</p>", "The bearings were cast in 1958."),
        ("<p>The <label>bearings</label> were cast in 1958.</p>", "The bearings were cast in 1958."),
        ("<p>The <span>bearings<button>?</button></span> were cast.</p>", "The bearings were cast."),
        (
            "<p>The <span>bearings<div role=tooltip>They carry the weight.</div></span> were cast.</p>",
            "The bearings were cast.",
        ),
        ("<p>The <b>bearings<span class=tooltiptext>Weight</span></b> were cast.</p>", "The bearings were cast."),
        ("<p>The <span><div>bearings</div></span> were cast in 1958.</p>", "The bearings were cast in 1958."),
        ("<p>The <a>office<span class=sr-only>, opens new tab</span></a> said so.</p>", "The office said so."),
        (
            "<p>The <a>office<span style='position:absolute;clip:rect(0,0,0,0)'>new tab</span></a> said so.</p>",
            "The office said so.",
        ),
        ("<p>The office<sup><a href='#n1'>1</a></sup> said so.<sup>[2]</sup></p>", "The office said so."),
        ("<p>It is 20 m<sup>2</sup> large, said the 1<sup>st</sup> mate.</p>", "It is 20 m2 large, said the 1st mate."),
        ("<div><div>T</div>he old lock is closed.</div>", "The old lock is closed."),
        ("<div><div>“T</div>he old lock is closed.”</div>", "“The old lock is closed.”"),
        ("<p><ruby>潮井<rp>(</rp><rt>しおい</rt><rp>)</rp></ruby>の橋が閉鎖された。</p>", "潮井の橋が閉鎖された。"),
    ],
)
def test_a_sentence_is_one_line(markup: str, text: str) -> None:
    assert texts(markup) == [text]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "She said “no” twice."),
        ("de", "She said „no“ twice."),
        ("fr", "She said «no» twice."),
        ("ja", "She said 「no」 twice."),
    ],
)
def test_a_quotation_has_its_marks(language: str, text: str) -> None:
    assert texts("<p>She said <q>no</q> twice.</p>", language) == [text]
    assert texts("<p>She said “<q>no</q>” twice.</p>") == ["She said “no” twice."]


def test_buttons_beside_each_other_are_lines_of_their_own() -> None:
    assert texts("<div><button>Share</button><button>Print</button></div><p>A lock.</p>") == [
        "Share",
        "Print",
        "A lock.",
    ]
    assert texts("<p>A lock.</p><div>Follow us</div>and more") == ["A lock.", "Follow us", "and more"]


@pytest.mark.parametrize("tag", ["pre", "div style='white-space: pre-line'", "p style='white-space:pre-wrap'"])
def test_line_breaks_that_show_part_paragraphs(tag: str) -> None:
    hard = "\n\n".join("\n".join(wrapped(text)) for text in BODY)
    for body in ("\n\n".join(BODY), hard):
        assert texts(f"<{tag}>{body}</{tag.split(maxsplit=1)[0]}>") == list(BODY)


def test_lines_wrapped_with_br_are_joined_and_two_of_them_part_paragraphs() -> None:
    body = "<br><br>\n".join("<br>\n".join(wrapped(text)) for text in BODY)
    page = read(parse(f"<html><body><p>Above</p><div>{body}</div><p>Below</p></body></html>"))
    assert [line.text for line in page.lines] == ["Above", *BODY, "Below"]
    assert [line.number for line in page.lines] == [1, 2, 3, 4, 5]
    spans = {
        tag: (a, b) for tag, a, b in zip(page.boxes.tags, page.boxes.first, page.boxes.last, strict=True) if tag != "br"
    }
    assert (spans["div"], spans["body"]) == ((1, 4), (0, 5))
    assert max(page.boxes.last) == len(page.lines)


def test_lines_of_a_poem_stay_as_they_are() -> None:
    verses = ("The tide comes in", "and takes the quay", "and gives it back", "before the day")
    assert texts("<p>" + "<br>".join(verses) + "</p>") == list(verses)


def test_a_fragment_without_paragraph_tags_is_parted_by_its_blank_lines() -> None:
    quote = "A lock that opens by itself is no lock, said the mayor of the town."
    body = f"{LOCK}\n\n{WORKS}\n\n<blockquote>{quote}</blockquote>\n\n{BOATS}"
    assert clean(body, "text/html", title="Mayor opens lock").paragraphs == (LOCK, WORKS, quote, BOATS)


def test_a_feed_that_was_escaped_twice_is_markup() -> None:
    body = "".join(f"&lt;p&gt;{text}&lt;/p&gt;\n" for text in BODY)
    assert clean(body, "text/html", title="Mayor opens lock").paragraphs == BODY
