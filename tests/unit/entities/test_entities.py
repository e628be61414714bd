"""The rules that turn what a model found into entities, on invented people, places and companies."""

from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extract.entities.aliases import Options
from services.extract.entities.boundaries import names_in, trim
from services.extract.entities.label_vote import vote
from services.extract.entities.missed_mentions import spread
from services.extract.entities.names import PersonName, acronyms_of, is_acronym, key_of, person_name, title_before
from services.extract.entities.ner.pipeline import MOST_IN_A_ROW, MOST_SYMBOLS, Pipeline, bounded_runs, pieces
from services.extract.entities.spans import Dropped, Span
from services.extract.entities.tagger import Tagger, entities_in
from shared.messages import Entity


def found(text: str, *names: tuple[str, str]) -> list[Span]:
    """Place each name at its next occurrence, as a model would report them."""
    spans, position = [], 0
    for name, label in names:
        start = text.index(name, position)
        position = start + len(name)
        spans.append(Span(start, position, label))
    return spans


def entities(text: str, *names: tuple[str, str], title: str | None = None) -> dict[str, Entity]:
    return {entity.name: entity for entity in entities_in(text, found(text, *names), title).entities}


def forms(entity: Entity) -> list[str]:
    return [mention.text for mention in entity.mentions]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("the Harbour Council", "Harbour Council"),
        ("The Harbour Council's", "Harbour Council"),
        ("Mara Quill’s", "Mara Quill"),  # noqa: RUF001 - the apostrophe papers print
        ("the Quills'", "Quills"),
        ("“Salt and Iron,”", "Salt and Iron"),
        ("(Northmoor)", "Northmoor"),
        ("Brindle Freight Corp.", "Brindle Freight Corp."),
        ("Northmoor.", "Northmoor"),
        ("U.S.", "U.S."),
        ("the U.S.'s", "U.S."),
        ("Owen Tarn Jr.", "Owen Tarn Jr."),
        ("Ferry Safety Board (FSB", "Ferry Safety Board"),
        ("— Theodora Vance —", "Theodora Vance"),
        ("\u00a0Élan Dorvain\u00a0", "Élan Dorvain"),
        ("O'Dell", "O'Dell"),
        ("the", ""),
    ],
)
def test_edges_that_are_no_part_of_a_name_are_trimmed(raw: str, name: str) -> None:
    text = f"xx {raw} yy"
    span = trim(text, Span(3, 3 + len(raw), "ORG"))
    if name:
        assert text[span.start : span.end] == name
    else:
        assert names_in(text, [Span(3, 3 + len(raw), "ORG")])[0] == []


@pytest.mark.parametrize(
    ("junk", "rule"),
    [
        ("--", "too_short"),
        ("7", "too_short"),
        ("council", "no_capital"),
        ("X", "too_short"),
        ("https://Brindle.example", "link"),
        ("info@Brindle", "link"),
        ("Q" * 81, "too_long"),
        ("Quill\n\nNorthmoor", "crosses_lines"),
    ],
)
def test_what_is_no_name_is_left_out_and_told_with_the_rule(junk: str, rule: str) -> None:
    assert names_in(junk, [Span(0, len(junk), "ORG")]) == ([], [Dropped(0, len(junk), "ORG", rule)])


def test_dropped_mentions_are_listed_and_counted_and_unwanted_labels_only_counted() -> None:
    text = "Ten council boats of Mara Quill left on Monday."
    spans = found(text, ("Ten", "CARDINAL"), ("council", "ORG"), ("Mara Quill", "PERSON"), ("Monday", "DATE"))
    tagged = entities_in(text, spans)
    assert [(one.text, one.label, one.rule) for one in tagged.dropped] == [("council", "ORG", "no_capital")]
    assert {one.rule: one.count for one in tagged.dropped_counts} == {"label_not_kept": 2, "no_capital": 1}


def test_the_list_of_dropped_mentions_is_bounded_and_the_count_is_not() -> None:
    text = "council " * 150
    tagged = entities_in(text, [Span(at * 8, at * 8 + 7, "ORG") for at in range(150)])
    assert len(tagged.dropped) == 100
    assert [one.count for one in tagged.dropped_counts] == [150]


