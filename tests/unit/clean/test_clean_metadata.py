"""What lines say about an article: captions and credits, bylines, agencies, datelines, titles."""

import pytest

from services.extract.clean.article import CleanArticle
from services.extract.clean.rules.agencies import dateline_of, is_date_line
from services.extract.clean.rules.bylines import byline_in
from services.extract.clean.text import tokens
from shared.messages import Caption
from tests.cleaning import RULES, clean

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."


def plain(*lines: str, title: str | None = None) -> CleanArticle:
    return clean("\n\n".join(lines), "text/plain", title=title)


@pytest.mark.parametrize(
    ("line", "text", "credit"),
    [
        ("The quay. Picture: A. REED/HANDOUT/AFP VIA GETTY IMAGE.", "The quay.", "A. REED/HANDOUT/AFP VIA GETTY IMAGE"),
        ("The quay at dawn. Photo by Alma Reed/Getty Images", "The quay at dawn.", "Alma Reed/Getty Images"),
        ("The quay at dawn (AP Photo/Alma Reed)", "The quay at dawn", "AP Photo/Alma Reed"),
        ("The quay at dawn (Image: Getty)", "The quay at dawn", "Getty"),
        ("The quay at dawn. | Alma Reed/AP", "The quay at dawn.", "Alma Reed/AP"),
        ("Der Kai am Morgen. © Alma Reed/dpa", "Der Kai am Morgen.", "Alma Reed/dpa"),
        ("Der Kai am Morgen. Foto: Alma Reed (REUTERS)", "Der Kai am Morgen.", "Alma Reed (REUTERS)"),
        ("Le quai à l'aube. Photo : ALMA REED/AFP", "Le quai à l'aube.", "ALMA REED/AFP"),
        ("FILE PHOTO: The quay at dawn.", "The quay at dawn.", None),
        ("Der Kai am Morgen (Archivbild)", "Der Kai am Morgen", None),
        ("Photo by Alma Reed", "", "Alma Reed"),
    ],
)  # fmt: skip
def test_a_caption_is_parted_from_its_credit(line: str, text: str, credit: str | None) -> None:
    assert RULES.credits.caption_in(line, tokens(line)) == Caption(text=text, credit=credit)


@pytest.mark.parametrize(
    "line",
    [
        "He gave them credit: his mother had taught him everything about honesty.",
        "She had posted a photo by Alma Reed.",
        "Der Hafen wird ausgebaut (dpa)",
        "The minister told Reuters.",
        "© 2026 Tidewell Echo. All rights reserved.",
    ],
)
def test_a_sentence_that_speaks_of_pictures_or_agencies_is_no_caption(line: str) -> None:
    assert RULES.credits.caption_in(line, tokens(line)) is None


def test_a_caption_counts_once_however_often_it_stands_there() -> None:
    caption = "The lock at dawn. Picture: ALMA REED/AFP"
    article = plain(caption, LOCK, WORKS, caption)
    assert article.captions == (Caption(text="The lock at dawn.", credit="ALMA REED/AFP"),)
    assert [entry.line for entry in article.removed if entry.rule == "caption"] == [1, 7]


def test_a_credit_in_the_next_line_belongs_to_the_caption_above() -> None:
    article = plain(LOCK, WORKS, "The lock at dawn", "Photo: Alma Reed")
    assert article.captions == (Caption(text="The lock at dawn", credit="Alma Reed"),)
    assert [entry.rule for entry in article.removed] == ["caption", "caption"]


def test_a_lone_credit_never_takes_a_paragraph_for_its_caption() -> None:
    article = plain(LOCK, "Photo: Alma Reed", WORKS)
    assert (article.paragraphs, article.captions) == ((LOCK, WORKS), ())


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("By Odile Farrow", "Odile Farrow"),
        ("By Odile Farrow, Political Editor", "Odile Farrow"),
        ("BY ODILE FARROW AND TOM VAN DER BERG", "ODILE FARROW AND TOM VAN DER BERG"),
        ("Von Anna Möwe", "Anna Möwe"),
        ("Por María Pérez y Juan Gómez", "María Pérez y Juan Gómez"),
        ("Door Jan de Vries", "Jan de Vries"),
        ("By Odile Farrow | March 3, 2026", "Odile Farrow"),
        ("By Odile Farrow 3 March 2026", "Odile Farrow"),
    ],
)
def test_a_byline_is_the_names_without_roles_and_dates(line: str, names: str) -> None:
    assert byline_in(line, tokens(line), RULES.vocabulary) == names


@pytest.mark.parametrize(
    "line",
    [
        "By Monday the port was open",
        "Von Berlin nach München fahren",
        "By the way, it works",
        "Por fin llega la lluvia",
    ],
)
def test_a_line_that_only_begins_like_a_byline_is_none(line: str) -> None:
    assert byline_in(line, tokens(line), RULES.vocabulary) is None


