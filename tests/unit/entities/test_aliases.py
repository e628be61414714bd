"""The alias file: what it links across articles, what it does not, and how its mistakes are told."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.extract import tagging
from services.extract.entities import AliasError, Aliases, Options, entities_in, read_aliases
from services.extract.entities.aliases import Entry
from services.extract.entities.spans import Span
from services.extract.settings import ExtractSettings
from services.store.documents import entity_keys
from shared.messages import Entity
from wireroom.cli.main import app
from wireroom.ops.article_lookup import names_entity

FILE = """\
[[entity]]
name = "Northmoor Ferry Authority"
label = "ORG"
aliases = ["NFA", "Ferry Authority"]
identifier = "Q1234"

[[entity]]
name = "Mara Quill"
label = "PERSON"
aliases = ["M. J. Quill"]
"""


@pytest.fixture
def aliases(tmp_path: Path) -> Aliases:
    return Aliases(read_aliases(a_file(tmp_path, FILE)))


def a_file(folder: Path, text: str) -> Path:
    file = folder / "names.toml"
    file.write_text(text, encoding="utf-8")
    return file


def entities(aliases: Aliases, text: str, *names: tuple[str, str]) -> dict[str, Entity]:
    spans = [Span(text.index(name), text.index(name) + len(name), label) for name, label in names]
    return {entity.name: entity for entity in entities_in(text, spans, None, Options(aliases=aliases)).entities}


def test_articles_that_call_one_thing_differently_get_one_name_and_identifier(aliases: Aliases) -> None:
    first = entities(aliases, "The NFA met.", ("NFA", "ORG"))["Northmoor Ferry Authority"]
    second = entities(aliases, "The ferry authority's head, of Ferry Authority.", ("Ferry Authority", "ORG"))
    assert first.aliases == ("NFA",)
    assert first.identifier == second["Northmoor Ferry Authority"].identifier == "Q1234"


def test_names_that_no_rule_would_join_become_one_entity(aliases: Aliases) -> None:
    text = "Ferry Authority staff met; NFA ships sailed."
    (entity,) = entities(aliases, text, ("Ferry Authority", "ORG"), ("NFA", "ORG")).values()
    assert [mention.text for mention in entity.mentions] == ["Ferry Authority", "NFA"]


def test_titles_case_and_apostrophes_do_not_hide_a_name(aliases: Aliases) -> None:
    assert list(entities(aliases, "Dr. Mara Quill spoke.", ("Dr. Mara Quill", "PERSON"))) == ["Mara Quill"]
    assert list(entities(aliases, "NORTHMOOR FERRY AUTHORITY", ("NORTHMOOR FERRY AUTHORITY", "ORG"))) == [
        "Northmoor Ferry Authority"
    ]


def test_the_users_label_is_right_where_the_model_is_not(aliases: Aliases) -> None:
    assert entities(aliases, "NFA ships sailed.", ("NFA", "GPE"))["Northmoor Ferry Authority"].label == "ORG"
    assert entities(aliases, "Then Mara Quill left.", ("Mara Quill", "ORG"))["Mara Quill"].label == "PERSON"


def test_a_person_is_not_taken_for_an_organisation_of_one_word() -> None:
    aliases = Aliases([Entry(name="Tarn", label="ORG", identifier="Q7")])
    assert entities(aliases, "Tarn waved.", ("Tarn", "PERSON"))["Tarn"].identifier is None


def test_an_alias_inside_a_longer_name_of_the_article_links_nothing() -> None:
    aliases = Aliases([Entry(name="Odo Quill", label="PERSON", aliases=("Quill",))])
    text = "Quite late Mara Quill came. Quill sang."
    assert list(entities(aliases, text, ("Mara Quill", "PERSON"), ("Quill", "PERSON"))) == ["Mara Quill"]


def test_two_companies_that_differ_in_their_form_stay_two() -> None:
    aliases = Aliases(Entry(name=f"Brindle {form}", label="ORG", identifier=form) for form in ("Group", "Holdings"))
    names = (("Brindle Holdings", "ORG"), ("Brindle Group", "ORG"))
    assert entities(aliases, "Brindle Group", names[1])["Brindle Group"].identifier == "Group"
    assert entities(aliases, "Brindle Holdings", names[0])["Brindle Holdings"].identifier == "Holdings"
    assert entities(aliases, "Brindle Ltd", ("Brindle Ltd", "ORG"))["Brindle Ltd"].identifier is None


@pytest.mark.parametrize(
    ("written", "text", "found"),
    [
        ("McTarnald's", "At McTarnald's desk all slept.", "McTarnald's"),
        ("McTarnald's", "At McTarnald’s desk all slept.", "McTarnald"),  # noqa: RUF001 - the apostrophe papers print
        ("The Quay", "They went to the Quay with us.", "the Quay"),
        ("The Quay", "They went to the Quay with us.", "Quay"),
        ("brindlesoft", "All of brindlesoft rests.", "brindlesoft"),
        ("Yahoy!", "All of Yahoy! rests.", "Yahoy"),
        ("Q", "All of Q rests.", "Q"),
    ],
)
def test_a_name_of_the_file_matches_as_it_is_written(written: str, text: str, found: str) -> None:
    aliases = Aliases([Entry.model_construct(name=written, label="ORG", aliases=(), identifier="Q9")])
    (entity,) = entities(aliases, text, (found, "ORG")).values()
    assert (entity.name, entity.identifier) == (written, "Q9")


def test_a_name_of_the_file_is_not_swallowed_by_a_longer_name() -> None:
    aliases = Aliases([Entry(name="Ferry Authority", label="ORG", identifier="Q1")])
    text = "Ferry Authority slept; Northmoor Ferry Authority met."
    found = entities(aliases, text, ("Ferry Authority", "ORG"), ("Northmoor Ferry Authority", "ORG"))
    assert {name: entity.identifier for name, entity in found.items()} == {
        "Northmoor Ferry Authority": None,
        "Ferry Authority": "Q1",
    }


def test_a_name_of_the_file_is_no_acronym_of_another_unless_it_is_declared() -> None:
    aliases = Aliases([Entry(name="Northmoor Ferries", label="ORG", aliases=("NFA",), identifier="Q1")])
    text = "The National Flag Association met the NFA."
    apart = entities(aliases, text, ("National Flag Association", "ORG"), ("NFA", "ORG"))
    assert apart["Northmoor Ferries"].aliases == ("NFA",)
    declared = entities(aliases, "The Ferries of Moor (NFA) met.", ("Ferries of Moor", "ORG"), ("NFA", "ORG"))
    assert declared["Northmoor Ferries"].aliases == ("Ferries of Moor", "NFA")


def test_two_entities_of_the_file_are_never_one() -> None:
    aliases = Aliases([Entry(name="Owen Tarn", label="PERSON"), Entry(name="Owen B. Tarn", label="PERSON")])
    found = entities(aliases, "Owen Tarn met Owen B. Tarn.", ("Owen Tarn", "PERSON"), ("Owen B. Tarn", "PERSON"))
    assert set(found) == {"Owen Tarn", "Owen B. Tarn"}
    firms = Aliases(Entry(name=f"Brindle {form}", label="ORG") for form in ("Group", "Holdings"))
    text = "Brindle Group met Brindle Holdings."
    assert len(entities(firms, text, ("Brindle Group", "ORG"), ("Brindle Holdings", "ORG"))) == 2


def test_a_longer_form_of_a_persons_name_in_the_file_is_that_person() -> None:
    aliases = Aliases([Entry(name="Owen Tarn", label="PERSON", identifier="Q2")])
    found = entities(
        aliases, "Owen B. Tarn met all. Owen Tarn slept.", ("Owen B. Tarn", "PERSON"), ("Owen Tarn", "PERSON")
    )
    assert found["Owen Tarn"].identifier == "Q2"


def test_without_a_match_nothing_changes(aliases: Aliases) -> None:
    found = entities(aliases, "Odo Tarn left.", ("Odo Tarn", "PERSON"))
    assert found == entities(Aliases(()), "Odo Tarn left.", ("Odo Tarn", "PERSON"))


def test_an_entity_is_found_by_its_identifier(aliases: Aliases) -> None:
    (entity,) = entities(aliases, "The NFA met.", ("NFA", "ORG")).values()
    assert entity_keys((entity,)) == ["ORG:northmoor ferry authority", "ORG:nfa", "ID:q1234"]
    for wanted in ("Q1234", "ID:Q1234", "NFA", "ORG:Northmoor Ferry Authority"):
        assert names_entity([entity.model_dump()], wanted)
    for other in ("Q123", "ORG:Q1234", "ID:NFA"):
        assert not names_entity([entity.model_dump()], other)


HEAD = '[[entity]]\nname = "Odo Tarn"\nlabel = "PERSON"\n\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[entity", "no TOML: "),
        (HEAD + "[[entity]]\nlabel = 'ORG'\n", "line 5: entity None: name: Field required"),
        (HEAD + "[[entity]]\nname = 'NFA'\nlabel = 'org'\n", "line 5: entity 'NFA': label: String should match"),
        (
            HEAD + "[[entity]]\nname = 'NFA'\nlabel = 'ORG'\nalias = ['N']\n",
            "line 5: entity 'NFA': alias: Extra inputs",
        ),
        (HEAD + "[[entity]]\nname = 'NFA'\nlabel = 'ORG'\naliases = ['']\n", "line 5: entity 'NFA': aliases.0: String"),
        (HEAD + "[[entity]]\nname = 'ODO TARN'\nlabel = 'PERSON'\n", "line 5: entity 'ODO TARN': 'ODO TARN' already"),
        ("[names]\nNFA = 'x'\n", "line 1: names is not read; allowed here is a list of [[entity]] tables"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    file = a_file(tmp_path, text)
    with pytest.raises(AliasError) as error:
        read_aliases(file)
    assert str(error.value).startswith(str(file))
    assert said in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AliasError, match=r"none\.toml: No such file"):
        read_aliases(tmp_path / "none.toml")


def test_the_command_checks_a_file(tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["aliases", "check", str(a_file(tmp_path, FILE))])
    assert (good.exit_code, good.output.strip()) == (0, "2 entities can be used: 5 names, 1 identifier")
    bad = CliRunner().invoke(app, ["aliases", "check", str(a_file(tmp_path, "[[entity]]\n"))])
    assert bad.exit_code == 78
    assert "line 1" in bad.output


def test_settings_reach_the_tagger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREROOM_ALIASES", str(a_file(tmp_path, FILE)))
    monkeypatch.setenv("WIREROOM_EXTRACT_LABELS", '["ORG", "PERSON"]')
    text = "Mara Quill of the Northmoor Ferry Authority flew from Chicago to Berlin."
    (tagged,) = tagging.tagger(ExtractSettings()).tag([("en", (text,), None)])
    assert {entity.label for entity in tagged.entities} <= {"ORG", "PERSON"}
    assert "Q1234" in {entity.identifier for entity in tagged.entities}
    assert {one.rule for one in tagged.dropped_counts} == {"label_not_kept"}
