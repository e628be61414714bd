"""The whole path without a server: the services' own functions, with nothing but the messages' bytes between them."""

from collections import Counter
from itertools import starmap
from typing import Any

import pytest

from services.extract.entities import Tagger, load
from services.extract.worker import extract_batch
from services.ingest.identity import ingested
from services.store.app import stored
from services.store.documents import Step, document, encode, step
from shared.decoding import decode
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleIngested, ArticleStored, ArticleSubmitted, Outcome
from tests.factories import BODY, NOON, a_submission
from wireroom.samples import sample_lines

ANSWERS: dict[Step, Outcome] = {
    Step.INSERT: "inserted",
    Step.REPLACE: "updated",
    Step.TOUCH: "duplicate",
    Step.SKIP: "duplicate",
    Step.KEEP: "superseded",
}


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return load()


def ingest(data: bytes, version: int) -> bytes | Rejected:
    try:
        return ingested(decode(data, ArticleSubmitted), version=version, received_at=NOON).model_dump_json().encode()
    except Rejected as verdict:
        return verdict


def extract(messages: list[bytes], tagger: Tagger) -> list[bytes | Exception]:
    results = extract_batch([decode(message, ArticleIngested) for message in messages], tagger)
    return [result.model_dump_json().encode() if isinstance(result, ArticleExtracted) else result for result in results]


class Store:
    """The newest version of each article, written by the store's own rules into a dictionary."""

    def __init__(self) -> None:
        self.articles: dict[str, dict[str, Any]] = {}

    def write(self, message: bytes) -> ArticleStored:
        article = decode(message, ArticleExtracted)
        what = step(article, self.articles.get(article.id))
        if what in {Step.INSERT, Step.REPLACE, Step.TOUCH}:
            encode(document(article))
            self.articles[article.id] = document(article)
        return stored(article, ANSWERS[what])


def through(lines: list[bytes], tagger: Tagger) -> tuple[Store, list[ArticleStored | Exception]]:
    raw = list(starmap(ingest, zip(lines, range(1, len(lines) + 1), strict=True)))
    extracted = iter(extract([message for message in raw if isinstance(message, bytes)], tagger))
    store = Store()
    outcomes: list[ArticleStored | Exception] = []
    for message in raw:
        result = next(extracted) if isinstance(message, bytes) else message
        outcomes.append(store.write(result) if isinstance(result, bytes) else result)
    return store, outcomes


def test_every_sample_has_one_outcome_and_one_is_refused(tagger: Tagger) -> None:
    store, outcomes = through(sample_lines(), tagger)
    counted = Counter(item.outcome if isinstance(item, ArticleStored) else "set aside" for item in outcomes)
    assert counted == {"inserted": 21, "updated": 1, "duplicate": 1, "set aside": 1}
    assert len(store.articles) == 21


def test_no_noise_of_the_samples_reaches_the_store(tagger: Tagger) -> None:
    store, _ = through(sample_lines(), tagger)
    text = "\n".join(paragraph for article in store.articles.values() for paragraph in article["paragraphs"]).casefold()
    for noise in ("subscribe", "sign in", "read more:", "share this", "advertisement", "do you want to comment", "©"):
        assert noise not in text, noise


def test_mentions_point_into_the_text_through_every_serialisation(tagger: Tagger) -> None:
    store, _ = through(sample_lines(), tagger)
    for article in store.articles.values():
        text = "\n\n".join(article["paragraphs"])
        for entity in article["entities"]:
            assert entity["count"] == len(entity["mentions"])
            for mention in entity["mentions"]:
                assert text[mention["start"] : mention["end"]] == mention["text"]


def test_one_article_without_text_harms_no_neighbour(tagger: Tagger) -> None:
    lines = [a_submission(guid=str(n), body=BODY).model_dump_json().encode() for n in range(3)]
    lines.insert(1, a_submission(guid="empty", body="Subscribe now\n\nShare").model_dump_json().encode())
    store, outcomes = through(lines, tagger)
    assert len(store.articles) == 3
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[1].reason == "no_article_text"
