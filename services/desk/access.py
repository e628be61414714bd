"""Who may look at the desk, and the security headers of every answer, as ASGI middleware.

On a loopback address without a token everybody on this machine may, if the request names a loopback host: a page of
another site whose name leads to 127.0.0.1 (DNS rebinding) is refused. Anywhere else a bearer token, the cookie of one,
or the header of a trusted proxy is required, and the desk does not start without any of these.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.desk.pages.page_renderer import Renderer
from services.desk.settings import DeskSettings
from shared.addresses.loopback import is_loopback
from shared.errors import WrongSetting
from shared.http.problem_details import Problem

COOKIE, LOGIN = "wireroom_desk", "/login"
SHORTEST_TOKEN = 16  # characters
_LONGEST_FORM = 4096  # bytes
_MONTH = 30 * 86_400  # seconds that a cookie is kept

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Access:
    """Who is let in; made by `access_of`."""

    open_to_all: bool
    token: str | None = field(default=None, repr=False)
    proxy_header: str | None = None
    proxies: tuple[Network, ...] = ()

    def allows(self, headers: Headers, cookie: str, client: str | None) -> bool:
        if self.open_to_all:
            return is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname or "")
        if self.proxy_header and headers.get(self.proxy_header) and self._is_proxy(client):
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return (scheme.lower() == "bearer" and self.is_token(given.strip())) or self.is_cookie(cookie)

    def is_token(self, given: str) -> bool:
        return self.token is not None and hmac.compare_digest(_digest(given), _digest(self.token))

    def is_cookie(self, given: str) -> bool:
        return self.token is not None and hmac.compare_digest(given.encode(), self.cookie.encode())

    @property
    def cookie(self) -> str:
        """What the cookie holds: not the token, so that a copy of it lets nobody use the API elsewhere."""
        return hmac.new(_digest(self.token or ""), b"wireroom desk cookie", sha256).hexdigest()

    def _is_proxy(self, client: str | None) -> bool:
        try:
            address = ip_address(client or "")
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def access_of(settings: DeskSettings) -> Access:
    """Return who may look; raises WrongSetting where the address is public and nothing guards it."""
    token = read_token(settings.token_file, "WIREROOM_DESK_TOKEN_FILE")
    if token is None and settings.proxy_header is None:
        if is_loopback(settings.http_host):
            return Access(open_to_all=True)
        raise WrongSetting(
            f"WIREROOM_DESK_HTTP_HOST is {settings.http_host}, which others can reach: set WIREROOM_DESK_TOKEN_FILE, "
            "or WIREROOM_DESK_PROXY_HEADER where a proxy lets people in. Only a loopback address needs neither."
        )
    try:
        proxies = tuple(ip_network(each.strip()) for each in settings.proxy_addresses.split(",") if each.strip())
    except ValueError as error:
        raise WrongSetting(f"WIREROOM_DESK_PROXY_ADDRESSES: {error}. Write networks such as 10.0.0.0/8.") from None
    return Access(open_to_all=False, token=token, proxy_header=settings.proxy_header, proxies=proxies)


def read_token(path: Path | None, name: str) -> str | None:
    """Return the token of a file, and make one where there is no such file; raises WrongSetting, never with it."""
    if path is None:
        return None
    try:
        _make_token(path)
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
        raise WrongSetting(f"{name}: {path} cannot be used: {cause}.") from None
    if len(token) < SHORTEST_TOKEN:
        raise WrongSetting(f"{name}: the token in {path} has {len(token)} characters, at least {SHORTEST_TOKEN}.")
    return token


def _make_token(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_urlsafe(32)}\n")


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


class AccessMiddleware:
    """Lets a request through or refuses it; a browser that is refused gets a form for the token."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access, self._renderer = app, access, Renderer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        with_headers = _adding_headers(send)
        request = Request(scope, receive)
        client = request.client.host if request.client else None
        if request.url.path == LOGIN and not self._access.open_to_all:
            await (await self._log_in(request))(scope, receive, with_headers)
        elif self._is_style(request) or self._access.allows(request.headers, request.cookies.get(COOKIE, ""), client):
            await self._app(scope, receive, with_headers)
        else:
            await self._refused(request)(scope, receive, with_headers)

    def _is_style(self, request: Request) -> bool:
        """Tell whether the login page needs what is asked for; such files are the same in every installation."""
        return not self._access.open_to_all and request.url.path.startswith("/static/")

    def _form(self, wanted: str, problem: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        return self._renderer.page("login.html", status, action=f"{LOGIN}?next={quote(wanted)}", problem=problem)

    def _refused(self, request: Request) -> Response:
        if self._access.open_to_all:
            detail = "This address answers requests to a loopback host name alone, such as 127.0.0.1."
            return Problem(HTTPStatus.MISDIRECTED_REQUEST, detail).response
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            wanted = quote(f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path)
            return RedirectResponse(f"{LOGIN}?next={wanted}", HTTPStatus.SEE_OTHER)
        challenge = {"WWW-Authenticate": 'Bearer realm="wireroom desk"'}
        return Problem(HTTPStatus.UNAUTHORIZED, "A bearer token of this desk is required.", challenge).response

    async def _log_in(self, request: Request) -> Response:
        wanted = _own_path(request.query_params.get("next", "/"))
        if request.method != "POST":
            return self._form(wanted)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_FORM:
                return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {_LONGEST_FORM} bytes").response
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
        if not self._access.is_token(given):
            return self._form(wanted, "This is not the token of this desk.", HTTPStatus.FORBIDDEN)
        response = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, self._access.cookie, max_age=_MONTH, httponly=True, samesite="strict", secure=secure
        )
        return response


def _own_path(given: str) -> str:
    """Return a path of the desk itself; an address of another site would be an open redirect."""
    parts = urlsplit(given)
    safe = given.startswith("/") and not given.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return given if safe and given.isprintable() else "/"


def _adding_headers(send: Send) -> Send:
    async def added(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return added
