"""Which articles a condition of `wireroom reprocess` means."""

from typing import Any

import pytest

from wireroom.ops.replay import condition, matching

STORED: dict[str, Any] = {
    "_id": "a" * 32,
    "version": 7,
    "language": "en",
    "source": "harbour-gazette",
    "entities_status": "done",
    "pipeline": {"rules": "9", "wireroom": "0.1.0", "model": "en_core_web_sm 3.8.0"},
}


@pytest.mark.parametrize(
    "met",
    [
        "pipeline.rules < 10",
        "pipeline.rules<=9",
        "pipeline.rules = 9 and language = en",
        "pipeline.rules != 8",
        "pipeline.wireroom < 0.2",
        "pipeline.wireroom >= 0.1.0",
        'pipeline.model = "en_core_web_sm 3.8.0"',
        "source = harbour-gazette  and  entities_status = done",
    ],
)
def test_a_condition_that_is_met(met: str) -> None:
    assert condition(met)(STORED)


@pytest.mark.parametrize(
    "missed",
    ["pipeline.rules > 9", "pipeline.rules < 9", "language = en and language = de", "pipeline.wireroom < 0.1.0"],
)
def test_a_condition_that_is_not_met(missed: str) -> None:
    assert not condition(missed)(STORED)


def test_what_an_article_does_not_have_is_none() -> None:
    without = STORED | {"pipeline": STORED["pipeline"] | {"model": None}}
    assert condition("pipeline.model = none")(without)
    assert not condition("pipeline.model = none")(STORED)


@pytest.mark.parametrize("unclear", ["", "pipeline.rules", "pipeline.rules ~ 3", "language = en or language = de"])
def test_what_is_no_condition_is_refused_with_an_example(unclear: str) -> None:
    with pytest.raises(ValueError, match="is no condition such as"):
        condition(unclear)


def test_a_field_that_cannot_be_asked_for_is_refused_with_those_that_can() -> None:
    with pytest.raises(ValueError, match=r"'title' cannot be asked for; these can: pipeline\.rules"):
        condition("title = Lock")


def test_matching_gives_the_stored_version() -> None:
    other = STORED | {"_id": "b" * 32, "language": "de"}
    assert matching([STORED, other], condition("language = de")) == {("b" * 32, 7)}
