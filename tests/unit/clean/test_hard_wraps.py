"""Hard-wrapped plain text is joined into paragraphs; text that was not wrapped is left alone."""

import textwrap

import pytest

from services.extract.clean.text import split

LONG = (
    "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised.",
    "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years at least.",
    "It will now look after its gates, its pumps and the small house of the keeper for another twenty, at a fixed fee.",
    "Boats may pass from the first of the month, she told the people who had come to watch. The fare is four crowns.",
)


def texts(body: str) -> list[str]:
    return [line.text for line in split(body)]


@pytest.mark.parametrize("width", [66, 72, 80])
def test_wrapped_text_without_blank_lines_is_joined_also_between_lines_of_a_menu(width: int) -> None:
    menu = ["Home", "news and views", "sport", "weather", "the town"]
    body = "\n".join([*menu, *(textwrap.fill(paragraph, width) for paragraph in LONG), *menu])
    assert " ".join(texts(body)[5:-5]) == " ".join(LONG)
    assert texts(body)[:5] == texts(body)[-5:] == menu


def test_an_indented_first_line_begins_a_paragraph() -> None:
    body = "\n".join(textwrap.fill(paragraph, 72, initial_indent="    ") for paragraph in LONG)
    assert texts(body) == list(LONG)


def test_an_indentation_beyond_the_column_does_not_count_against_it() -> None:
    body = "\n".join(f"    {textwrap.fill(paragraph, 72)}" for paragraph in LONG)
    assert texts(body) == list(LONG)


def test_an_indented_text_is_read_as_one_that_is_not() -> None:
    assert texts(textwrap.indent("\n".join(LONG), "    ")) == list(LONG)


def test_a_short_line_before_an_endless_link_stays_a_line() -> None:
    link = "https://tidewell-echo.example/harbour/" + "swing-bridge-" * 6
    body = "\n".join([*(textwrap.fill(paragraph, 72) for paragraph in LONG), "Read more:", link])
    assert texts(body)[-2:] == ["Read more:", link]


def test_a_poem_and_a_list_keep_their_lines() -> None:
    poem = ["the lock is open and the boats go down", "to where the river opens to the sea", "and nobody in all of the"]
    assert texts("\n".join(poem * 3)) == poem * 3


def test_a_brief_text_with_one_wrapped_paragraph_is_joined() -> None:
    brief = ["Tidewell opens its lock", LONG[1], "Share", "Print"]
    for between in ("\n", "\n\n"):
        body = between.join(textwrap.fill(paragraph, 72) for paragraph in brief)
        assert texts(body) == brief


def test_lines_of_about_one_length_are_joined_where_blank_lines_part_the_paragraphs() -> None:
    widths = (72, 66, 61, 70)
    ragged = []
    for paragraph, width in zip(LONG, widths, strict=True):
        first, *_ = textwrap.wrap(paragraph, width)
        ragged.append(f"{first}\n{paragraph[len(first) :].strip()}")
    assert texts("\n\n".join(ragged)) == list(LONG)
    assert len(texts("\n".join(ragged))) > len(LONG), "nothing tells where a paragraph begins"


def test_a_label_below_a_last_line_that_is_full_by_chance_is_no_part_of_the_paragraph() -> None:
    full = (
        "The mayor of Tidewell opened the new lock on Monday, two years late and\n"
        "with a speech on the price of the gates that lasted for an hour and more."
    )
    body = "\n".join([*(textwrap.fill(paragraph, 72) for paragraph in LONG), full, "Advertisement", LONG[3][:60]])
    assert texts(body)[-2] == "Advertisement"


def test_paragraphs_of_one_sentence_stay_apart_where_the_last_line_is_full() -> None:
    full = "The council of Tidewell will look at the bill of the works in September."
    body = "\n".join([textwrap.fill(LONG[0], 72), full, textwrap.fill(LONG[1], 72)])
    assert texts(body) == [LONG[0], full, LONG[1]]


def test_a_paragraph_begins_below_the_credit_of_a_picture() -> None:
    credit = "The new lock of Tidewell, seen from the mill on Monday. Photo: Ada Moss/AP"
    body = "\n".join([credit, textwrap.fill(LONG[0], 74), textwrap.fill(LONG[1], 74)])
    assert texts(body) == [credit, LONG[0], LONG[1]]


def test_a_link_that_is_longer_than_the_column_does_not_hide_it() -> None:
    link = "https://tidewell-echo.example/harbour/" + "swing-bridge-" * 5
    assert texts("\n\n".join([link, *(textwrap.fill(paragraph, 72) for paragraph in LONG)])) == [link, *LONG]


def test_a_closing_mark_on_the_next_line_ends_its_paragraph() -> None:
    said = "« Jamais. Une cloche, ce sont cinq notes qui ont décidé de se taire à midi. »"
    wrapped = "« Jamais. Une cloche, ce sont cinq notes qui ont décidé de se taire à midi.\n»"
    body = "\n".join([textwrap.fill(LONG[0], 76), wrapped, textwrap.fill(LONG[1], 76)])
    assert texts(body) == [LONG[0], said, LONG[1]]
