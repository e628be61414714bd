"""The samples are what the demo shows, so their mixture is fixed here."""

from collections import Counter

import pytest
from pydantic import ValidationError

from shared.messages import ArticleSubmitted
from wireroom.samples import sample_lines

SOURCES = {"harbour-gazette", "valdoria-post", "business-ledger", "northern-wire", "city-lantern", "sport-herald"}


def is_accepted(line: bytes) -> bool:
    try:
        ArticleSubmitted.model_validate_json(line)
    except ValidationError:
        return False
    return True


@pytest.fixture(name="lines")
def all_lines() -> list[bytes]:
    return sample_lines()


@pytest.fixture(name="articles")
def accepted_articles(lines: list[bytes]) -> list[ArticleSubmitted]:
    return [ArticleSubmitted.model_validate_json(line) for line in lines if is_accepted(line)]


def test_there_are_24_samples(lines: list[bytes]) -> None:
    assert len(lines) == 24


def test_exactly_one_sample_is_refused_and_only_for_its_misspelled_field(lines: list[bytes]) -> None:
    (refused,) = (line for line in lines if not is_accepted(line))
    with pytest.raises(ValidationError) as refusal:
        ArticleSubmitted.model_validate_json(refused)
    assert [(error["type"], error["loc"]) for error in refusal.value.errors()] == [
        ("extra_forbidden", ("publishd_at",)),
    ]


def test_exactly_one_sample_is_an_exact_repeat(lines: list[bytes]) -> None:
    assert sorted(Counter(lines).values())[-2:] == [1, 2]


def test_exactly_one_link_comes_twice_with_different_bodies(articles: list[ArticleSubmitted]) -> None:
    bodies = Counter(url for url, _ in {(article.url, article.body) for article in articles})
    assert sorted(bodies.values())[-2:] == [1, 2]


def test_the_update_comes_after_its_original_and_has_one_paragraph_more(articles: list[ArticleSubmitted]) -> None:
    (update,) = (article for article in articles if article.updated_at is not None)
    original, second = (article for article in articles if article.url == update.url)
    assert second is update
    assert (original.source, original.guid) == (update.source, update.guid)
    assert original.published_at is not None
    assert update.updated_at is not None
    assert update.updated_at > original.published_at
    before, after = (article.body.split("\n\n") for article in (original, update))
    assert len(after) == len(before) + 1
    assert [paragraph for paragraph in after if paragraph in before] == before


def test_one_wire_text_appears_in_two_sources(articles: list[ArticleSubmitted]) -> None:
    wire = [article for article in articles if "Storm Ottilie cut power to some 60,000 homes" in article.body]
    assert len({article.source for article in wire}) == len({article.url for article in wire}) == len(wire) == 2
    first, second = (set(article.body.split("\n\n")) for article in wire)
    assert len(first & second) >= 6
    assert first - second
    assert second - first


def test_the_samples_come_from_six_sources(articles: list[ArticleSubmitted]) -> None:
    assert {article.source for article in articles} == SOURCES


def test_the_samples_hold_three_languages_and_two_pages_of_html(articles: list[ArticleSubmitted]) -> None:
    assert {"de": 1, "fr": 1}.items() <= Counter(article.language for article in articles).items()
    assert {article.language for article in articles} == {"en", "de", "fr"}
    assert [article.media_type for article in articles].count("text/html") == 2


def test_the_samples_are_utf_8_without_escapes(lines: list[bytes]) -> None:
    assert all("\\u" not in line.decode("utf-8") for line in lines)
    assert any(not line.isascii() for line in lines)


def test_the_first_sample_is_plain_english_text_with_every_common_noise(articles: list[ArticleSubmitted]) -> None:
    first = articles[0]
    lines = [line for line in first.body.splitlines() if line]
    assert (first.media_type, first.language) == ("text/plain", "en")
    assert lines[0] == lines[-1] == "Subscribe now and get three months of the Harbour Gazette for the price of one."
    assert [line for line in lines if "Picture: " in line] == [lines[1]] * 2
    assert {"Reuters", "Do you want to comment on this story?"} <= set(lines)
