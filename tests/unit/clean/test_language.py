"""The language is told from the text; what the publisher declared helps where the text is too short."""

import pytest

from services.extract.clean.language import LanguageModel
from tests.cleaning import CLEANER

identify = CLEANER.languages.identify
TEXTS = {
    "en": (
        "The mayor of Tidewell opened the new lock on Monday. "
        "Boats may pass from the first of the month, she told the people who had come to watch."
    ),
    "de": (
        "Die Bürgermeisterin von Tidewell hat am Montag die neue Schleuse eröffnet. "
        "Vom Ersten des Monats an dürfen Boote sie wieder benutzen."
    ),
    "fr": (
        "La maire de Tidewell a inauguré lundi la nouvelle écluse. "
        "Les bateaux pourront passer dès le premier du mois, a-t-elle annoncé aux habitants."
    ),
    "es": (
        "La alcaldesa de Tidewell inauguró el lunes la nueva esclusa. "
        "Los barcos podrán pasar a partir del primer día del mes, dijo a los vecinos."
    ),
    "it": (
        "La sindaca di Tidewell ha inaugurato lunedì la nuova chiusa. "
        "Le barche potranno passare dal primo del mese, ha detto agli abitanti presenti."
    ),
    "pt": (
        "A presidente da câmara de Tidewell inaugurou na segunda-feira a nova eclusa. "
        "Os barcos poderão passar a partir do primeiro dia do mês, disse ela."
    ),
    "nl": (
        "De burgemeester van Tidewell heeft maandag de nieuwe sluis geopend. "
        "Vanaf de eerste van de maand mogen er weer boten door, zei ze tegen de bewoners."
    ),
    "pl": (
        "Burmistrz miasta Tidewell otworzyła w poniedziałek nową śluzę. "
        "Łodzie będą mogły przepływać od pierwszego dnia miesiąca, powiedziała mieszkańcom."
    ),
    "ja": (
        "港町ティドウェルで月曜日、新しい水門が開いた。"
        "市長が式典で話した。"
        "工事は四十年にわたって運河を守ってきた会社が担当した。"
        "船は来月の一日から通ることができると市長は集まった人々に語った。"
        "長く待ったと市民は述べた。"
    ),
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_few_sentences_tell_their_language(language: str) -> None:
    assert identify(TEXTS[language], None).language == language


def test_a_clear_text_counts_more_than_what_was_declared() -> None:
    assert identify(TEXTS["de"], "en").language == "de"


@pytest.mark.parametrize("declared", ["fr", "fr-CA", "FR_fr", "fra"])
def test_a_short_text_is_in_the_declared_language(declared: str) -> None:
    assert identify("Bonjour", declared).language == "fr"


def test_between_neighbouring_languages_a_short_text_is_in_the_declared_one() -> None:
    assert identify("Havnen er åpen igjen fra mandag", None).language == "no"
    assert identify("Havnen er åpen igjen fra mandag", "da").language == "da"


def test_a_declared_language_that_the_text_rules_out_is_ignored() -> None:
    assert identify("港が開いた", "en").language == "ja"


@pytest.mark.parametrize("text", ["", "1234", "Tidewell", "\u202e\x00"])
def test_what_tells_no_language_is_undetermined(text: str) -> None:
    assert identify(text, None).language == "und"


def test_without_a_text_the_declared_language_holds() -> None:
    assert identify("", "de-AT").language == "de"


@pytest.mark.parametrize("declared", ["", "x", "english", "und", "12"])
def test_a_declaration_that_is_no_code_is_ignored(declared: str) -> None:
    assert identify("1234", declared).language == "und"


def test_a_very_long_text_is_judged_by_its_beginning() -> None:
    assert identify(TEXTS["pl"] * 20 + TEXTS["en"] * 10_000, None).language == "pl"


def test_the_model_is_loaded_when_the_first_text_comes() -> None:
    model = LanguageModel()
    assert vars(model) == {}
    assert model.identify(TEXTS["de"], None).language == "de"
    assert vars(model)


def test_a_language_comes_with_how_likely_it_is() -> None:
    assert identify(TEXTS["de"], None).confidence > 0.99
    unsure = identify("Havnen er åpen igjen fra mandag", "da")
    assert unsure.language == "da"
    assert 0 < unsure.confidence < 0.9
    assert identify("1234", None) == ("und", 0)
    assert identify("1234", "de").confidence < 0.5


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("other", ["en", "de", "ja"])
def test_a_glance_at_a_long_text_says_what_the_whole_of_it_does(
    language: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of texts in two languages, whichever comes first and however much of it there is."""
    texts = [TEXTS[language] * 20, *(TEXTS[language] * part + TEXTS[other] * 20 for part in (1, 2, 4, 8))]
    glances = [identify(text, None) for text in texts]
    monkeypatch.setattr("services.extract.clean.language._EVERY", 10_000)
    wholes = [identify(text, None) for text in texts]
    assert [glance.language for glance in glances] == [whole.language for whole in wholes]
    assert [glance.confidence for glance in glances] == pytest.approx([w.confidence for w in wholes], abs=0.0011)
