"""The desk on a real broker and database: its index ends equal to MongoDB, and it says who may look."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from pymongo.database import Database

from services.desk import control
from services.desk.index.generation import Generation
from services.desk.index.index_folder import IndexFolder
from services.store.documents import document
from shared.errors import Unavailable, WrongSetting
from shared.messages import ArticleExtracted, ArticleWithdrawn
from shared.observability import probes
from shared.runtime.http_server import ServiceServer
from shared.runtime.run import load
from shared.settings import Settings
from shared.topology import INSTANCE, SERVICE
from tests.integration.desk.announcing import announce, article
from tests.running import idle, running
from wireroom.local import ports
from wireroom.ops.pipeline_status import look
from wireroom.testing.factories import a_withdrawn_event, an_entity

SECONDS = 30.0


@pytest.fixture
def desk_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    [port] = ports.free(1)
    monkeypatch.setenv("WIREROOM_DESK_FOLDER", str(tmp_path / "desk"))
    monkeypatch.setenv("WIREROOM_DESK_HTTP_PORT", str(port))
    return port


@asynccontextmanager
async def desk(settings: Settings, port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running(load("desk"), settings=settings),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", timeout=SECONDS) as client,
    ):
        yield client


async def asked(broker: Client, verb: str) -> dict[str, Any]:
    return await control.ask(broker, "desk", verb, seconds=SECONDS)


async def settled(broker: Client) -> dict[str, Any]:
    """Return the state once everything was read and no rebuild is under way."""
    async with asyncio.timeout(SECONDS):
        while True:
            with suppress(Unavailable, NotFoundError):  # it is starting
                await idle(broker, "NEWS", "desk")
                state = await asked(broker, "state")
                if state["complete"] and not state["rebuilding"]:
                    return state
            await asyncio.sleep(0.02)


async def test_what_is_announced_is_found_corrected_and_withdrawn(
    settings: Settings, broker: Client, desk_port: int
) -> None:
    bank = an_entity("Aldercroft Bank", label="ORG")
    async with desk(settings, desk_port) as client:
        await announce(broker, article(1, 5, entities=(bank,)), article(2, 6), article(1, 3, title="As it was before"))
        last = await announce(broker, article(3, 7), a_withdrawn_event(id=article(3).id, version=7))
        assert (await settled(broker))["last_sequence"] == last
        found = (await client.get("/articles", params={"q": "title:lock", "entity": "ORG:Aldercroft Bank"})).json()
        assert [(hit["id"], hit["version"]) for hit in found["hits"]] == [(article(1).id, 5)]
        assert found["facets"]["entities"]["ORG"] == [{"label": "ORG", "name": "Aldercroft Bank", "count": 1}]
        assert (await client.get("/articles")).json()["total"] == 2
        whole = await client.get(f"/articles/{article(1).id}")
        assert ArticleExtracted.model_validate(whole.json()) == article(1, 5, entities=(bank,))
        assert (await client.get(f"/articles/{article(3).id}")).status_code == 404
        assert (await client.get("/entities", params={"label": "ORG"})).json()[0]["name"] == "Aldercroft Bank"
        assert (await client.get("/entities/ORG/Aldercroft Bank")).json()["articles"] == 1
        assert (await client.get("/trends")).json() == []
        assert (await client.get("/state")).json()["articles"] == 2
        assert (await client.get(f"/articles/{article(1).id}/similar")).status_code == 200


async def test_of_two_desks_with_one_name_the_second_does_not_start_whatever_its_folder_is(
    settings: Settings, broker: Client, desk_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(settings, desk_port):
        await settled(broker)
        [port] = ports.free(1)
        monkeypatch.setenv("WIREROOM_DESK_FOLDER", str(tmp_path / "another"))
        monkeypatch.setenv("WIREROOM_DESK_HTTP_PORT", str(port))
        second = ServiceServer(load("desk")(settings))
        second.capture_signals = nullcontext  # type: ignore[method-assign, assignment] # signals belong to pytest
        with pytest.raises(WrongSetting, match=f"a desk called desk runs already, with its index in {tmp_path}/desk"):
            await asyncio.wait_for(second.serve(), SECONDS)
        await announce(broker, article(1, 1))
        assert (await settled(broker))["articles"] == 1, "the first one goes on"
    async with desk(settings, port):  # once it is gone, its name is free
        assert (await settled(broker))["folder"] == str(tmp_path / "another")


async def test_a_desk_whose_consumer_another_has_claimed_ends_as_misconfigured(
    settings: Settings, broker: Client, desk_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Queue[WrongSetting]()
    monkeypatch.setattr(probes, "end_misconfigured", ended.put_nowait)
    async with desk(settings, desk_port):
        await settled(broker)
        js = broker.jetstream(timeout=10)
        [row] = [service for service in (await look(js)).services if service.service == "desk"]
        assert (row.state, (await look(js)).readers) == ("up to date", ())
        config = (await js.consumer_info("NEWS", "desk")).config
        await js.add_consumer("NEWS", replace(config, metadata={SERVICE: "desk", INSTANCE: "another"}))
        async with asyncio.timeout(SECONDS):
            assert "another process reads NEWS as desk" in str(await ended.get())


async def test_a_new_index_is_built_from_mongodb_and_what_the_store_has_not_stored_yet(
    settings: Settings, broker: Client, database: Database[dict[str, Any]], desk_port: int
) -> None:
    stored = [article(number, number) for number in range(1, 21)]
    database["articles"].insert_many([document(each) for each in stored])
    await announce(broker, article(30, 30), article(5, 31))
    async with desk(settings, desk_port) as client:
        await settled(broker)
        assert (await client.get("/articles", params={"size": 1})).json()["total"] == 21
        assert (await client.get(f"/articles/{article(5).id}")).json()["version"] == 31
        found = await asked(broker, "check")
        assert (found["missing"], found["left_over"], found["other_version"]) == (0, 1, 1)
        assert found["examples"]["left_over"] == [article(30).id]
        database["articles"].insert_one(document(article(30, 30)))
        database["articles"].replace_one({"_id": article(5).id}, document(article(5, 31)))
        assert (await asked(broker, "check"))["equal"]


async def test_the_index_is_rebuilt_while_it_answers(
    settings: Settings, broker: Client, database: Database[dict[str, Any]], desk_port: int
) -> None:
    async with desk(settings, desk_port) as client:
        await settled(broker)
        database["articles"].insert_many([document(article(number, number)) for number in range(1, 1001)])
        assert (await asked(broker, "reindex"))["started"]
        sent = [article(number, 2000 + number) for number in range(500, 1500)]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(announce(broker, *sent, a_withdrawn_event(id=article(7).id, version=7)))
            while (await asked(broker, "state"))["rebuilding"]:
                assert (await client.get("/articles")).status_code == 200
        await settled(broker)
        expected = {article(number).id: number for number in range(1, 500) if number != 7}
        expected |= {each.id: each.version for each in sent}
        assert (await client.get("/articles", params={"size": 1})).json()["total"] == len(expected)
    generation, complete = IndexFolder(Path(settings_folder())).open()
    assert complete
    assert generation.versions() == expected


def settings_folder() -> str:
    from services.desk.settings import DeskSettings

    return str(DeskSettings().folder)


async def test_after_a_restart_it_goes_on_where_it_stood(
    settings: Settings, broker: Client, desk_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(settings, desk_port):
        await announce(broker, article(1))
        before = await settled(broker)
    await announce(broker, article(2))
    caplog.clear()
    async with desk(settings, desk_port) as client:
        after = await settled(broker)
        assert (await client.get("/articles")).json()["total"] == 2
    assert after["last_sequence"] > before["last_sequence"]
    assert "rebuilt" not in caplog.text


async def test_an_index_that_may_have_missed_messages_is_built_anew(
    settings: Settings, broker: Client, database: Database[dict[str, Any]], desk_port: int
) -> None:
    async with desk(settings, desk_port):
        await announce(broker, article(1))
        await settled(broker)
    last = await announce(broker, article(2), article(3))
    database["articles"].insert_many([document(article(number)) for number in (1, 2, 3)])
    await broker.jetstream().purge_stream("NEWS", seq=last)
    async with desk(settings, desk_port) as client:
        await settled(broker)
        assert (await client.get("/articles")).json()["total"] == 3
        assert (await asked(broker, "check"))["equal"]


async def test_an_index_that_cannot_be_read_is_built_anew(
    settings: Settings, broker: Client, database: Database[dict[str, Any]], desk_port: int, tmp_path: Path
) -> None:
    database["articles"].insert_one(document(article(1)))
    async with desk(settings, desk_port):
        await settled(broker)
    [meta] = (tmp_path / "desk").glob("*/meta.json")
    meta.write_text("{")
    async with desk(settings, desk_port) as client:
        await settled(broker)
        assert (await client.get("/articles")).json()["total"] == 1


async def test_two_desks_cannot_have_one_folder(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    generation, _ = folder.open()
    folder.install(generation)
    with pytest.raises(Exception, match="WIREROOM_DESK_FOLDER"):
        Generation(generation.folder)


async def test_events_are_sent_as_they_come_and_from_where_a_client_stopped(
    settings: Settings, broker: Client, desk_port: int
) -> None:
    async with desk(settings, desk_port) as client:
        await settled(broker)
        first = await announce(broker, article(1), article(2, source="valdoria-post"), article(3))
        seen: list[tuple[int, str]] = []
        wanted = {"params": {"source": "harbour-gazette"}, "headers": {"Last-Event-ID": str(first - 2)}}
        async with client.stream("GET", "/stream", **wanted) as response:  # type: ignore[arg-type] # of both kinds
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            seen.append(await next_event(lines))
            withdrawn: ArticleWithdrawn = a_withdrawn_event(id=article(3).id)
            last = await announce(broker, article(4, language="de"), article(5, source="valdoria-post"), withdrawn)
            seen += [await next_event(lines), await next_event(lines)]
        assert seen == [(first, article(3).id), (last - 2, article(4).id), (last, article(3).id)]
        refused = await client.get("/stream", headers={"Last-Event-ID": "yesterday"})
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")


async def next_event(lines: AsyncIterator[str]) -> tuple[int, str]:
    sequence = 0
    async with asyncio.timeout(SECONDS):
        async for line in lines:
            if line.startswith("id: "):
                sequence = int(line.removeprefix("id: "))
            if line.startswith("data: "):
                return sequence, json.loads(line.removeprefix("data: "))["id"]
    raise AssertionError("the stream ended")
