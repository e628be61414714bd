"""What a message becomes in the database, and what it means beside the version stored there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from services.store.documents import MAX_BYTES, Step, document, encode, entity_keys, history_document, step
from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, Caption, Entity, Mention, Pipeline, Removed

A, B = "a" * 64, "b" * 64
PIPELINE: dict[str, Any] = {"wireroom": "0.1.0", "rules": "1", "model": None}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STORED: dict[str, Any] = {
    "version": 5, "content_version": 5, "content_hash": A, "received_at": NOON, "pipeline": PIPELINE
}  # fmt: skip


def an_article(**fields: Any) -> ArticleExtracted:  # noqa: ANN401
    """Return an article; name only what matters."""
    defaults: dict[str, Any] = {
        "id": "0" * 32,
        "version": 1,
        "content_hash": A,
        "source": "morrow-wire",
        "language": "en",
        "received_at": NOON,
        "paragraphs": ("Ada Quillon opened a bridge in Lower Tamsin.",),
        "pipeline": Pipeline(wireroom="0.1.0", rules="1"),
    }
    return ArticleExtracted(**defaults | fields)


@pytest.mark.parametrize(
    ("version", "content_hash", "expected"),
    [
        (4, A, Step.SKIP),
        (4, B, Step.TO_HISTORY),
        (3, A, Step.REPEAT),
        (5, A, Step.SKIP),
        (6, A, Step.ADVANCE),
        (6, B, Step.REPLACE),
    ],
)
def test_the_step_follows_from_version_and_content(version: int, content_hash: str, expected: Step) -> None:
    article = an_article(version=version, content_hash=content_hash)
    assert step(article, STORED | {"content_version": 3}) is expected


@pytest.mark.parametrize(
    ("content_hash", "seconds", "expected"),
    [
        (B, 1, Step.REPLACE),
        (B, 0, Step.REPLACE),
        (B, -1, Step.TO_HISTORY),
        ("0" * 64, 0, Step.TO_HISTORY),
        (A, 1, Step.ADVANCE),
        (A, 0, Step.REPEAT),
        (A, -1, Step.REPEAT),
    ],
)
def test_a_number_that_a_restored_broker_gave_again_is_no_repetition(
    content_hash: str, seconds: int, expected: Step
) -> None:
    received_at = STORED["received_at"] + timedelta(seconds=seconds)
    assert step(an_article(version=5, content_hash=content_hash, received_at=received_at), STORED) is expected


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ({"rules": "2"}, Step.RENEW),
        ({"rules": "10"}, Step.RENEW),
        ({"model": "en 1"}, Step.RENEW),
        ({"rules": "2", "wireroom": "0.0.9"}, Step.RENEW),
        ({"wireroom": "0.0.9"}, Step.REPEAT),
        ({"rules": "0", "wireroom": "9.0.0"}, Step.REPEAT),
    ],
)
def test_the_same_version_is_replaced_by_what_a_newer_pipeline_made_of_it(
    pipeline: dict[str, str], expected: Step
) -> None:
    article = an_article(version=5, pipeline=Pipeline(**PIPELINE | pipeline))
    assert step(article, STORED) is expected


def test_what_is_not_stored_is_inserted() -> None:
    assert step(an_article(), None) is Step.INSERT


def test_a_document_holds_every_field_of_its_message_and_what_indexes_need() -> None:
    fields = set(ArticleExtracted.model_fields) - {"id"}
    assert set(document(an_article())) == fields | {"_id", "entity_keys", "summary", "content_version"}
    assert next(iter(document(an_article()))) == "_id"


def test_a_document_gives_the_message_back_after_a_round_through_bson() -> None:
    article = an_article(
        title="Bridge",
        tags=("travel",),
        captions=(Caption(text="The bridge", credit="B. Osk"),),
        removed=(Removed(text="Sign up", rule="newsletter", line=3, score=0.5),),
        entities=(
            Entity(
                name="Ada Quillon", label="PERSON", count=1, mentions=(Mention(start=0, end=11, text="Ada Quillon"),)
            ),
        ),
    )
    options = bson.codec_options.CodecOptions[dict[str, Any]](tz_aware=True)
    stored = bson.decode(encode(document(article)).raw, options)
    assert ArticleExtracted.model_validate(stored | {"id": stored["_id"]}) == article


def test_a_small_version_is_stored_with_64_bits_as_well() -> None:
    assert isinstance(document(an_article(version=1))["version"], Int64)
    assert isinstance(bson.decode(encode(document(an_article(version=1))).raw)["version"], Int64)


def test_a_version_of_the_history_has_an_id_of_its_own() -> None:
    kept = history_document(an_article(version=7))
    assert (kept["_id"], kept["article_id"], kept["version"]) == (f"{'0' * 32}:7:{'a' * 16}", "0" * 32, 7)


def test_every_name_and_alias_is_a_key_once_and_in_lower_case() -> None:
    entities = (
        Entity(name="Ada Quillon", label="PERSON", count=2, aliases=("Quillon", "QUILLON")),
        Entity(name="Quillon", label="ORG", count=1),
        Entity(name="Große Brücke", label="FAC", count=1),
    )
    assert entity_keys(entities) == ["PERSON:ada quillon", "PERSON:quillon", "ORG:quillon", "FAC:grosse brücke"]


def test_the_summary_is_the_first_400_characters_over_paragraphs() -> None:
    summary = document(an_article(paragraphs=("é" * 300, "b" * 300)))["summary"]
    assert summary == "é" * 300 + "\n\n" + "b" * 98


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"title": "\udfff"}, "UnicodeEncodeError"),
        ({"version": 2**63}, "OverflowError"),
        ({"title": {1}}, "InvalidDocument"),
        ({"a\0b": 1}, "InvalidDocument"),
        ({"text": "x" * MAX_BYTES}, f"at most {MAX_BYTES}"),
    ],
)
def test_what_bson_cannot_hold_is_not_storable(content: dict[str, Any], problem: str) -> None:
    with pytest.raises(Rejected, match=problem) as raised:
        encode(content)
    assert raised.value.reason is Reason.NOT_STORABLE
    assert len(raised.value.detail) <= 200


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), st.integers(1, 2**63 - 1))
def test_any_valid_article_can_be_encoded(texts: list[str], version: int) -> None:
    entities = tuple(Entity(name=text, label="ORG", count=1, aliases=tuple(texts)) for text in texts)
    article = an_article(paragraphs=tuple(texts), tags=tuple(texts), entities=entities, version=version)
    stored = bson.decode(encode(document(article)).raw)
    assert (stored["paragraphs"], stored["version"]) == (texts, version)