def test_labels_and_least_mentions_are_the_users_choice() -> None:
    text = "Mara Quill left Northmoor for Tidewell. Mara Quill slept."
    spans = found(text, ("Mara Quill", "PERSON"), ("Northmoor", "GPE"), ("Mara Quill", "PERSON"))
    tagged = entities_in(text, [*spans, Span(30, 38, "LOC")], options=Options(frozenset({"PERSON", "GPE"}), 80, 2))
    assert [entity.name for entity in tagged.entities] == ["Mara Quill"]
    assert {one.rule: one.count for one in tagged.dropped_counts} == {"label_not_kept": 1, "few_mentions": 1}


def test_only_named_things_are_kept_and_per_means_person() -> None:
    text = "Mara Quill paid Ten crowns on Monday in Northmoor"
    spans = found(text, ("Mara Quill", "PER"), ("Ten crowns", "MONEY"), ("Monday", "DATE"), ("Northmoor", "GPE"))
    assert [(text[span.start : span.end], span.label) for span in names_in(text, spans)[0]] == [
        ("Mara Quill", "PERSON"),
        ("Northmoor", "GPE"),
    ]


def test_a_name_never_crosses_a_paragraph() -> None:
    text = "said Mara Quill\n\nNorthmoor"
    assert names_in(text, [Span(5, len(text), "PERSON")])[0] == []


def test_a_name_is_kept_when_only_blank_lines_were_caught_with_it() -> None:
    text = "said Mara Quill\n\n \nThen"
    assert names_in(text, [Span(5, 18, "PERSON")]) == ([Span(5, 15, "PERSON")], [])


def test_the_most_frequent_label_of_a_name_wins() -> None:
    text = "Brindle sold. Brindle bought. Brindle rests."
    voted = vote(text, found(text, ("Brindle", "ORG"), ("Brindle", "GPE"), ("Brindle", "ORG")))
    assert [span.label for span in voted] == ["ORG", "ORG", "ORG"]


def test_a_tied_vote_changes_nothing() -> None:
    text = "Brindle sold. Brindle bought."
    spans = found(text, ("Brindle", "ORG"), ("Brindle", "GPE"))
    assert vote(text, spans) == spans


def test_a_lone_surname_is_the_person_whatever_the_model_says() -> None:
    text = "Mara Quill won. Quill thanked all."
    result = entities(text, ("Mara Quill", "PERSON"), ("Quill", "ORG"))
    assert list(result) == ["Mara Quill"]
    assert result["Mara Quill"].label == "PERSON"
    assert result["Mara Quill"].aliases == ("Quill",)
    assert result["Mara Quill"].count == 2


def test_a_missed_mention_of_a_known_name_is_found() -> None:
    text = "Mara Quill won. Then Mara Quill left."
    assert forms(entities(text, ("Mara Quill", "PERSON"))["Mara Quill"]) == ["Mara Quill", "Mara Quill"]


def test_a_name_is_not_found_inside_other_words() -> None:
    text = "Tarn spoke. Tarnish, Mid-Tarn and Tarn-like are words; so is mcTarn."
    assert spread(text, [Span(0, 4, "PERSON")]) == [Span(0, 4, "PERSON")]


def test_a_single_word_that_is_no_person_is_spread_only_when_found_twice() -> None:
    text = "Sable rose. Sable fell. Sable rests."
    once, twice = found(text, ("Sable", "ORG")), found(text, ("Sable", "ORG"), ("Sable", "ORG"))
    assert spread(text, once) == once
    assert len(spread(text, twice)) == 3


def test_a_found_mention_does_not_overlap_a_longer_name() -> None:
    text = "Quill met Mara Quill. Mara Quill smiled."
    spans = spread(text, found(text, ("Quill", "PERSON"), ("Mara Quill", "PERSON")))
    assert [text[span.start : span.end] for span in spans] == ["Quill", "Mara Quill", "Mara Quill"]


