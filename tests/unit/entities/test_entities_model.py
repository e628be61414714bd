"""The real model behind the rules: few claims, for what it finds is not ours to promise."""

import json
import time

import pytest
from typer.testing import CliRunner

from services.extract.entities import ModelUnavailable, Tagger, load
from services.extract.entities.tagger import Article
from wireroom.cli.main import app

LEAD = "Theresa Holloway, the mayor of Chicago, met officials of Brindle Freight Corp. in Berlin on Monday."
MORE = "“We will rebuild the harbour,” Holloway told reporters in Chicago. 🚢 The U.S. said it would help Holloway."


@pytest.fixture(name="tagger", scope="module")
def loaded_tagger() -> Tagger:
    return load()


def an_article(*paragraphs: str, language: str = "en", title: str | None = None) -> Article:
    return language, paragraphs or (LEAD, MORE), title


def test_people_and_places_are_found_with_all_their_mentions(tagger: Tagger) -> None:
    (tagged,) = tagger.tag([an_article()])
    entities = {entity.name: entity for entity in tagged.entities}
    assert entities["Theresa Holloway"].label == "PERSON"
    assert entities["Theresa Holloway"].aliases == ("Holloway",)
    assert entities["Theresa Holloway"].count == 3
    assert entities["Chicago"].label == "GPE"
    assert tagged.entities[0].salience == 1.0


def test_mentions_count_in_the_paragraphs_joined_by_a_blank_line(tagger: Tagger) -> None:
    (tagged,) = tagger.tag([an_article()])
    text = f"{LEAD}\n\n{MORE}"
    mentions = [mention for entity in tagged.entities for mention in entity.mentions]
    assert len(mentions) > 5
    assert all(text[mention.start : mention.end] == mention.text for mention in mentions)


def test_the_result_names_the_model_and_its_version(tagger: Tagger) -> None:
    (tagged,) = tagger.tag([an_article()])
    assert (tagged.status, tagged.model) == ("ok", "en_core_web_sm 3.8.0")


def test_an_article_in_a_language_without_model_keeps_its_place(tagger: Tagger) -> None:
    first, second, third = tagger.tag([an_article(MORE), an_article("Kaksi lausetta.", language="fi"), an_article()])
    assert (second.entities, second.status, second.model) == ((), "no_model", None)
    assert (first.status, third.status) == ("ok", "ok")
    assert third == tagger.tag([an_article()])[0]


def test_no_articles_and_no_paragraphs_are_no_trouble(tagger: Tagger) -> None:
    assert tagger.tag([]) == []
    assert tagger.tag([("en", (), None)])[0].entities == ()


def test_a_very_long_article_is_read_to_its_end(tagger: Tagger) -> None:
    filler = ("The weather stayed dull and nobody came. " * 20,) * 40
    (tagged,) = tagger.tag([an_article(*filler, LEAD)])
    length = len("\n\n".join((*filler, LEAD)))
    holloway = next(entity for entity in tagged.entities if entity.name == "Theresa Holloway")
    assert holloway.mentions[0].start == length - len(LEAD)


def test_a_missing_model_is_named_with_its_language_and_the_remedy() -> None:
    with pytest.raises(
        ModelUnavailable, match=r"xx_no_such_model for 'fi' is not installed: `python -m spacy download .* 'fi'"
    ):
        load({"fi": "xx_no_such_model"})


def test_an_installed_package_that_is_no_model_is_told_as_a_missing_one() -> None:
    with pytest.raises(ModelUnavailable, match="model pydantic for 'en' is not installed"):
        load({"en": "pydantic"})


def test_a_model_of_another_language_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="is for 'en', not for 'de'"):
        load({"de": "en_core_web_sm"})


def test_models_are_listed_with_what_they_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_EXTRACT_MODELS", '{"en": "en_core_web_sm"}')
    listed = CliRunner().invoke(app, ["models", "ls", "--json"])
    row = next(row for line in listed.stdout.splitlines() if (row := json.loads(line))["language"] == "en")
    assert (row["model"], row["version"], row["speed"], row["trouble"]) == ("en_core_web_sm", "3.8.0", "fast", None)
    assert "PERSON" in row["labels"]
    assert row["found"] > 10


def test_checking_models_fails_where_one_is_missing_and_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_EXTRACT_MODELS", '{"en": "en_core_web_sm", "fi": "xx_no_such_model"}')
    checked = CliRunner().invoke(app, ["models", "check"])
    assert checked.exit_code == 78
    assert "xx_no_such_model\t\t\t\tcannot be used" in checked.stdout
    assert "python -m spacy download xx_no_such_model" in checked.stderr
    monkeypatch.setenv("WIREROOM_EXTRACT_MODELS", '{"en": "en_core_web_sm"}')
    assert CliRunner().invoke(app, ["models", "check"]).exit_code == 0


@pytest.mark.parametrize("unit", ["'", "$", "“”", "'s", "😀", ":)", "a/b", "("])
def test_thousands_of_symbols_without_a_space_are_read_soon_and_names_around_them_found(
    unit: str, tagger: Tagger
) -> None:
    text = f"Marta Bellamy opened the lock. {unit * (8_000 // len(unit))} It was built by Theodora Vance in Chicago."
    begun = time.thread_time()
    (tagged,) = tagger.tag([an_article(text)])
    assert time.thread_time() - begun < 5, "tenths of a second; 8 kB of apostrophes took ten"
    assert tagged.entities
    for entity in tagged.entities:
        assert all(text[mention.start : mention.end] == mention.text for mention in entity.mentions)
