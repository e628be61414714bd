"""The model of lines: numbers from lines, weights that are only data, and what it knows that the rules do not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extract.clean.classifier import line_classifier, line_features, network
from services.extract.clean.classifier.line_classifier import MAX_LINES, MIN_LINES
from services.extract.clean.classifier.network import LINES
from services.extract.clean.cleaner import Cleaner
from services.extract.clean.rules.decide import decide, threshold
from services.extract.clean.rules.line_decisions import any_kept
from services.extract.clean.rules.line_facts import Facts, describe
from services.extract.clean.text import split
from tests.cleaning import CLEANER, RULES, clean
from tools.text_layouts import LAYOUTS, write

LOCK = "The mayor of Tidewell, Marta Quillfeather, opened the new lock on Monday, two years later than promised."
WORKS = "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years."
BOATS = "Boats may pass from the first of the month, she told the people who had come to watch."
BODY = (LOCK, WORKS, BOATS)


def facts_of(*lines: str, title: str | None = None) -> list[Facts]:
    return describe(split("\n".join(lines)), title, RULES)


def probabilities(facts: Sequence[Facts], instead: network.Network | None = None) -> list[float] | None:
    return line_classifier.probabilities(instead or CLEANER.networks.lines, facts, None)


def shipped_arrays() -> dict[str, np.ndarray]:
    data = (Path(network.__file__).parent / LINES).read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    file = BytesIO()
    np.savez(file, allow_pickle=True, **arrays)
    return file.getvalue()


def loaded(arrays: dict[str, np.ndarray]) -> network.Network:
    return network.load(packed(arrays), line_features.WIDTH)


def kept(lines: tuple[str, ...], *, model: bool) -> list[str]:
    facts = facts_of(*lines)
    decided = decide(facts, probabilities(facts) if model else None)
    return [line.line.text for line, rule in zip(facts, decided, strict=True) if rule.rule is None]


def test_each_line_becomes_a_row_of_finite_numbers_and_the_facts_stay_as_they_were() -> None:
    facts = facts_of("HOME", *BODY, "* * *", "港が開いた。", title="Mayor opens lock")
    before = [replace(line) for line in facts]
    rows = line_features.dense(facts, "Mayor opens lock")
    assert rows.shape == (6, line_features.WIDTH)
    assert np.isfinite(rows).all()
    assert np.array_equal(rows, line_features.dense(facts, "Mayor opens lock"))
    assert facts == before


def test_the_buckets_of_a_line_come_from_its_words_alone() -> None:
    together, alone = line_features.buckets(facts_of("Share", LOCK)), line_features.buckets(facts_of(LOCK))
    for both, one in zip(together, alone, strict=True):
        assert both[1] == one[0]
        assert both[0] != both[1]


def test_a_word_inside_a_line_counts_once_and_the_words_at_its_edges_count_where_they_stand() -> None:
    (edge, swapped), (inside, same) = line_features.buckets(
        facts_of("lock and lock and boat", "boat and and lock lock")
    )
    assert sorted(inside) == sorted(same)
    assert len(inside) == 3
    assert set(edge) != set(swapped)


def test_the_same_lines_are_judged_the_same_each_time() -> None:
    facts = facts_of("Home", "News", "Sport", *BODY, *BODY, "Share", "Print", "Contact")
    assert probabilities(facts) is not None
    assert probabilities(facts) == probabilities(facts)


@given(st.lists(st.text(min_size=1, max_size=60), min_size=MIN_LINES, max_size=40))
def test_whatever_the_lines_are_each_gets_a_probability(lines: list[str]) -> None:
    facts = facts_of(*lines)
    found = probabilities(facts)
    if len(facts) < MIN_LINES:
        assert found is None
        return
    assert found is not None
    assert len(found) == len(facts)
    assert all(0 <= value <= 1 for value in found)


@pytest.mark.parametrize("lines", [0, 1, MIN_LINES - 1, MAX_LINES + 1])
def test_a_text_with_too_few_or_too_many_lines_is_left_to_the_rules(lines: int) -> None:
    assert probabilities(facts_of(*["Row"] * lines)) is None


def test_the_weights_are_small() -> None:
    assert (Path(network.__file__).parent / LINES).stat().st_size <= 800_000


@pytest.mark.parametrize("name", ["lines.npz", "pages.npz"])
def test_no_feature_counts_that_hardly_varied_in_training(name: str) -> None:
    with np.load(Path(network.__file__).parent / name, allow_pickle=False) as file:
        scale = file["scale"]
    assert ((scale >= 0.02) | (scale >= 1e5)).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_features_of_a_text_are_the_same_in_every_layout(layout: str) -> None:
    lines = ["Home", "News", "Sport", *BODY, "Share", "Print", "Contact"]
    body, _ = write(lines, layout, seed=1)
    facts, other = describe(split(body), None, RULES), facts_of(*lines)
    assert np.array_equal(line_features.dense(facts, None), line_features.dense(other, None))
    assert line_features.buckets(facts) == line_features.buckets(other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("look"), "the weights lack look"),
        (lambda arrays: arrays.update(version=np.array(99)), "of version 99, this code reads version"),
        (lambda arrays: arrays.update(enter=arrays["enter"][:, :-1]), "enter has the shape"),
        (lambda arrays: arrays.update(mean=np.zeros(3)), "mean has the shape"),
        (lambda arrays: arrays.update(look=arrays["look"][:0]), "look has the shape"),
        (lambda arrays: arrays.update(out=arrays["out"][0]), "of another shape"),
        (lambda arrays: arrays.update(edge=arrays["edge"][:-1]), "edge_words has the shape"),
        (lambda arrays: arrays.update(out_b=arrays["out_b"] * np.nan), "out_b holds what is no number"),
        (lambda arrays: arrays.update(words=np.array([{"a": 1}], dtype=object)), "are no weights"),
    ],
)
def test_weights_that_this_code_cannot_use_are_refused(
    change: Callable[[dict[str, np.ndarray]], object], said: str
) -> None:
    arrays = shipped_arrays()
    loaded(arrays)
    change(arrays)
    with pytest.raises(network.WeightsError, match=said):
        loaded(arrays)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not weights at all"])
def test_bytes_that_are_no_weights_are_refused(data: bytes) -> None:
    with pytest.raises(network.WeightsError, match="no weights"):
        network.load(data, line_features.WIDTH)


def test_the_threshold_is_where_the_expected_agreement_is_greatest() -> None:
    assert threshold([0.9, 0.8, 0.1], [10, 10, 10]) == pytest.approx(0.8)
    assert threshold([0.9, 0.4, 0.4], [1, 10, 10]) == pytest.approx(0.4)
    assert threshold([0.1, 0.05], [10, 10]) == 1


TOP = ("Tidewell Echo", "Home", "News", "Mayor opens lock two years late")
END = ("Most read", "Storm closes school", "Ferry runs again", "Contact", "Imprint")
LAST = "Skippers of all other boats pay four crowns at the lock house and get a stamp for their log book."
LIST = (
    "Passage is free for",
    "boats of the school",
    "boats that are older than the lock",
    "boats that carry the mail",
    "boats with a licence from the town",
)


def test_a_list_without_full_stops_is_kept_where_rules_would_drop_it() -> None:
    lines = (*TOP, *BODY, *LIST, LAST, *END)
    assert kept(lines, model=True) == [*BODY, *LIST, LAST]
    assert kept(lines, model=False) == [*BODY, LAST]


def test_a_line_that_the_model_takes_out_says_how_sure_it_was() -> None:
    article = clean("\n".join((*TOP, *BODY, *LIST, LAST, *END)), "text/plain", title="Another heading of it")
    taken = {entry.text: entry for entry in article.removed}
    assert taken["Tidewell Echo"].rule == "model"
    assert taken["Tidewell Echo"].score == pytest.approx(1, abs=0.3)
    assert taken["Home"].score is None


def test_a_dateline_opens_the_article_whatever_the_model_says() -> None:
    opening = f"TIDEWELL (Reuters) - {LOCK}"
    facts = facts_of(*TOP, opening, WORKS, BOATS, LAST, *END)
    assert decide(facts, [0.01] * 5 + [0.9] * (len(facts) - 5))[4].rule is None


def test_the_odds_of_the_members_of_an_ensemble_are_averaged() -> None:
    facts = facts_of(*TOP, *BODY, *END)
    arrays = shipped_arrays()
    single = {"version", "mean", "scale", *network.SORTS}
    one = {name: value if name in single else value[:1] for name, value in arrays.items()}
    two = {name: value if name in single else value[:1].repeat(2, axis=0) for name, value in arrays.items()}
    two["out"], two["out_b"] = two["out"] * [[1], [0]], two["out_b"] * [1, 0]
    alone = probabilities(facts, loaded(one)) or []
    odds = [(value / (1 - value)) ** 0.5 for value in alone]  # with 1, those of the member that knows nothing
    assert probabilities(facts, loaded(two)) == pytest.approx([value / (1 + value) for value in odds], abs=1e-4)


def test_a_network_that_knows_no_words_judges_by_the_numbers_alone() -> None:
    facts = facts_of(*TOP, *BODY, *END)
    arrays = shipped_arrays()
    for sort in network.SORTS:
        arrays[sort] = arrays[sort][:0]
        arrays[f"{sort}_words"] = arrays[f"{sort}_words"][:, :0]
    found = probabilities(facts, loaded(arrays))
    assert found is not None
    assert len(set(found)) > 1


def test_where_no_line_is_likely_there_is_no_article_unless_the_rules_find_one() -> None:
    page = facts_of(*TOP, BOATS, *END)
    assert not any_kept(decide(page, [0.4] * len(page)))
    assert any_kept(decide(page, [0.6] * len(page)))
    article = facts_of(*TOP, *BODY, *END)
    assert decide(article, [0.4] * len(article)) == decide(article)


def test_an_article_does_not_begin_with_scraps() -> None:
    facts = facts_of(*TOP, "Tidewell Rovers 3", *BODY, *END)
    kept_lines = [index for index, rule in enumerate(decide(facts, [0.9] * len(facts))) if rule.rule is None]
    assert facts[kept_lines[0]].line.text == TOP[-1]
    likely = [0.9 if line.line.text in (*BODY, "Tidewell Rovers 3") else 0.01 for line in facts]
    assert decide(facts, likely)[len(TOP)].rule == "fragment"


def test_a_sentence_between_two_lines_of_the_article_stays_at_a_lower_likelihood() -> None:
    facts = facts_of(*TOP, *BODY, *END)
    at = len(TOP) + 1

    def rules_for(index: int, value: float) -> list[str | None]:
        likely = [0.95 if line.line.text in BODY else 0.01 for line in facts]
        likely[index] = value
        return [decision.rule for decision in decide(facts, likely)]

    assert rules_for(at, 0.12)[at] is None
    assert rules_for(at, 0.05)[at] == "model"
    assert rules_for(at + 1, 0.12)[at + 1] == "model"


def test_a_sentence_that_ends_the_text_stays_at_a_lower_likelihood() -> None:
    facts = facts_of(*TOP, *BODY, LAST)

    def last_rule(value: float) -> str | None:
        likely = [0.95 if line.line.text in BODY else 0.01 for line in facts]
        return decide(facts, [*likely[:-1], value])[-1].rule

    assert last_rule(0.12) is None
    assert last_rule(0.05) == "model"


def test_a_cleaner_classifies_with_the_network_it_was_given() -> None:
    text = "\n".join((*TOP, *BODY, *LIST, LAST, *END))
    arrays = shipped_arrays()
    knows_nothing = loaded(arrays | {"out": arrays["out"] * 0, "out_b": arrays["out_b"] * 0})
    other = Cleaner(RULES, replace(CLEANER.networks, lines=knows_nothing))
    scores = [
        {entry.score for entry in cleaner.clean(text, "text/plain").removed if entry.rule == "model"}
        for cleaner in (CLEANER, other)
    ]
    assert scores[1] == {0.5}
    assert 0.5 not in scores[0]
