"""The job of extract in its own processes gives what the functions give, and nothing in them prevents a fork."""

import time

import psutil  # type: ignore[import-untyped] # it has no types

from services.extract import transport
from services.extract.app import JOB
from services.extract.boilerplate.sightings import sighting
from services.extract.entities import load
from services.extract.extraction import extract_batch
from services.extract.pool import Limits, Task, opened
from shared.broker.encoded import Undecoded
from shared.errors import Rejected
from shared.messages import ArticleExtracted
from tests.cleaning import CLEANER, RULES
from wireroom.testing.factories import BODY, a_raw_article


def told(reply: bytes | Exception) -> object:
    """Return what the service reads in a reply: the lines of a source have no order."""
    assert isinstance(reply, bytes)
    try:
        return transport.replied(reply)
    except Rejected as verdict:
        return verdict.reason, verdict.detail


async def test_workers_give_what_the_functions_give() -> None:
    page = f"<html><body><article><p>{BODY}</p></article></body></html>"
    articles = [a_raw_article(), a_raw_article(body=page, media_type="text/html"), a_raw_article(body="Nichts.")]
    expected = [
        transport.reply(transport.Extracted(result, sighting(result, RULES.vocabulary)))
        if isinstance(result, ArticleExtracted)
        else transport.reply(result)
        for result in extract_batch(articles, CLEANER, load())
    ]
    messages = [Undecoded(article.source, {}, article.model_dump_json().encode()) for article in articles]
    async with opened(JOB, Limits()) as pool:
        before = time.time_ns()
        found = await pool.run([Task(transport.request(message, {})) for message in messages])
        assert list(map(told, found)) == list(map(told, expected))
        after = time.time_ns()
        for reply, steps in zip(found, [["clean", "tag", "merge"]] * 2 + [["clean"]], strict=True):
            assert isinstance(reply, bytes)
            spans = transport.StepTimes.of(reply).spans()
            assert [name for name, *_ in spans] == steps
            moments = [before, *(moment for _, began, ended, _ in spans for moment in (began, ended)), after]
            assert moments == sorted(moments)
        [template] = [child for child in psutil.Process().children() if "template" in " ".join(child.cmdline())]
        assert template.num_threads() == 1, "a thread that is not there after a fork may hold a lock for ever"
        [worker] = template.children()
        assert worker.memory_full_info().uss < template.memory_info().rss / 2, "a worker shares the models"
