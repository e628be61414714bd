"""What changed between two versions, as `wireroom show --diff` tells it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wireroom.ops.word_diff import Change, changes


def version(*paragraphs: str, **head: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a document
    return {"title": "The lock", "paragraphs": paragraphs} | head


def test_a_word_that_changed_is_shown_inside_its_paragraph() -> None:
    [first, second] = changes(
        version("The lock opened.", "Boats pass from May, she said."),
        version("The lock opened.", "Boats pass from June, she said."),
    )
    assert first == Change((("same", "The lock opened."),))
    assert second.parts == (("same", "Boats pass from "), ("gone", "May"), ("new", "June"), ("same", ", she said."))
    assert second.kind == "edited"


def test_paragraphs_that_have_little_in_common_are_one_gone_and_one_new() -> None:
    found = changes(version("The lock opened on Monday."), version("Nobody knows who took a key."))
    assert [change.kind for change in found] == ["gone", "new"]


def test_an_inserted_paragraph_does_not_make_its_neighbours_look_new() -> None:
    found = changes(version("a b c d", "e f g h"), version("a b c d", "new words here", "e f g i"))
    assert [change.kind for change in found] == ["same", "new", "edited"]


def test_the_head_shows_only_what_differs() -> None:
    found = changes(version("x", byline=None), version("x", title="The new lock", byline="Ada Quillon"))
    assert [(change.field, change.parts) for change in found[:2]] == [
        ("title", (("gone", "The lock"), ("new", "The new lock"))),
        ("byline", (("new", "Ada Quillon"),)),
    ]
    assert found[2].field is None


PARAGRAPHS = st.lists(st.text("ab c.", min_size=1, max_size=20), max_size=6)


@given(PARAGRAPHS, PARAGRAPHS)
def test_both_versions_can_be_read_from_the_changes(old: list[str], new: list[str]) -> None:
    found = changes(version(*old), version(*new))
    for kind, paragraphs in (("gone", old), ("new", new)):
        read = ["".join(text for k, text in change.parts if k in {"same", kind}) for change in found]
        assert [text for text in read if text] == paragraphs
