"""Every metric is defined once, told in the documents, and counted exactly once for an article."""

import json
import logging

import pytest
from faststream import FastStream
from prometheus_client.parser import text_string_to_metric_families

from shared.errors import Reason, Rejected
from shared.logs import JsonLine
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.observability.metrics import DEFINITIONS, Metrics
from shared.observability.process_state import State
from shared.runtime.middleware import Delivered
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import INGEST
from tests.fakes.model import QUICK
from tests.paths import ROOT
from wireroom.testing.factories import a_raw_article, a_submission
from wireroom.testing.fake_broker import FakeCrashGuard, FakeJetStream, FakeMsg, metadata, prepared

OPERATIONS = ROOT / "docs/operations.md"


def test_the_page_of_operations_has_the_table_of_metrics() -> None:
    rows = [f"| `{each.name}` | {', '.join(each.labels)} | {each.meaning} | {each.worry} |" for each in DEFINITIONS]
    text = OPERATIONS.read_text("utf-8")
    assert "\n".join(rows) in text, "write the table anew:\n" + "\n".join(rows)


def test_every_metric_is_shown_under_its_name() -> None:
    shown = {family.name for family in text_string_to_metric_families(Metrics("x", State()).text().decode())}
    assert {each.name.removesuffix("_total") for each in DEFINITIONS} <= shown


async def handled(raw: FakeMsg, error: Exception | None = None) -> dict[str, float]:
    """Return how often each outcome is counted after one delivery."""
    broker = Broker("ingest", Settings(), attempts=QUICK)

    @broker.subscriber(INGEST)
    @broker.publisher(ArticleIngested)
    async def ingest(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
        if error:
            raise error
        return a_raw_article(guid=article.guid, version=delivery.sequence)

    prepared(FastStream(broker), FakeJetStream(), FakeCrashGuard())
    await broker.process(raw)
    families = text_string_to_metric_families(broker.metrics.text().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "wireroom_articles_total"]
    return {sample.labels["outcome"]: sample.value for sample in samples}


def a_delivery(number: int = 1) -> FakeMsg:
    raw = FakeMsg(a_submission().model_dump_json().encode(), place=metadata(stream="INBOX", delivered=number))
    raw.subject = "news.v1.submitted"
    return raw


async def test_an_article_is_counted_once_and_a_retry_is_none() -> None:
    assert await handled(a_delivery()) == {"raw": 1}
    assert await handled(a_delivery(), KeyError("x")) == {}
    assert await handled(a_delivery(5), KeyError("x")) == {"retries_exhausted": 1}
    assert await handled(a_delivery(), Rejected(Reason.SCHEMA, "x")) == {"schema": 1}


async def test_an_article_is_one_line_of_the_log_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "wireroom.articles"):
        await handled(a_delivery())
    [record] = [record for record in caplog.records if record.name == "wireroom.articles"]
    line = json.loads(JsonLine().format(record))
    article = a_raw_article(guid=a_submission().guid, version=7)
    assert (line["id"], line["source"], line["outcome"]) == (article.id, article.source, "raw")
    assert 0 < line["ms"] < 60_000
    assert article.body not in json.dumps(line)
