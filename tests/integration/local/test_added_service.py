"""The example service of docs/consumers.md is added as the page says, and works on a broker that asks for passwords."""

import asyncio
import importlib
import logging
import sys
from pathlib import Path

import pytest

from services.setup import outside_users
from services.setup.broker_accounts import Outsiders, configuration, user_names
from shared.broker import provisioning
from shared.broker.connect import brief_connection
from shared.broker.envelope import headers
from shared.errors import WrongSetting
from shared.observability.healthcheck import ask
from shared.runtime import run
from shared.settings import Settings
from shared.topology import NEWS
from tests.documents import documented_service
from tests.documents.documented_service import NAME
from tests.running import idle, running
from wireroom.local import ports
from wireroom.local.local_stack import Stack
from wireroom.local.servers import nats_server
from wireroom.testing.factories import NOON, an_entity, an_extracted_article


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the example beside the services that are there."""
    folder = tmp_path / "overlay" / NAME
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "app.py").write_text(documented_service.module(), "utf-8")
    services = importlib.import_module("services")
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(folder.parent)])
    for module in (f"services.{NAME}", f"services.{NAME}.app"):
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.usefixtures("added")
async def test_it_is_found_handles_an_article_acknowledges_it_and_is_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert NAME in run.services()
    users = Outsiders({}, {}, services=(NAME,))
    passwords = {name: f"password-of-{name}" for name in user_names(users)}
    [port] = ports.free(1)
    article = an_extracted_article(entities=(an_entity(), an_entity("Tidewell", label="GPE"), an_entity("Ivo Marten")))
    given = headers(article, service="extract", now=NOON)
    with nats_server(tmp_path, accounts=configuration(passwords, users)) as url:

        def address(user: str) -> str:
            return url.replace("//", f"//{user}:{passwords[user]}@")

        async with (
            brief_connection(address("setup")) as setup,
            brief_connection(address("extract")) as extract,
            brief_connection(address("operator")) as operator,
        ):
            await provisioning.apply(setup.jetstream(timeout=10))
            settings = Settings(nats_url=address(NAME), health_port=port)
            async with running(run.load(NAME), settings=settings), asyncio.timeout(30):
                while (await asyncio.to_thread(ask, port))[0] != 200:  # noqa: ASYNC110 - it is starting
                    await asyncio.sleep(0.02)
                js = extract.jetstream()
                await js.publish(article.subject, article.model_dump_json().encode(), headers=given)
                await idle(operator, NEWS, NAME)
                assert (await asyncio.to_thread(ask, port))[0] == 200
            state = await operator.jetstream().consumer_info(NEWS, NAME)
            dead = await operator.jetstream().stream_info("DEAD")
    assert (state.ack_floor.stream_seq if state.ack_floor else 0, dead.state.messages) == (1, 0)
    assert f"{article.id} names 2 people" in [record.getMessage() for record in caplog.records]
    assert "iolation for" not in (tmp_path / "logs/nats-server.log").read_text(), "it was denied what it needs"


@pytest.mark.usefixtures("added")
def test_the_one_machine_stack_starts_it_with_a_user_of_its_own(tmp_path: Path) -> None:
    stack = Stack(tmp_path, lambda _: None, extract=1, usual_ports=False, restored=False)
    assert NAME in stack.health_ports
    assert f"//{NAME}:" in (tmp_path / f"credentials/{NAME}/nats_url").read_text()


@pytest.mark.usefixtures("added")
def test_its_name_is_refused_to_a_publisher_and_a_publisher_that_has_it_is_named_at_the_start(tmp_path: Path) -> None:
    assert NAME in outside_users.taken(outside_users.added_services(run.services()))
    folder = tmp_path / "credentials"
    folder.mkdir()
    outside_users.save(folder, {NAME: outside_users.new(NAME, "harbour-gazette")})
    with pytest.raises(WrongSetting, match=f"{NAME} is a service now"):
        Stack(tmp_path, lambda _: None, extract=1, usual_ports=False, restored=False)
