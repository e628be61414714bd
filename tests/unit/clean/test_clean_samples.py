"""The sample articles, which the demo shows, come out as an editor would want them."""

import json

import pytest

from services.extract.clean.article import CleanArticle
from tests.cleaning import clean
from wireroom.samples import sample_lines

SAMPLES = [json.loads(line) for line in sample_lines()]
# paragraphs, captions, byline, agency, dateline, for each sample in order
EXPECTED: list[tuple[int, int, str | None, str | None, str | None]] = [
    (7, 1, "Jonah Pell", "Reuters", "KARSHOLM"),
    (6, 1, "Nadia Ferrow", None, None),
    (6, 1, None, None, None),
    (6, 0, None, "Reuters", "BRENNHAVEN"),
    (5, 0, "Imogen Tarl", None, None),
    (5, 1, "Ulrike Sandmeer", "AFP", None),
    (6, 0, None, "AP", "TARN POINT"),
    (7, 1, "Philippa Drane", None, None),
    (6, 1, "Jonah Pell", None, None),
    (6, 1, None, "AP", "TARN POINT"),
    (6, 1, "Imogen Tarl", None, None),
    (6, 0, None, "Reuters", "BRENNHAVEN"),
    (4, 0, "Nadia Ferrow", None, None),
    (8, 1, "Philippa Drane", None, None),
    (5, 1, "Edwin Harrow", "AP", "TARN POINT"),
    (6, 0, None, "AFP", "BRENNHAVEN"),
    (5, 0, "Colin Farraday", None, None),
    (6, 1, "Nadia Ferrow", None, None),
    (6, 1, None, "AFP", "VELLIN"),
    (5, 1, "Hélène Castagnol", "AFP", "KARSHOLM"),
    (6, 0, "Saskia Thorne", None, None),
    (6, 0, "Leonard Pym", "Reuters", "BRENNHAVEN"),
    (5, 0, None, "AP", "BRENNHAVEN"),
    (6, 1, None, None, None),
]
NOISE = (
    "subscribe",
    "sign up",
    "comment",
    "newsletter",
    "cookies",
    "advertisement",
    "picture:",
    "anzeige",
    "publicité",
    "©",
)


def cleaned(number: int) -> CleanArticle:
    sample = SAMPLES[number]
    return clean(sample["body"], sample["media_type"], title=sample["title"])


@pytest.mark.parametrize("number", range(24))
def test_a_sample_has_its_paragraphs_and_metadata(number: int) -> None:
    article = cleaned(number)
    found = (len(article.paragraphs), len(article.captions), article.byline, article.agency, article.dateline)
    assert found == EXPECTED[number]
    assert article.title == SAMPLES[number]["title"]


@pytest.mark.parametrize("number", range(24))
def test_a_sample_holds_nothing_of_the_page_around_it(number: int) -> None:
    paragraphs = [text.casefold() for text in cleaned(number).paragraphs]
    assert [text for text in paragraphs if text.startswith(NOISE) or text.endswith(NOISE)] == []
    assert all(text.endswith((".", '"', "”")) for text in paragraphs)


def test_a_repeated_caption_of_a_sample_counts_once_with_its_credit() -> None:
    (caption,) = cleaned(0).captions
    assert caption.text == "Dockers leave the picket line at the container terminal in Karsholm on Monday."
    assert caption.credit == "JORIS VANE/REUTERS"
