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
