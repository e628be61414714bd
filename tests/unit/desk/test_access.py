"""Who may look at the desk, and what every answer says to a browser."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.desk.access import COOKIE, Access, AccessMiddleware, access_of, read_token
from services.desk.settings import DeskSettings
from shared.errors import WrongSetting
from tests.paths import ROOT

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 - of a test
HTML = {"accept": "text/html"}


def client(access: Access, host: str = "desk.example", peer: str = "203.0.113.9") -> httpx.AsyncClient:
    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("seen")

    app = Starlette(routes=[Route("/{path:path}", page)], middleware=[Middleware(AccessMiddleware, access=access)])
    transport = httpx.ASGITransport(app, client=(peer, 1234))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


def guarded(tmp_path: Path, **settings: Any) -> Access:  # noqa: ANN401 - of any setting
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return access_of(DeskSettings(http_host="0.0.0.0", token_file=tmp_path / "token", **settings))  # noqa: S104


async def test_on_loopback_everybody_on_this_machine_may_look_but_no_other_site() -> None:
    access = access_of(DeskSettings())
    for host in ("127.0.0.1:8601", "localhost:8601", "[::1]:8601"):
        assert (await client(access, host).get("/")).text == "seen"
    refused = await client(access, "attacker.example").get("/", headers=HTML)
    assert (refused.status_code, refused.headers["content-type"]) == (421, "application/problem+json")


async def test_a_token_lets_in_as_bearer_and_by_a_cookie_that_is_not_the_token(tmp_path: Path) -> None:
    access = guarded(tmp_path)
    async with client(access) as browser:
        assert (await browser.get("/v1/articles")).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert (await browser.get("/v1/articles", headers=bearer)).text == "seen"
        assert (await browser.get("/", headers={"authorization": "Bearer wrong"})).status_code == 401
        asked = await browser.get("/a/1?q=x", headers=HTML)
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/a/1%3Fq%3Dx")
        form = (await browser.get(asked.headers["location"])).text
        assert "<form" in form
        style = re.findall(r'<link rel="stylesheet" href="([^"]+)"', form)
        assert [(await browser.get(path)).text for path in style] == ["seen"], "what the form needs, it gets"
        assert (await browser.post("/login?next=/a/1", data={"token": "wrong"})).status_code == 403
        let_in = await browser.post("/login?next=/a/1%3Fq%3Dx", data={"token": TOKEN})
        assert (let_in.status_code, let_in.headers["location"]) == (303, "/a/1?q=x")
        assert {"HttpOnly", "SameSite=strict"} <= set(let_in.headers["set-cookie"].split("; "))
        assert TOKEN not in let_in.headers["set-cookie"]
        assert (await browser.get("/", headers=HTML)).text == "seen"
    forged = client(access)
    forged.cookies.set(COOKIE, TOKEN)
    assert (await forged.get("/")).status_code == 401


@pytest.mark.parametrize(
    "wanted", ["//attacker.example/", "https://attacker.example/", "/\\attacker.example", "x", "/\n"]
)
async def test_logging_in_leads_to_no_other_site(tmp_path: Path, wanted: str) -> None:
    let_in = await client(guarded(tmp_path)).post("/login", params={"next": wanted}, data={"token": TOKEN})
    assert let_in.headers["location"] == "/"


async def test_the_header_of_a_proxy_counts_from_its_network_alone(tmp_path: Path) -> None:
    settings = {"proxy_header": "X-Remote-User", "proxy_addresses": "10.0.0.0/8, ::1"}
    access = guarded(tmp_path, **settings)
    named = {"x-remote-user": "mb"}
    assert (await client(access, peer="10.1.2.3").get("/", headers=named)).text == "seen"
    assert (await client(access, peer="10.1.2.3").get("/")).status_code == 401
    assert (await client(access).get("/", headers=named)).status_code == 401


async def test_every_answer_has_the_security_headers(tmp_path: Path) -> None:
    access = guarded(tmp_path)
    for path, given in (("/", {}), ("/", {"authorization": f"Bearer {TOKEN}"}), ("/login", {})):
        headers = (await client(access).get(path, headers=given)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_a_public_address_without_a_guard_is_a_wrong_setting() -> None:
    with pytest.raises(WrongSetting, match="WIREROOM_DESK_TOKEN_FILE") as wrong:
        access_of(DeskSettings(http_host="192.0.2.1"))
    assert wrong.value.code == os.EX_CONFIG
    with pytest.raises(WrongSetting, match="networks such as"):
        access_of(DeskSettings(proxy_header="X-User", proxy_addresses="everywhere"))


def test_the_service_ends_with_78_on_a_public_address_without_a_guard(tmp_path: Path) -> None:
    settings = {
        "WIREROOM_DESK_HTTP_HOST": "0.0.0.0",  # noqa: S104
        "WIREROOM_DESK_FOLDER": str(tmp_path),
        "WIREROOM_HEALTH_PORT": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "shared.runtime.run", "desk"],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 78
    assert "WIREROOM_DESK_HTTP_HOST is 0.0.0.0, which others can reach" in ended.stderr


def test_a_token_is_made_where_there_is_none_and_a_short_one_is_refused(tmp_path: Path) -> None:
    made = read_token(tmp_path / "token", "NAME")
    assert made
    assert made == read_token(tmp_path / "token", "NAME")
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    (tmp_path / "short").write_text("secret")
    with pytest.raises(WrongSetting, match="6 characters") as wrong:
        read_token(tmp_path / "short", "NAME")
    assert "secret" not in str(wrong.value)
    with pytest.raises(WrongSetting, match="cannot be used"):
        read_token(tmp_path / "no" / "folder", "NAME")