def test_a_shared_surname_goes_to_the_person_named_most_so_far() -> None:
    text = "Mara Quill and Mara Quill met Odo Quill. Quill laughed."
    names = (("Mara Quill", "PERSON"), ("Mara Quill", "PERSON"), ("Odo Quill", "PERSON"), ("Quill", "PERSON"))
    result = entities(text, *names)
    assert forms(result["Mara Quill"]) == ["Mara Quill", "Mara Quill", "Quill"]
    assert forms(result["Odo Quill"]) == ["Odo Quill"]


def test_a_shared_surname_before_any_full_name_goes_to_the_first_to_come() -> None:
    text = "Quill waved. Odo Quill and Mara Quill came."
    result = entities(text, ("Quill", "PERSON"), ("Odo Quill", "PERSON"), ("Mara Quill", "PERSON"))
    assert forms(result["Odo Quill"]) == ["Quill", "Odo Quill"]


def test_titles_and_middle_initials_do_not_make_another_person() -> None:
    text = "Owen Tarn came. Dr. Tarn and Mr Owen B. Tarn are one; Owen waved."
    people = (("Owen Tarn", "PERSON"), ("Dr. Tarn", "PERSON"), ("Mr Owen B. Tarn", "PERSON"), ("Owen", "PERSON"))
    result = entities(text, *people)
    assert list(result) == ["Owen Tarn"]
    assert result["Owen Tarn"].aliases == ("Dr. Tarn", "Mr Owen B. Tarn", "Owen")


def test_a_person_and_a_place_of_one_word_stay_apart() -> None:
    text = "Mara Quill flew to Marabel."
    assert set(entities(text, ("Mara Quill", "PERSON"), ("Marabel", "GPE"))) == {"Mara Quill", "Marabel"}


def test_an_acronym_is_the_name_it_stands_for() -> None:
    text = "The Bureau of Ferry Safety met. The BFS voted."
    result = entities(text, ("The Bureau of Ferry Safety", "ORG"), ("BFS", "ORG"))
    assert result["Bureau of Ferry Safety"].aliases == ("BFS",)


def test_a_declared_acronym_needs_not_be_the_initials() -> None:
    text = "Northmoor Broadcasting (NORBC) rose. NORBC fell."
    result = entities(text, ("Northmoor Broadcasting", "ORG"), ("NORBC", "ORG"), ("NORBC", "ORG"))
    assert result["Northmoor Broadcasting"].count == 3


def test_company_forms_and_short_names_are_one_company() -> None:
    text = "Brindle Freight Lines Inc. rose; Brindle Freight Lines and Brindle Freight fell."
    names = (("Brindle Freight Lines Inc.", "ORG"), ("Brindle Freight Lines", "ORG"), ("Brindle Freight", "ORG"))
    result = entities(text, *names)
    assert result["Brindle Freight Lines Inc."].aliases == ("Brindle Freight Lines", "Brindle Freight")


def test_a_short_name_that_begins_two_longer_ones_stays_alone() -> None:
    text = "Brindle Freight and Brindle Bank fear Brindle."
    assert len(entities(text, ("Brindle Freight", "ORG"), ("Brindle Bank", "ORG"), ("Brindle", "ORG"))) == 3


@pytest.mark.parametrize("short", ["U.S.", "US", "USA", "the United States", "America"])
def test_a_country_has_one_entity(short: str) -> None:
    text = f"The United States met {short} again."
    result = entities(text, ("The United States", "GPE"), (short, "GPE"))
    assert list(result) == ["United States"]
    assert result["United States"].count == 2


def test_us_as_the_word_is_not_found_as_the_country() -> None:
    text = "The US sent US envoys; tell us."
    assert forms(entities(text, ("US", "GPE"), ("US", "GPE"))["US"]) == ["US", "US"]


def test_keys_are_free_of_titles_and_company_forms_but_never_empty() -> None:
    assert key_of("Prime Minister Dr. Quill", "PERSON") == "quill"
    assert key_of("Brindle Holdings Group, Ltd.", "ORG") == "brindle"
    assert key_of("King", "PERSON") == "king"
    assert key_of("Kingsley Tarn", "PERSON") == "kingsley tarn"


