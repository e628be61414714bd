"""Saved searches work with the permissions that the desk and the operator have on a guarded broker, and no more."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from services.desk.subscriptions import saved_search
from services.desk.subscriptions.receiver import Receiver
from services.desk.subscriptions.saved_search import made, new_secret
from services.desk.subscriptions.subscription_tasks import running
from services.setup.broker_accounts import configuration, user_names
from shared.broker import provisioning
from shared.broker.connect import brief_connection
from shared.broker.envelope import headers
from shared.guarded_http import GuardedClient
from tests.feeds.web_server import Answer, Request, serving
from wireroom.local.servers import nats_server
from wireroom.testing.factories import an_extracted_article


async def test_a_match_reaches_feed_and_webhook_with_the_permissions_of_each_user(tmp_path: Path) -> None:
    passwords = {name: f"password-of-{name}" for name in user_names()}
    taken = asyncio.Event()

    async def take(_: Request) -> Answer:
        taken.set()
        return Answer()

    with nats_server(tmp_path, accounts=configuration(passwords)) as url:

        def address(user: str) -> str:
            return url.replace("//", f"//{user}:{passwords[user]}@")

        async with brief_connection(address("setup")) as setup:
            await provisioning.apply(setup.jetstream(timeout=10))
        async with (
            serving(take) as server,
            brief_connection(address("operator")) as operator,
            brief_connection(address("desk")) as desk,
            brief_connection(address("extract")) as extract,
            asyncio.timeout(60),
        ):
            js = operator.jetstream(timeout=5)
            await saved_search.add(js, made("locks", "lock", f"http://127.0.0.1:{server.port}/", new_secret()))
            open_client = lambda: GuardedClient(allowed=("127.0.0.1",))  # noqa: E731
            async with running(
                desk, desk.jetstream(timeout=5), lambda *given: Receiver(*given, open_client=open_client)
            ) as works:
                article = an_extracted_article(title="A lock")
                given = headers(article, service="extract", now=datetime.now(UTC))
                await extract.jetstream().publish(article.subject, article.model_dump_json().encode(), headers=given)
                await taken.wait()
                assert [match.id for match in works.matches.of("locks")] == [article.id]
                while await saved_search.waiting(js, works.searches["locks"]):  # noqa: ASYNC110 - the broker is asked
                    await asyncio.sleep(0.02)
                assert await saved_search.remove(js, "locks")
                assert await saved_search.waiting(js, made("locks", "lock")) is None
