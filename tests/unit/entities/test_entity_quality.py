"""How names are scored, on sets small enough to count by hand, and the packs they come from."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.evaluation.__main__ import app
from tools.evaluation.entity_packs import article_of
from tools.evaluation.entity_scores import Groups, Mentions, Named, by_group

TEXT = "Mara Quill, the mayor of Chicago, met officials of Brindle Freight Corp. in Berlin. Quill left Chicago."


def test_a_mention_counts_where_both_ends_are_right_and_labels_by_kind() -> None:
    mentions = Mentions()
    expected = [Named((0, 4), "person", "a"), Named((5, 9), "place", "b"), Named((10, 12), "", None)]
    mentions.add(expected, [((0, 4), "PERSON"), ((5, 9), "ORG"), ((10, 13), "ORG"), ((20, 22), "ORG")])
    assert (mentions.precision, mentions.recall) == (2 / 4, 2 / 3)
    assert mentions.f1 == pytest.approx(4 / 7)
    assert mentions.labels == 1 / 2


def test_nothing_found_scores_zero() -> None:
    mentions, groups = Mentions(), Groups()
    mentions.add([Named((0, 4), "person", "a")], [])
    assert (mentions.precision, mentions.recall, mentions.f1, mentions.labels) == (0, 0, 0, None)
    assert groups.f1 == 0


def test_b_cubed_is_the_mean_over_mentions_that_have_a_group_in_both() -> None:
    groups = Groups()
    expected = {(0, 1): "a", (2, 3): "a", (4, 5): "a", (6, 7): "b", (8, 9): "b"}
    groups.add(expected, by_group([[(0, 1), (2, 3)], [(4, 5), (6, 7)], [(10, 11)]]))
    assert groups.precision == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
    assert groups.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)


def test_groups_of_two_articles_are_never_one() -> None:
    groups = Groups()
    for _ in range(2):
        groups.add({(0, 1): "a", (2, 3): "b"}, {(0, 1): 1, (2, 3): 1})
    assert (groups.precision, groups.recall) == (1 / 2, 1)


def test_of_coreference_only_names_are_taken_without_article_and_possessive() -> None:
    text = "The Tide Bank's head, Mara Quill, slept. She woke."
    ments = [[0, 15, "organization", "1"], [0, 20, "person", "2"], [22, 32, "person", "2"], [41, 44, "person", "2"]]
    names = article_of({"text": text, "ments": ments}).names
    assert [(text[slice(*name.place)], name.entity) for name in names] == [("Tide Bank", "1"), ("Mara Quill", "2")]


def test_the_command_measures_a_pack(tmp_path: Path) -> None:
    places = [(TEXT.index(name), name) for name in ("Mara Quill", "Chicago", "Brindle Freight Corp.", "Berlin")]
    ents = [[start, start + len(name), "", name] for start, name in places]
    pack = tmp_path / "names.jsonl"
    pack.write_text(json.dumps({"id": "1", "text": TEXT, "ents": ents}) + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["entities", str(pack), "--json"])
    bare, ours = map(json.loads, result.stdout.splitlines())
    assert (bare["method"], ours["method"]) == ("bare model", "wireroom")
    assert ours["recall"] >= bare["recall"] > 0.5
    assert ours["b3"] > 0.9


@pytest.mark.parametrize("content", ["", "{}", '{"text": "x", "ents": [[1, 2]]}', "no json"])
def test_what_is_no_pack_is_refused(tmp_path: Path, content: str) -> None:
    pack = tmp_path / "names.jsonl"
    pack.write_text(content, encoding="utf-8")
    assert CliRunner().invoke(app, ["entities", str(pack)]).exit_code == 65
