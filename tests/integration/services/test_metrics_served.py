"""Metrics of all services under load add up to what the audit says, and each service shows its pages."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from http.client import HTTPConnection

from nats.aio.client import Client
from prometheus_client.parser import text_string_to_metric_families

from services.ingest import app as ingest
from services.store import app as store
from shared.messages import ArticleSubmitted
from shared.settings import Settings
from tests.fakes.model import without_a_model
from tests.running import idle, publish, running
from wireroom.local import ports
from wireroom.ops.audit import balance, gather
from wireroom.testing.factories import a_submission

Labels = frozenset[tuple[str, str]]


def page(port: int, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[tuple[str, Labels], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def outcomes(found: dict[tuple[str, Labels], float], stage: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for (name, labels), value in found.items():
        of = dict(labels)
        if name == "wireroom_articles_total" and of["stage"] == stage:
            counted[of["outcome"]] += int(value)
    return counted


async def test_under_load_the_metrics_of_all_services_add_up_to_the_audit(broker: Client, settings: Settings) -> None:
    good = [a_submission(guid=f"a{number}") for number in range(150)]
    corrected = [a_submission(guid=f"a{number}", body=f"Corrected {number}.") for number in range(20)]
    mixed: list[ArticleSubmitted | bytes] = [*good, b"{", *good[:30], b"{}", *corrected, b""]
    services = {"ingest": ingest.app, "extract": without_a_model, "store": store.app}
    port = dict(zip(services, ports.free(len(services)), strict=True))
    async with AsyncExitStack() as stack:
        for name, app in services.items():
            own = settings.model_copy(update={"health_port": port[name]})
            await stack.enter_async_context(running(app, settings=own))
        await publish(broker, *mixed)
        for stream, durable in (("INBOX", "ingest"), ("RAW", "extract"), ("NEWS", "store")):
            await idle(broker, stream, durable)
        found = {name: samples(await asyncio.to_thread(page, port[name], "/metrics")) for name in services}
        described = json.loads(await asyncio.to_thread(page, port["store"], "/asyncapi"))
    audited = balance(await gather(broker.jetstream(timeout=10)))
    assert (audited.in_flight, audited.missing) == (0, ())
    read = outcomes(found["ingest"], "ingest")
    assert read.pop("raw") == len(mixed) - 3
    assert sum(read.values()) == audited.dead == 3
    assert outcomes(found["extract"], "extract") == {"extracted": len(mixed) - 3}
    assert outcomes(found["store"], "store") == audited.outcomes
    assert sum(audited.outcomes.values()) + audited.dead == audited.accepted == len(mixed)
    letters = {
        dict(labels)["reason"]: value for (name, labels), value in found["ingest"].items() if "letters_t" in name
    }
    assert letters == {"not_json": 1, "schema": 1, "empty_body": 1}
    assert {channel["address"].split(".")[2] for channel in described["channels"].values()} == {
        *("extracted", "stored", "withdrawn")
    }
    for each in found.values():
        named = {value for _, labels in each for name, value in labels if name in {"handler", "destination"}}
        assert not {value for value in named if "harbour-gazette" in value}, "a label for each source never ends"
