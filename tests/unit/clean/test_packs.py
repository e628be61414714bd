"""Users extend the rules with a folder of TOML files; a mistake in it is named and nothing of the folder counts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.extract.clean.article import CleanArticle
from services.extract.clean.cleaner import Cleaner, load
from services.extract.clean.rules import packs
from tests.paths import ROOT
from wireroom.cli.main import app
from wireroom.testing.factories import BODY

PARAGRAPHS = tuple(BODY.split("\n\n"))
NOTICE = "Tidewell people read the Gazette over breakfast, and so could you from the first of May."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("languages", "sources"):
        (tmp_path / name).mkdir()
    return tmp_path


def cleaned(cleaner: Cleaner, *lines: str, source: str | None = None) -> CleanArticle:
    return cleaner.clean("\n\n".join(lines), "text/plain", source=source)


def taken(article: CleanArticle) -> dict[str, str]:
    return {entry.text: entry.rule for entry in article.removed}


def test_cue_words_of_a_language_are_added_to_ours(folder: Path) -> None:
    line = "Flashback to the harbour of yesterday"
    assert line in cleaned(load(folder), PARAGRAPHS[0], line, PARAGRAPHS[1]).paragraphs
    (folder / "languages/en.toml").write_text('[related_link]\nstarts = ["flashback to"]\n')
    assert packs.read(folder).files == ("languages/en.toml",)
    assert taken(cleaned(load(folder), PARAGRAPHS[0], line, PARAGRAPHS[1])) == {line: "related_link"}
    assert taken(cleaned(load(folder), "Subscribe now", *PARAGRAPHS)) == {"Subscribe now": "promo"}, (
        "ours hold as before"
    )


def test_a_language_we_know_nothing_of_gets_its_own_words(folder: Path) -> None:
    (folder / "languages/sv.toml").write_text('[promo]\nlines = ["bli medlem nu"]\n[byline]\nstarts = ["av"]\n')
    article = cleaned(load(folder), "Av Ada Quillon", *PARAGRAPHS, "Bli medlem nu")
    assert (article.byline, taken(article)["Bli medlem nu"]) == ("Ada Quillon", "promo")


def test_a_phrase_of_ours_can_be_left_out(folder: Path) -> None:
    (folder / "languages/en.toml").write_text('[off]\nphrases = ["premium"]\n')
    assert "Premium" in cleaned(load(folder), PARAGRAPHS[0], "Premium", PARAGRAPHS[1]).paragraphs


def test_an_agency_is_added_and_may_be_written_in_two_ways(folder: Path) -> None:
    text = 'news = ["Valdoria Wire", "VWA"]\nupper_case_only = ["VWA"]\n[same]\n"valdoria wire" = "VWA"\n'
    (folder / "agencies.toml").write_text(text)
    assert cleaned(load(folder), *PARAGRAPHS, "Valdoria Wire").agency == "VWA"
    assert cleaned(load(folder), *PARAGRAPHS, "Reuters").agency == "Reuters"


def test_lines_of_one_source_always_go_or_stay(folder: Path) -> None:
    text = f'[remove]\nlines = ["{NOTICE}"]\nstarts = ["the tide today"]\ninside = ["gazette crossword"]\n'
    (folder / "sources/harbour-gazette.toml").write_text(text + '[keep]\nlines = ["Subscribe now"]\n')
    tide, crossword = "The tide today: 3 metres at noon, said the pilot of the day.", "To the Gazette crossword no. 7"
    lines = ("Subscribe now", PARAGRAPHS[0], NOTICE, tide, PARAGRAPHS[1], crossword)
    article = cleaned(load(folder), *lines, source="harbour-gazette")
    assert article.paragraphs == ("Subscribe now", *PARAGRAPHS)
    assert taken(article) == dict.fromkeys((NOTICE, tide, crossword), "source_pack")
    assert NOTICE in cleaned(load(folder), *lines, source="tide-times").paragraphs


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "languages/en.toml",
            "[promo\n",
            "en.toml: no TOML: Expected ']' at the end of a table declaration (at line 1",
        ),
        ("languages/en.toml", "\n[promos]\n", "en.toml, line 2: [promos]: allowed here is one of [promo], "),
        (
            "languages/en.toml",
            "[promo]\n\nline = []\n",
            "en.toml, line 3: [promo] line: allowed here is one of lines, ",
        ),
        ("languages/en.toml", '[promo]\nlines = "now"\n', "line 2: [promo] lines: allowed here is a list of texts"),
        ("languages/en.toml", '[promo]\nlines = ["now", "..."]\n', "line 2: [promo] lines: allowed here is a list"),
        ("languages/en.toml", "promo = 3\n", "line 1: [promo]: allowed here is one of [promo]"),
        ("sources/a.toml", "[keep]\nstarts = []\n", "a.toml, line 2: [keep] starts: allowed here is one of lines"),
        ("agencies.toml", "names = []\n", "line 1: names: allowed here is one of news, pictures, upper_case_only"),
        ("agencies.toml", "[same]\nx = 1\n", "line 1: [same]: allowed here is a table"),
        ("english.toml", "", "english.toml: not read; allowed: agencies.toml, languages/<code>.toml, "),
        ("sources/No Slug.toml", "", "No Slug.toml: not read; allowed: "),
    ],
)
def test_a_mistake_is_named_with_its_file_and_place(folder: Path, name: str, text: str, said: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(packs.PackError) as error:
        packs.read(folder)
    assert said in str(error.value)
    result = CliRunner().invoke(app, ["rules", "check", str(folder)])
    assert (result.exit_code, Path(name).name in result.stderr) == (78, True)


def test_two_cleaners_follow_each_its_own_packs(folder: Path) -> None:
    (folder / "languages/en.toml").write_text('[promo]\nlines = ["bli medlem nu"]\n')
    ours, theirs = load(), load(folder)
    lines = (PARAGRAPHS[0], "Bli medlem nu", PARAGRAPHS[1])
    assert taken(cleaned(theirs, *lines)) == {"Bli medlem nu": "promo"}
    assert taken(cleaned(ours, *lines)) == {}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(packs.PackError, match="no such folder"):
        packs.read(tmp_path / "nowhere")


def test_the_example_of_the_documents_can_be_used(folder: Path) -> None:
    page = (ROOT / "docs/rules.md").read_text("utf-8")
    for block in page.split("```toml\n# ")[1:]:
        name, text = block.split("```")[0].split("\n", 1)
        (folder / name).write_text(text)
    result = CliRunner().invoke(app, ["rules", "check", str(folder)])
    assert result.stdout.startswith("3 packs can be used: agencies.toml, languages/sv.toml, sources/harbour-gazette")


@pytest.mark.usefixtures("models_loaded_once")
def test_try_follows_the_packs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_RULES", str(folder))
    (folder / "sources/local.toml").write_text(f'[remove]\nlines = ["{NOTICE}"]\n')
    result = CliRunner().invoke(app, ["--data", "/nonexistent", "try", "-"], input=f"{BODY}\n\n{NOTICE}")
    assert (result.exit_code, "source_pack" in result.stdout) == (0, True)
    (folder / "oops.toml").write_text("")
    result = CliRunner().invoke(app, ["--data", "/nonexistent", "try", "-"], input=BODY)
    assert (result.exit_code, "oops.toml: not read" in result.stderr) == (78, True)