def test_a_bare_name_above_the_article_is_its_byline_if_it_stands_beside_the_date() -> None:
    assert plain("Odile Farrow", "Published March 3, 2026", LOCK, WORKS).byline == "Odile Farrow"
    assert plain("Odile Farrow", LOCK, WORKS).byline is None


@pytest.mark.parametrize(
    ("line", "agency"),
    [
        ("Reuters", "Reuters"),
        ("REUTERS", "Reuters"),
        ("AFP/Reuters", "AFP/Reuters"),
        ("With Reuters", "Reuters"),
        ("Quelle: dpa", "dpa"),
        ("Reuters, AP and AFP", "Reuters/AP/AFP"),
        ("The Associated Press", "AP"),
        ("新华社", "新华社"),
        ("Spa", None),
        ("AFP says", None),
        ("Tidewell Echo", None),
    ],
)
def test_an_agency_line_names_agencies_and_nothing_else(line: str, agency: str | None) -> None:
    assert RULES.agencies.named_by(line) == agency


def test_the_agency_is_found_in_the_byline() -> None:
    assert plain("By Odile Farrow and Reuters", LOCK, WORKS).agency == "Reuters"


@pytest.mark.parametrize(
    ("text", "place", "agency"),
    [
        ("TIDEWELL (Reuters) - The lock", "TIDEWELL", "Reuters"),
        ("TIDEWELL, March 2 (Reuters) - The lock", "TIDEWELL, March 2", "Reuters"),
        ("NEW TIDEWELL, Estovia (AP) — The lock", "NEW TIDEWELL, Estovia", "AP"),
        ("Tidewell (dpa) - Die Schleuse", "Tidewell", "dpa"),
        ("(Reuters) - The lock", None, "Reuters"),
        ("TIDEWELL — The lock", "TIDEWELL", None),
        ("TARN POINT -- The lock", "TARN POINT", None),
    ],
)
def test_a_dateline_stands_before_the_first_sentence(text: str, place: str | None, agency: str | None) -> None:
    dateline = dateline_of(text, tokens(text), RULES.agencies)
    assert dateline is not None
    assert (dateline.place, dateline.agency) == (place, agency)
    assert text.removeprefix(dateline.text).strip() in {"The lock", "Die Schleuse"}


@pytest.mark.parametrize(
    "text", ["NATO - the alliance - met", "I - and only I - know.", "Tidewell (pop. 300) - a town"]
)
def test_a_dash_makes_no_dateline(text: str) -> None:
    assert dateline_of(text, tokens(text), RULES.agencies) is None


def test_a_score_is_no_dateline() -> None:
    assert plain("TIDEWELL – Brackwater: 3 goals to 2.").dateline is None  # noqa: RUF001 - the dash is meant


@pytest.mark.parametrize("line", ["March 3, 2026", "08.03.2026, 18:59 Uhr • Lesezeit: 1 Minute", "Il y a 3 heures"])
def test_a_date_line_is_nothing_but_a_date(line: str) -> None:
    assert is_date_line(tokens(line), RULES.vocabulary)


@pytest.mark.parametrize("line", ["12", "Room 12", "In 2024 the lock froze"])
def test_a_number_makes_no_date_line(line: str) -> None:
    assert not is_date_line(tokens(line), RULES.vocabulary)


def test_a_date_between_paragraphs_heads_a_part_of_a_chronicle_and_stays() -> None:
    assert plain(LOCK, "March 3, 2026", WORKS).paragraphs == (LOCK, "March 3, 2026", WORKS)


def test_the_given_title_is_taken_out_of_the_text() -> None:
    article = plain("Mayor opens new lock - Tidewell Echo", LOCK, WORKS, title="Mayor opens new lock")
    assert (article.title, article.paragraphs) == ("Mayor opens new lock", (LOCK, WORKS))
    assert article.removed[0].rule == "title"


def test_without_a_given_title_the_heading_is_the_title() -> None:
    article = plain("Canal", "Mayor opens new lock at Tidewell", LOCK, WORKS)
    assert (article.title, article.removed[1].rule) == ("Mayor opens new lock at Tidewell", "title")


def test_an_article_without_a_heading_has_no_title() -> None:
    assert plain("Subscribe now", LOCK, WORKS).title is None


def test_each_phrase_of_the_vocabulary_is_found_in_a_line_that_says_it() -> None:
    words = RULES.vocabulary
    phrases = [phrase for index in (words.starts, words.inside) for entries in index.values() for phrase, _ in entries]
    assert len(phrases) > 1000
    assert all(words.cues(phrase) for phrase in (*phrases, *words.lines))
