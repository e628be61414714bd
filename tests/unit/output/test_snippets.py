"""What a search shows of an article: the part where its words stand, marked, whatever their case and accents."""

from hypothesis import given
from hypothesis import strategies as st

from wireroom.cli.snippets import snippet, terms

TEXT = "The council met. " * 30 + "The Kårsholm lock opens, said Marta. " + "Nothing else happened. " * 30


def marked(text: str, query: str, width: int = 80) -> list[str]:
    return [part.text for part in snippet(text, terms(query), width) if part.matched]


def test_words_phrases_and_exclusions_are_told_apart() -> None:
    assert terms('lock "marta  bellamy" -quay -"old bridge" Lock') == ("lock", "marta bellamy")


def test_the_part_with_most_of_the_words_is_shown_and_each_is_marked_as_it_is_written() -> None:
    assert set(marked(TEXT, "council karsholm LOCK")) == {"council", "Kårsholm", "lock"}
    assert marked(TEXT, '"lock opens"') == ["lock opens"]
    assert marked("Die Häfen, der Hafen", "hafen") == ["Häfen", "Hafen"], "as the database finds them"
    assert marked("Locks, lock", "lock") == ["lock"], "only whole words"


def test_ellipses_tell_where_the_text_goes_on() -> None:
    shown = "".join(part.text for part in snippet(TEXT, ("marta",), 60))
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert "".join(part.text for part in snippet("Short text", ("nothing",))) == "Short text"


@given(st.text(max_size=300), st.text(max_size=30), st.integers(1, 80))
def test_a_snippet_is_a_part_of_the_text(text: str, query: str, width: int) -> None:
    parts = snippet(text, terms(query), width)
    assert "".join(part.text for part in parts).removeprefix("… ").removesuffix(" …") in " ".join(text.split())
