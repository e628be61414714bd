"""The whole path without a server: the services' own functions, with nothing but the messages' bytes between them."""

from collections import Counter
from itertools import starmap

import pytest

from services.extract.entities import Tagger, load
from services.extract.extraction import extract_batch
from services.ingest.identity import ingested
from services.store.app import stored
from shared.decoding import decode
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleIngested, ArticleStored, ArticleSubmitted
from tests.cleaning import CLEANER
from tests.fakes.memory import MemoryArticles
from wireroom.samples import sample_lines
from wireroom.testing.factories import BODY, NOON, a_submission


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return load()


def ingest(data: bytes, version: int) -> bytes | Rejected:
    try:
        return ingested(decode(data, ArticleSubmitted), version=version, received_at=NOON).model_dump_json().encode()
    except Rejected as verdict:
        return verdict


def extract(messages: list[bytes], tagger: Tagger) -> list[bytes | Exception]:
    results = extract_batch([decode(message, ArticleIngested) for message in messages], CLEANER, tagger)
    return [result.model_dump_json().encode() if isinstance(result, ArticleExtracted) else result for result in results]


async def store(message: bytes, articles: MemoryArticles) -> ArticleStored:
    article = decode(message, ArticleExtracted)
    [outcome] = await articles.write([article])
    assert isinstance(outcome, str), outcome
    return stored(article, outcome)


async def through(lines: list[bytes], tagger: Tagger) -> tuple[MemoryArticles, list[ArticleStored | Exception]]:
    raw = list(starmap(ingest, zip(lines, range(1, len(lines) + 1), strict=True)))
    extracted = iter(extract([message for message in raw if isinstance(message, bytes)], tagger))
    articles = MemoryArticles()
    outcomes: list[ArticleStored | Exception] = []
    for message in raw:
        result = next(extracted) if isinstance(message, bytes) else message
        outcomes.append(await store(result, articles) if isinstance(result, bytes) else result)
    return articles, outcomes


async def test_every_sample_has_one_outcome_and_one_is_refused(tagger: Tagger) -> None:
    articles, outcomes = await through(sample_lines(), tagger)
    counted = Counter(item.outcome if isinstance(item, ArticleStored) else "dead-lettered" for item in outcomes)
    assert counted == {"inserted": 21, "updated": 1, "duplicate": 1, "dead-lettered": 1}
    assert len(articles.newest) == 21


async def test_no_noise_of_the_samples_reaches_the_store(tagger: Tagger) -> None:
    articles, _ = await through(sample_lines(), tagger)
    paragraphs = [paragraph for article in articles.newest.values() for paragraph in article["paragraphs"]]
    text = "\n".join(paragraphs).casefold()
    for noise in ("subscribe", "sign in", "read more:", "share this", "advertisement", "do you want to comment", "©"):
        assert noise not in text, noise


async def test_mentions_point_into_the_text_through_every_serialisation(tagger: Tagger) -> None:
    articles, _ = await through(sample_lines(), tagger)
    for article in articles.newest.values():
        text = "\n\n".join(article["paragraphs"])
        for entity in article["entities"]:
            assert entity["count"] == len(entity["mentions"])
            for mention in entity["mentions"]:
                assert text[mention["start"] : mention["end"]] == mention["text"]


async def test_one_article_without_text_harms_no_neighbour(tagger: Tagger) -> None:
    lines = [a_submission(guid=str(n), body=BODY).model_dump_json().encode() for n in range(3)]
    lines.insert(1, a_submission(guid="empty", body="Subscribe now\n\nShare").model_dump_json().encode())
    articles, outcomes = await through(lines, tagger)
    assert len(articles.newest) == 3
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[1].reason == "no_article_text"