def test_acronyms_leave_out_small_words_or_keep_them() -> None:
    assert acronyms_of("Bureau of Ferry Safety") == {"BFS", "BOFS"}
    assert is_acronym("B.F.S.")
    assert not is_acronym("Bfs")


class _FoundByModel:
    """A pipeline that takes the same words of every text for a name."""

    def __init__(self, version: str, name: str, label: str) -> None:
        self.version, self._name, self._label = version, name, label

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        return [[Span(text.index(self._name), text.index(self._name) + len(self._name), self._label)] for text in texts]

    def renew_if_full(self) -> bool:
        return False


@pytest.mark.parametrize("own", ["no", "nb", "nn"])
@pytest.mark.parametrize("written", ["no", "nb", "nn"])
def test_norwegian_has_one_model_whatever_its_code(own: str, written: str) -> None:
    tagger = Tagger({own: cast("Pipeline", _FoundByModel("norsk 1", "Mara", "PER"))})
    article, danish = tagger.tag([(written, ("Mara sang.",), None), ("da", ("Mara sang.",), None)])
    assert (article.status, article.model, [one.name for one in article.entities]) == ("ok", "norsk 1", ["Mara"])
    assert danish.status == "no_model"


def test_the_model_of_the_very_code_comes_first() -> None:
    pipelines = {code: cast("Pipeline", _FoundByModel(code, "Mara", "PER")) for code in ("nb", "nn")}
    assert [one.model for one in Tagger(pipelines).tag([("nn", ("Mara",), None), ("no", ("Mara",), None)])] == [
        "nn",
        "nb",
    ]


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("zh", "市长玛拉奎尔说。", "玛拉奎尔"),
        ("ja", "市長はマラ・クイルです。", "マラ・クイル"),
        ("ar", "قالت مارا كويل إن الميناء مفتوح.", "مارا كويل"),
        ("hi", "मारा क्विल ने कहा।", "मारा क्विल"),
        ("ka", "მარა კვილი ამბობს.", "მარა კვილი"),
        ("he", "מארה קוויל אמרה.", "מארה קוויל"),
        ("th", "มารา ควิล กล่าว", "มารา ควิล"),
        ("ko", "마라 퀼은 말했다.", "마라 퀼"),
    ],
)
def test_a_script_without_capitals_keeps_its_names(language: str, text: str, name: str) -> None:
    tagger = Tagger({language: cast("Pipeline", _FoundByModel("1", name, "PERSON"))})
    (tagged,) = tagger.tag([(language, (text,), None)])
    assert [one.name for one in tagged.entities] == [name]
    assert tagged.dropped == ()


def test_a_word_of_a_script_with_capitals_still_needs_one() -> None:
    for word in ("совет", "συμβούλιο", "conseil", "խորհուրդ"):
        assert names_in(word, [Span(0, len(word), "ORG")])[1] == [Dropped(0, len(word), "ORG", "no_capital")]


def test_what_was_dropped_is_not_found_again() -> None:
    text = "Laura May left. In May 2027 it snows. May sang."
    spans = [Span(0, 9, "PERSON"), Span(38, 41, "PERSON")]
    date = Dropped(19, 27, "DATE", "label_not_kept")
    assert spread(text, spans, [date]) == spans
    assert Span(19, 22, "PERSON") in spread(text, spans)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Prime Minister Dr. Owen B. Tarn Jr.", PersonName("dr", ("owen", "b", "tarn"), "jr")),
        ("Owen “Boat” Tarn", PersonName("", ("owen", "tarn"), "", "boat")),
        ("J.K. Quill", PersonName("", ("j", "k", "quill"))),
        ("JK Quill", PersonName("", ("j", "k", "quill"))),
        ("JO QUILL", PersonName("", ("jo", "quill"))),
        ("Pope Osric XIV", PersonName("pope", ("osric",), "xiv")),
        ("Jinping Xi", PersonName("", ("jinping", "xi"))),
        ("King", PersonName("", ("king",))),
    ],
)
def test_a_persons_name_has_parts(name: str, parts: PersonName) -> None:
    assert person_name(name) == parts


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("King Osric", "king"),
        ("then Mrs. Osric", "mrs"),
        ("they miss Osric", ""),
        ("Tidewell Osric", ""),
        ("Osric", ""),
    ],
)
def test_a_title_before_the_mention_is_read(text: str, title: str) -> None:
    assert title_before(text, text.index("Osric")) == title


