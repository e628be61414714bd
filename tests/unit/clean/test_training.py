"""Training: which lines belong is found from the expected text, and the same pack makes the same weights."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from services.extract.clean.classifier import line_features, network
from services.extract.clean.classifier import page_classifier as pages
from services.extract.clean.cleaner import Cleaner
from services.extract.clean.text import split, tokens
from tests.cleaning import CLEANER, RULES
from tools.text_layouts import LAYOUTS, write
from tools.training import gradients, line_examples, page_examples
from tools.training.__main__ import app
from tools.training.alignment import align
from tools.training.fitting import FOLDS, fold_of, parted, spread
from tools.training.line_examples import PLAN, laid_out, texts
from tools.training.page_labels import check
from wireroom.testing.factories import BODY

PARAGRAPHS = BODY.split("\n\n")


BRIEF = 2  # epochs, where a model is not used after it was trained


@pytest.fixture
def brief_training(monkeypatch: pytest.MonkeyPatch) -> None:
    for examples in (line_examples, page_examples):
        monkeypatch.setattr(examples, "PLAN", replace(examples.PLAN, epochs=BRIEF))


def records(publishers: int = 14) -> list[dict[str, Any]]:
    text = "\n".join(["Home", "News", "Sport", "Tidewell Echo", *PARAGRAPHS, "Share", "Print", "Contact"])
    return [
        {"id": f"a/{n}", "publisher": f"paper-{n}", "expected_paragraphs": PARAGRAPHS, "raw_text": text}
        for n in range(publishers)
    ]


def page_records(publishers: int = 10) -> list[dict[str, object]]:
    menu = "".join(f"<li><a href=/{name}>{name}</a></li>" for name in ("Home", "News", "Sport", "Weather", "Contact"))
    article = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
    html = f"<html><body><ul class=menu>{menu}</ul><div class='article-body'>{article}</div><p>Share</p></body></html>"
    return [
        {"id": f"a/{n}", "publisher": f"paper-{n}", "paragraphs": PARAGRAPHS, "html": html} for n in range(publishers)
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_text_keeps_its_lines_and_their_labels_in_every_layout(layout: str) -> None:
    body, origin = write(["Home", *PARAGRAPHS, "Share"], layout, 3)
    found = split(body)
    assert [line.text for line in found] == ["Home", *PARAGRAPHS, "Share"]
    assert [origin[line.number - 1] for line in found] == list(range(len(PARAGRAPHS) + 2))
    lines, labels = laid_out(found, [0, *[1] * len(PARAGRAPHS), 0])
    assert sum(labels) == len(PARAGRAPHS)
    assert len(lines) == len(labels)


def test_a_feature_that_never_varied_in_training_is_muted() -> None:
    rows = np.zeros((20_000, 3), np.float32)
    rows[::2, 0] = 1
    rows[0, 1] = 1
    varied, *still = spread(rows)
    assert varied == pytest.approx(0.51)
    ones, zeros = np.ones((1, 2), np.float32), np.zeros(2, np.float32)
    assert network.normal(ones, zeros, np.array(still)).max() < 1e-3


def test_lines_are_found_in_the_order_of_the_expected_text() -> None:
    assert align(["Home", "a b c d", "Share", "e f g h"], ["a b c d", "e f g h"]) == [0, 1, 0, 1]
    assert align(["one two three", "Home", "one two three"], ["zero", "one two three"]) in ([1, 0, 0], [0, 0, 1])
    assert align([], ["a b"]) == []
    assert align(["a b"], []) == [0]


def test_a_line_that_differs_in_a_few_words_is_found_too() -> None:
    line = "The mayor opened the new lock on Monday morning (photo) two years late"
    assert align([line], ["The mayor opened the new lock on Monday morning two years late"]) == [1]


def test_all_articles_of_a_publisher_are_in_one_fold() -> None:
    folds = [fold_of(f"paper-{n}") for n in range(200)]
    assert set(folds) == set(range(FOLDS))
    assert fold_of("paper-7") == folds[7]
    assert [fold_of(f"paper-{n}", 1) for n in range(200)] != folds


def test_an_expected_text_that_was_cut_off_is_not_learned_from() -> None:
    [record] = records(1)
    more = [f"On day {day} of the dry summer the lock of Tidewell stood open for all boats." for day in range(12)]
    whole = record | {"raw_text": f"{record['raw_text']}\nMore", "expected_paragraphs": PARAGRAPHS}
    cut = record | {"raw_text": "\n".join([*PARAGRAPHS, *more]), "expected_paragraphs": PARAGRAPHS[:2]}
    assert {text.publisher for text in texts([whole | {"publisher": "whole"}, cut | {"publisher": "cut"}], RULES)} == {
        "whole"
    }


def test_an_article_in_another_page_is_held_out_with_either_publisher() -> None:
    found = list(texts(records(40), RULES))
    transplants = [text for text in found if text.other]
    assert transplants
    assert all(text.other != text.publisher and any(text.labels) for text in transplants)
    for seen, unseen in parted(records(40), found):
        assert unseen
        held_out = {record["publisher"] for record in unseen}
        assert all(text.publisher not in held_out and text.other not in held_out for text in seen)


def test_an_article_that_follows_another_is_no_part_of_it_and_teaches_one_member_only() -> None:
    found = list(texts(records(40), RULES))
    followed = [text for text in found if text.learner is not None]
    assert len(followed) == len(records(40))
    assert all(text.learner in range(PLAN.members) for text in followed)
    for text in followed:
        kept = sum(words for words, label in zip(text.words, text.labels, strict=True) if label)
        more = kept - sum(len(tokens(paragraph)) for paragraph in PARAGRAPHS)
        assert 0 <= more <= 2, (
            "a short line may be joined to a paragraph where the text was wrapped without blank lines"
        )
        assert len(text.labels) > len(found[0].labels)


def test_the_slopes_are_those_of_the_loss() -> None:
    plan = gradients.Plan(drop_input=0, drop_words=(0, 0), drop_hidden=0)
    random = np.random.default_rng(3)
    size = network.Size(width=7, embedded=4, hidden=32, known=(6, 3))
    weights: dict[str, Any] = {name: value.astype(np.float64) for name, value in network.fresh(size, random).items()}
    weights["edge_words"] *= 10
    weights["inside_words"] *= 10
    words = (
        network.Words(np.array([0, 3, 5]), np.array([0, 1, 1])),
        network.Words(np.array([2, 0]), np.array([1, 3])),
    )
    examples = [
        gradients.Example(
            random.standard_normal((n, size.width)).astype(np.float32),
            words,
            random.integers(0, 2, n).astype(np.float32),
            np.ones(n, np.float32),
        )
        for n in (5, 9)
    ]
    batch = gradients.stacked(examples)
    _, slopes = gradients.slopes_of(weights, batch, plan, random)
    for name, slope in slopes.items():
        at = np.unravel_index(np.abs(slope).argmax(), slope.shape)
        ends = []
        for step in (1e-3, -1e-3):
            moved = {key: value.copy() for key, value in weights.items()}
            moved[name][at] += step
            ends.append(gradients.slopes_of(moved, batch, plan, random)[0])
        assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(slope[at], rel=0.05, abs=1e-3), name


@pytest.mark.usefixtures("brief_training")
def test_the_same_pack_and_seed_make_the_same_weights_that_load(tmp_path: Path) -> None:
    pack = tmp_path / "pack.jsonl"
    pack.write_text("\n".join(map(json.dumps, records(PLAN.publishers))))
    files = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for file in files:
        result = CliRunner().invoke(app, ["lines", str(pack), "--out", str(file)])
        assert result.exit_code == 0, result.output
    assert files[0].read_bytes() == files[1].read_bytes()
    assert all(map(len, network.load(files[0].read_bytes(), line_features.WIDTH).vocabularies))


@pytest.mark.usefixtures("brief_training")
def test_folds_measure_publishers_that_were_held_out_and_write_nothing(tmp_path: Path) -> None:
    pack, out = tmp_path / "pack.jsonl", tmp_path / "weights.npz"
    pack.write_text("\n".join(map(json.dumps, records(20))))
    result = CliRunner().invoke(app, ["lines", str(pack), "--out", str(out), "--folds"])
    assert result.exit_code == 0, result.output
    assert "raw_text" in result.output
    assert not out.exists()


def test_the_model_of_pages_is_made_the_same_each_time_and_finds_the_article(tmp_path: Path) -> None:
    pack = tmp_path / "pack.jsonl"
    pack.write_text("\n".join(map(json.dumps, page_records(30))))
    files = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for file in files:
        result = CliRunner().invoke(app, ["pages", str(pack), "--out", str(file)])
        assert result.exit_code == 0, result.output
    assert files[0].read_bytes() == files[1].read_bytes()
    made = network.load(files[0].read_bytes(), pages.WIDTH)
    cleaner = Cleaner(RULES, replace(CLEANER.networks, pages=made))
    assert cleaner.clean(str(page_records()[0]["html"]), "text/html").paragraphs == tuple(PARAGRAPHS)


@pytest.mark.usefixtures("brief_training")
def test_folds_of_pages_tell_how_many_were_lost(tmp_path: Path) -> None:
    pack = tmp_path / "pack.jsonl"
    pack.write_text("\n".join(map(json.dumps, page_records(20))))
    result = CliRunner().invoke(app, ["pages", str(pack), "--folds", "--parting", "1"])
    assert result.exit_code == 0, result.output
    assert {"html", "lost"} <= set(result.output.split())


@pytest.mark.usefixtures("brief_training")
def test_what_is_learned_from_another_pack_is_not_measured_and_not_of_a_publisher_held_out(tmp_path: Path) -> None:
    pack, other = tmp_path / "pack.jsonl", tmp_path / "other.jsonl"
    pack.write_text("\n".join(map(json.dumps, records(20))))
    other.write_text("\n".join(json.dumps(record | {"publisher": f"more-{n}"}) for n, record in enumerate(records(9))))
    result = CliRunner().invoke(app, ["lines", str(pack), "--also", str(other), "--folds"])
    assert result.exit_code == 0, result.output
    assert "raw_text\tlines\t20" in result.stdout
    assert "raw_text\twrapped\t20" in result.stdout
    for seen, unseen in parted(records(20), list(texts([*records(20), *records(24)], RULES))):
        assert not {record["publisher"] for record in unseen} & {text.publisher for text in seen}


def test_marks_and_the_page_they_were_made_on_become_a_record(tmp_path: Path) -> None:
    page = page_records()[0]
    lines = ["Home", "News", "Sport", "Weather", "Contact", *PARAGRAPHS, "Share"]
    last = len(lines) - 2
    mark = {"id": "a/0", "publisher": "paper", "check": check(lines), "region": f"3-{last + 1}", "article": f"5-{last}"}
    pages, marks, out = (tmp_path / name for name in ("pages.jsonl", "marks.jsonl", "out.jsonl"))
    pages.write_text("\n".join(json.dumps(entry) for entry in (page, {"id": "a/1", "html": "<p>not marked"})))
    marks.write_text(json.dumps(mark))
    command = ["pack", str(pages), str(marks), "--out", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "1 of 1 marked articles" in result.stdout
    [record] = map(json.loads, out.read_text().splitlines())
    assert record["expected_paragraphs"] == PARAGRAPHS
    assert record["raw_text"].splitlines() == lines[3:]
    assert record["full_text"].splitlines() == lines
    pages.write_text(json.dumps(page | {"html": f"{page['html']}<p>One line more</p>"}))
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 65
    assert "a/0" in result.output
    assert json.loads(out.read_text()) == record, "the pack of before is whole"
    assert sorted(tmp_path.iterdir()) == sorted([pages, marks, out])


def test_a_pack_without_pages_cannot_train_their_model(tmp_path: Path) -> None:
    pack = tmp_path / "pack.jsonl"
    pack.write_text("\n".join(map(json.dumps, records())))
    result = CliRunner().invoke(app, ["pages", str(pack)])
    assert result.exit_code == 65
    assert "no article has one of the fields html" in result.output


def test_a_pack_that_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack.jsonl"
    pack.write_text('{"id": "a/1"}')
    result = CliRunner().invoke(app, ["lines", str(pack)])
    assert result.exit_code == 65
    assert "no pack to train on" in result.output
