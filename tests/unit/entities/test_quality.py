"""The figures of quality mean what they say."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.evaluation.__main__ import app
from tools.evaluation.text_scores import score, summary
from wireroom.testing.factories import BODY


def test_the_same_text_is_perfect_whatever_its_case_and_punctuation() -> None:
    found = score(["The lock opened.", "Boats pass."], ["the LOCK opened", "boats pass"])
    assert (found.precision, found.recall, found.f1, found.paragraph_f1) == (1, 1, 1, 1)


def test_a_promotion_that_stays_costs_precision_and_a_lost_paragraph_recall() -> None:
    kept = score(["a b c d"], ["a b c d", "x x x x"])
    assert (kept.precision, kept.recall) == (0.5, 1)
    assert kept.f1 == pytest.approx(2 / 3)
    lost = score(["a b c d", "e f g h"], ["a b c d"])
    assert (lost.precision, lost.recall) == (1, 0.5)


def test_a_word_counts_as_often_as_it_stands() -> None:
    assert score(["a a b"], ["a b b"]).f1 == pytest.approx(2 / 3)


def test_each_character_of_a_script_without_spaces_is_a_word() -> None:
    assert score(["港が開いた"], ["港が"]).recall == pytest.approx(2 / 5)


def test_nothing_found_is_nothing_scored() -> None:
    assert score(["a"], []).f1 == 0


def test_a_summary_counts_the_good_and_the_bad() -> None:
    scores = [score(["a b"], ["a b"]), score(["a b"], []), score(["a b"], ["a"])]
    found = summary(scores)
    assert found.articles == 3
    assert found.good == pytest.approx(1 / 3)
    assert found.bad == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_a_pack_is_measured_beside_doing_nothing_and_the_bare_extractor(tmp_path: Path) -> None:
    paragraphs = BODY.split("\n\n")
    page = "".join(f"<p>{text}</p>" for text in paragraphs)
    day = '<nav>Home</nav><time class="published" datetime="2026-03-02T09:00Z"></time>'
    record = {
        "id": "a/1",
        "title": "Lock opened",
        "date": "2026-03-02",
        "authors": ["Ada Quillon"],
        "expected_paragraphs": paragraphs,
        "raw_text": f"Subscribe now\n{BODY}\nShare",
        "html": (
            "<!doctype html><html><head><title>Lock opened!</title></head>"
            f"<body>{day}<article>{page}</article></body></html>"
        ),
    }
    pack = tmp_path / "pack.jsonl"
    pack.write_text(json.dumps(record) + "\n")
    result = CliRunner().invoke(app, ["clean", str(pack), "--json"])
    assert result.exit_code == 0, result.output
    rows = {(row["field"], row["method"]): row for row in map(json.loads, result.stdout.splitlines())}
    assert rows.keys() == {
        ("html", "bare trafilatura"), ("html", "wireroom"), ("raw_text", "nothing"), ("raw_text", "wireroom"),
        *((field, method) for field in ("title", "date", "authors") for method in ("bare trafilatura", "wireroom")),
    }  # fmt: skip
    assert rows["raw_text", "wireroom"]["f1"] == 1 > rows["raw_text", "nothing"]["f1"]
    assert all(row["articles"] == 1 for row in rows.values())
    assert all(row.get("articles_per_second", 1) > 0 for row in rows.values())
    assert [rows[field, "wireroom"]["exact"] for field in ("title", "date", "authors")] == [1, 1, 0]


@pytest.mark.parametrize("content", ["no json", '{"id": 1}'])
def test_a_file_that_is_no_pack_is_named(tmp_path: Path, content: str) -> None:
    pack = tmp_path / "pack.jsonl"
    pack.write_text(content)
    result = CliRunner().invoke(app, ["clean", str(pack)])
    assert result.exit_code == 65
    assert "pack.jsonl" in result.stderr