def test_offsets_are_code_points_of_the_text() -> None:
    text = "🚢 Zoë Åkerlund’s ferry\n\nÅkerlund 🎉 left Northmoor."  # noqa: RUF001
    names = (("Zoë Åkerlund’s", "PERSON"), ("Åkerlund", "PERSON"), ("Northmoor", "GPE"))  # noqa: RUF001
    mentions = [mention for entity in entities(text, *names).values() for mention in entity.mentions]
    assert len(mentions) == 3
    assert all(text[mention.start : mention.end] == mention.text for mention in mentions)


def test_the_entity_of_the_title_is_the_most_salient() -> None:
    text = "Odo Tarn spoke early.\n\nMuch later Mara Quill answered."
    names = (("Odo Tarn", "PERSON"), ("Mara Quill", "PERSON"))
    assert list(entities(text, *names, title="Quill wins")) == ["Odo Tarn", "Mara Quill"]
    assert list(entities(text, *names, title="Why Mara Quill wins")) == ["Mara Quill", "Odo Tarn"]


def test_salience_is_above_zero_and_its_maximum_is_one() -> None:
    text = "Mara Quill met Odo Tarn. " + "Nothing happened. " * 50 + "Northmoor slept. Mara Quill too."
    names = (("Mara Quill", "PERSON"), ("Odo Tarn", "PERSON"), ("Northmoor", "GPE"), ("Mara Quill", "PERSON"))
    saliences = [entity.salience for entity in entities(text, *names).values()]
    assert saliences == sorted(saliences, reverse=True)
    assert saliences[0] == 1.0
    assert 0 < saliences[-1] < saliences[1]


def test_a_text_without_names_has_no_entities() -> None:
    assert entities_in("nothing to see", []).entities == ()


@pytest.mark.parametrize("text", ["", "short", "one two three\n\nfour five six", "x" * 25, "one two three four five"])
def test_pieces_are_short_and_joined_are_the_text(text: str) -> None:
    cut = list(pieces(text, 10))
    assert "".join(piece for _, piece in cut) == text
    assert all(text.startswith(piece, offset) and len(piece) <= 10 for offset, piece in cut)


def test_a_text_is_cut_between_paragraphs_where_it_can_be() -> None:
    assert [piece for _, piece in pieces("one two\nthree four", 12)] == ["one two\n", "three four"]


@given(
    st.lists(
        st.sampled_from(["a", "Ab", "'", "$", "-", ".", " ", "\n", "漢", "ไ", "\u0e31", "😀", "_", "1"]), max_size=300
    )
)
def test_runs_without_a_space_have_few_symbols_in_one_part_and_joined_are_the_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    parts = bounded_runs(text)
    assert "".join(parts) == text
    for run in (run for part in parts for run in part.split()):
        assert sum(char in "'$-.😀_" for char in run) <= MOST_SYMBOLS
        assert (
            all(symbols not in run for symbols in ("'" * (MOST_IN_A_ROW + 1), "$" * (MOST_IN_A_ROW + 1)))
            or len(run) <= MOST_SYMBOLS
        )


@pytest.mark.parametrize(
    "text",
    [
        "The lock at Tidewell opened. " * 20,
        "https://harbour-gazette.example/2026/03/01/the-new-lock-at-tidewell-was-opened-on-monday?utm_source=a&b=c",
        "漢字仮名交じり文" * 400,
        "ที่นี่เปิดประตูน้ำแล้วเมื่อวันจันทร์" * 40,
        "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle",
        "-" * MOST_SYMBOLS,
    ],
)
def test_what_people_write_without_a_space_stays_in_one_piece(text: str) -> None:
    assert bounded_runs(text) == [text]
