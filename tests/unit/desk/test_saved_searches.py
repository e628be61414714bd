"""Saved searches: what they match, how a delivery is signed, and what their feeds hold."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree as ET

import feedparser
import httpx
import pytest
from starlette.applications import Starlette

from services.desk.subscriptions import match_feed
from services.desk.subscriptions.feed_routes import feed_routes
from services.desk.subscriptions.match_feed import Matches, atom, json_feed
from services.desk.subscriptions.matcher import Matcher
from services.desk.subscriptions.matching import matched
from services.desk.subscriptions.saved_search import BUCKET, SavedSearch, key_of, made, new_secret
from services.desk.subscriptions.subscription_tasks import Subscriptions
from services.desk.subscriptions.webhook import DELAYS, body, signed
from shared.broker.withdrawals import Withdrawals
from shared.messages import ArticleMatched
from wireroom.testing.factories import an_entity, an_extracted_article

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LOCK = an_extracted_article(title="A lock opens", entities=(an_entity("Aldercroft Bank", label="ORG"),))
QUAY = an_extracted_article(title="Der Hafen wächst", language="de", paragraphs=("Die neuen Häfen sind offen.",))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("locks", {"lock"}),
        ('"lock opens"', {"lock"}),
        ("title:lock", {"lock"}),
        ("hafen", {"quay"}),
        ("-lock", {"quay"}),
        ("lang:de", {"quay"}),
        ('entity:"ORG:aldercroft bank"', {"lock"}),
        ("source:harbour-gazette", {"lock", "quay"}),
        ("source:tide-times", set()),
        ("ttle:lock", set()),
    ],
)
def test_a_query_matches_as_the_desk_finds(query: str, found: set[str]) -> None:
    names = Matcher().match([LOCK, QUAY], {"q": query})
    assert {name for name, matches in zip(("lock", "quay"), names, strict=True) if matches} == found


def test_an_article_may_meet_several_searches_and_versions_are_told_apart() -> None:
    second = LOCK.model_copy(update={"version": 2, "title": "Nothing", "paragraphs": ("Nothing.",)})
    found = Matcher().match([LOCK, second, QUAY], {"a": "lock", "b": "opens", "c": "hafen"})
    assert found == [("a", "b"), (), ("c",)]
    assert Matcher().match([LOCK], {}) == [()]


def test_a_match_tells_of_the_article_without_its_whole_text() -> None:
    article = LOCK.model_copy(update={"paragraphs": ("x" * 1000,)})
    match = matched("banks", article)
    assert match.subject == "news.v1.matched.banks"
    assert (match.title, len(match.summary), match.entities[0].mentions) == ("A lock opens", 400, ())


def test_a_delivery_is_signed_as_standard_webhooks_has_it() -> None:
    """The example of the specification's own libraries: secret, id, timestamp and body of a known signature."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - from the specification
    key, content = key_of(secret), b'{"test": 2432232314}'
    mac = hmac.new(key, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + content, sha256).digest()
    assert base64.b64encode(mac).decode() == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    search = made("locks", "lock", "https://hooks.example/in", secret)
    match = matched("locks", LOCK)
    content = body(match, AT)
    given = signed(search, match, content, AT)
    ours = f"{given['webhook-id']}.{given['webhook-timestamp']}.".encode() + content
    assert given["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, ours, sha256).digest()).decode()
    assert json.loads(content)["data"]["id"] == LOCK.id
    assert signed(search, match, content, AT)["webhook-id"] == given["webhook-id"], "every try has the same id"


def test_delays_grow_to_three_days_in_all() -> None:
    assert list(DELAYS) == sorted(DELAYS)
    assert 2.5 * 86400 < sum(DELAYS) < 4 * 86400, "shorter than NEWS keeps matches"


@pytest.mark.parametrize("secret", ["", "no base64!", base64.b64encode(b"x" * 23).decode(), "a" * 1000])
def test_a_weak_or_broken_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="the secret"):
        key_of(secret)
    assert len(key_of(new_secret())) == 32


def test_what_others_wrote_into_the_bucket_is_no_search() -> None:
    good = made("locks", "lock")
    assert BUCKET.parse("locks", good.model_dump_json().encode()) == ("locks", good)
    for key, value in [("other", good), ("locks", {}), ("locks", made("locks", "x", "https://a.example", "weak"))]:
        data = value.model_dump_json() if isinstance(value, SavedSearch) else json.dumps(value)
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic's error is one
            BUCKET.parse(key, data.encode())


def a_match(number: int, **fields: Any) -> ArticleMatched:  # noqa: ANN401
    return matched("locks", an_extracted_article(guid=str(number), version=number + 1, **fields))


def kept(*found: ArticleMatched, withdrawals: Withdrawals | None = None) -> Matches:
    matches = Matches(withdrawals or Withdrawals())
    for match in found:
        matches.note(match.model_dump_json().encode())
    return matches


def test_a_feed_holds_the_newest_matches_and_the_newest_version_of_each() -> None:
    found = [a_match(number) for number in range(60)]
    corrected = found[30].model_copy(update={"version": 100, "title": "Corrected"})
    of_search = (kept(*found, corrected, found[30])).of("locks")
    assert len(of_search) == match_feed.NEWEST
    assert (of_search[0].title, of_search[1].id) == ("Corrected", found[59].id)
    assert len({match.id for match in of_search}) == len(of_search)
    assert (kept(*found)).of("other") == []


def test_a_withdrawn_article_leaves_every_feed() -> None:
    class Told(Withdrawals):
        def reason(self, article_id: str) -> str | None:
            return "wrong" if article_id == found[0].id else None

    found = [a_match(0), a_match(1)]
    assert [match.id for match in (kept(*found, withdrawals=Told())).of("locks")] == [found[1].id]


HOSTILE = "</title><script>alert(1)</script>\x00\x1b]0;x\x07&amp;\ufffe"


def test_both_feeds_are_read_by_their_readers_whatever_the_articles_say() -> None:
    found = [
        a_match(0, title=HOSTILE, url="https://tide.example/a?b=1&c=2", published_at=AT, paragraphs=(HOSTILE,)),
        a_match(1, title=None, url="javascript:alert(1)"),
    ]
    feed = feedparser.parse(atom("locks", found, "https://desk.example/feeds/locks.atom"))
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.entries[0].link == "https://tide.example/a?b=1&c=2"
    assert not feed.entries[1].get("links"), "an address that is none is left out"
    root = ET.fromstring(atom("locks", found, "https://desk.example"))  # noqa: S314 - made here
    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    read = json.loads(json_feed("locks", found, "https://desk.example/feeds/locks.json"))
    assert (read["version"], len(read["items"])) == ("https://jsonfeed.org/version/1.1", 2)
    assert "url" not in read["items"][1]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    matches = kept(a_match(0))
    known = SimpleNamespace(searches={"locks": made("locks", "lock")}, matches=matches)

    def subscriptions() -> Subscriptions:
        return cast("Subscriptions", known)

    transport = httpx.ASGITransport(Starlette(routes=feed_routes(subscriptions)))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as asking:
        yield asking


async def test_a_feed_is_loaded_again_only_when_it_changed(client: httpx.AsyncClient) -> None:
    first = await client.get("/feeds/locks.atom")
    assert (first.status_code, first.headers["content-type"]) == (200, match_feed.ATOM)
    again = await client.get("/feeds/locks.atom", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/feeds/locks.json")).json()["items"]
    assert [(await client.get(path)).status_code for path in ("/feeds/other.atom", "/feeds/locks.xml")] == [404, 404]
