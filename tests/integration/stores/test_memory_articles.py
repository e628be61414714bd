"""The repository in memory that other tests use answers and keeps what the real one does, whatever is written."""

import hashlib
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest

from services.store.repository import Articles, connect
from shared.broker.withdrawals import Withdrawn
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleWithdrawn, Pipeline
from tests.fakes.memory import MemoryArticles
from tests.seeds import some_of
from wireroom.testing.factories import NOON, an_extracted_article

Answer = str | tuple[str, str]


def drawn(draw: random.Random) -> ArticleExtracted:
    """Return a state of one of a few articles."""
    text = draw.choice(("The lock is open.", "The lock is closed.", "Nobody has the key."))
    return an_extracted_article(
        id=f"{draw.randrange(3):032x}",
        version=draw.randrange(1, 6),
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        received_at=NOON + timedelta(seconds=draw.randrange(3)),
        paragraphs=(text,),
        pipeline=Pipeline(wireroom="0", rules=draw.choice("01")),
    )


def told(answer: object) -> Answer:
    match answer:
        case Withdrawn():
            return "withdrawn", answer.reason
        case Rejected():
            return "rejected", answer.reason
    return str(answer)


def kept(document: dict[str, Any]) -> tuple[Any, ...]:
    return document["version"], document["content_hash"], list(document["paragraphs"]), document["pipeline"]["rules"]


@pytest.mark.parametrize("seed", some_of(5))
async def test_the_repository_in_memory_answers_and_keeps_what_the_real_one_does(mongo_url: str, seed: int) -> None:
    draw, name = random.Random(seed), f"test_{uuid.uuid4().hex}"
    memory = MemoryArticles()
    async with connect(mongo_url) as client:
        real = Articles(client[name])
        await real.prepare()
        for turn in range(60):
            if draw.random() < 0.02:
                article = drawn(draw)
                shared = article.model_dump(include=set(ArticleWithdrawn.model_fields))
                event = ArticleWithdrawn(**shared, reason=f"order {turn}")
                await memory.withdraw(event)
                await real.withdraw(event)
            batch = [drawn(draw) for _ in range(draw.randint(1, 4))]
            assert list(map(told, await memory.write(batch))) == list(map(told, await real.write(batch))), (turn, batch)
            stored = {found["_id"]: kept(found) async for found in client[name]["articles"].find()}
            assert {key: kept(found) for key, found in memory.newest.items()} == stored, turn
            versions = client[name]["article_versions"].find()
            history = {(found["article_id"], found["content_hash"]) async for found in versions}
            remembered = {key: {digest for _, digest in states} for key, states in memory.versions.items()}
            assert history == {(key, digest) for key, found in remembered.items() if len(found) > 1 for digest in found}
        await client.drop_database(name)
