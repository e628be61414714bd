"""Mentions in paragraphs: overlapping, repeated, impossible ones, and characters beyond the basic plane."""

from hypothesis import given
from hypothesis import strategies as st

from services.desk.pages.text_segments import Segment, blocks, paragraphs
from shared.messages import ArticleExtracted, Entity, Mention, Removed
from wireroom.testing.factories import an_extracted_article


def marked(text: str, *spans: tuple[int, int, str]) -> ArticleExtracted:
    entities = tuple(
        Entity(name=name, label="ORG", count=1, mentions=(Mention(start=start, end=end, text=""),))
        for start, end, name in spans
    )
    return an_extracted_article(paragraphs=tuple(text.split("\n\n")), entities=entities)


def shown(article: ArticleExtracted) -> list[list[tuple[str, tuple[str, ...]]]]:
    return [[(part.text, tuple(mark.name for mark in part.marks)) for part in each] for each in paragraphs(article)]


def test_a_mention_is_a_segment_of_its_own() -> None:
    assert shown(marked("The lock at Tidewell is open.", (12, 20, "Tidewell"))) == [
        [("The lock at ", ()), ("Tidewell", ("Tidewell",)), (" is open.", ())]
    ]


def test_overlapping_mentions_share_a_segment_the_longer_one_outside() -> None:
    assert shown(marked("abcdefgh", (0, 5, "long"), (3, 7, "other"), (1, 2, "inner"))) == [
        [
            ("a", ("long",)),
            ("b", ("long", "inner")),
            ("c", ("long",)),
            ("de", ("long", "other")),
            ("fg", ("other",)),
            ("h", ()),
        ]
    ]


def test_only_the_ends_of_a_mention_carry_its_anchor_and_its_label() -> None:
    first, middle, last = paragraphs(marked("abcdef", (0, 6, "long"), (2, 4, "inner")))[0]
    whole = [next(mark for mark in part.marks if mark.name == "long") for part in (first, middle, last)]
    assert [(mark.first, mark.last) for mark in whole] == [(True, False), (False, False), (False, True)]


def test_offsets_are_code_points_not_utf_16_units() -> None:
    text = "\N{SHIP}\N{ROWBOAT} Ånde \N{MATHEMATICAL BOLD FRAKTUR CAPITAL A}x Karsholm"
    start = text.index("Karsholm")
    assert shown(marked(text, (start, start + 8, "Karsholm")))[0][-1] == ("Karsholm", ("Karsholm",))


def test_mentions_beyond_the_text_or_between_paragraphs_are_cut_to_what_is_there() -> None:
    found = shown(marked("one\n\ntwo", (2, 6, "across"), (3, 5, "between"), (7, 99, "beyond"), (500, 600, "nowhere")))
    assert found == [[("on", ()), ("e", ("across",))], [("t", ("across",)), ("w", ()), ("o", ("beyond",))]]


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 50), st.sampled_from("abc")), max_size=12)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4), SPANS)
def test_segments_joined_are_the_text_whatever_is_marked(texts: list[str], spans: list[tuple[int, int, str]]) -> None:
    entities = tuple(
        Entity(name=name, label="ORG", count=1, mentions=(Mention(start=start, end=end, text=""),))
        for start, end, name in spans
    )
    article = an_extracted_article(paragraphs=tuple(texts), entities=entities)
    found = paragraphs(article)
    assert ["".join(part.text for part in each) for each in found] == texts
    offset = 0
    for text, parts in zip(texts, found, strict=True):
        place = offset
        for part in parts:
            covering = {
                n for n, (start, end, _) in enumerate(spans) if start <= place and place + len(part.text) <= end
            }
            assert {mark.entity for mark in part.marks} == covering
            place += len(part.text)
        offset += len(text) + 2


def test_removed_lines_stand_where_they_had_stood() -> None:
    removed = (
        Removed(text="Subscribe", rule="promo", line=1),
        Removed(text="Share", rule="promo", line=4),
        Removed(text="Comment", rule="promo", line=5),
    )
    article = an_extracted_article(paragraphs=("one", "two"), paragraph_lines=(2, 7), removed=removed)
    assert [block.segments or [each.text for each in block.removed] for block in blocks(article)] == [
        ["Subscribe"],
        (Segment("one"),),
        ["Share", "Comment"],
        (Segment("two"),),
    ]


def test_without_lines_of_paragraphs_what_was_removed_stands_at_the_end() -> None:
    article = an_extracted_article(paragraphs=("one",), removed=(Removed(text="Share", rule="promo", line=1),))
    assert [bool(block.removed) for block in blocks(article)] == [False, True]
