"""An administrator's session for the pages that change something: a signed cookie, and a token against CSRF.

Off unless a token is set. Sessions are signed with a key made of that token, so every replica knows them and a new
token ends them all.
"""

import hmac
import secrets
import time
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.desk.pages.page_errors import PageError

COOKIE = "wireroom_desk_administrator"
CSRF_FIELD = "csrf"
SHORTEST_TOKEN = 16  # characters: what is shorter could be guessed
_SESSION = 8 * 3600  # seconds
_LONGEST_FORM = 4096  # bytes


@dataclass(frozen=True)
class Administration:
    """Whether pages may change something, and who may. ``token`` None: nobody; raises ValueError for a short one."""

    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise ValueError(f"the administrator's token has {len(self.token)} characters, at least {SHORTEST_TOKEN}")

    @property
    def enabled(self) -> bool:
        return self.token is not None

    def csrf_of(self, request: Request) -> str | None:
        """Return the CSRF token of the request's session; None without a session that is valid now."""
        session = request.cookies.get(COOKIE, "")
        content, _, signature = session.rpartition(".")
        expires = content.partition(".")[0]
        valid = self.enabled and hmac.compare_digest(signature.encode(), self._sign("session", content).encode())
        if not valid or int(expires) < time.time():
            return None
        return self._sign("csrf", content)

    async def log_in(self, request: Request, response: Response) -> None:
        """Give the response a session if the form has the token; raises PageError."""
        given = (await self._form(request)).get("token", "")
        if not self.token or not hmac.compare_digest(_digest(given), _digest(self.token)):
            raise _refused("This is not the administrator's token.", "It stands in the settings of the desk.")
        content = f"{int(time.time()) + _SESSION}.{secrets.token_hex(16)}"
        value = f"{content}.{self._sign('session', content)}"
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, value, max_age=_SESSION, httponly=True, samesite="strict", secure=secure)

    async def check(self, request: Request) -> None:
        """Raise PageError unless the request comes from a page of ours, in a session of an administrator."""
        form = await self._form(request)
        expected = self.csrf_of(request)
        if expected is None:
            raise _refused("Only an administrator may do this.", "Give the token on the page of dead letters.")
        if not hmac.compare_digest(form.get(CSRF_FIELD, "").encode(), expected.encode()):
            raise _refused("This form is not of this session.", "Load the page again, and repeat it.")

    async def _form(self, request: Request) -> dict[str, str]:
        """Return the fields of a form that was sent from this origin, as its browser says; raises PageError."""
        if not self.enabled:
            raise _refused(
                "Pages of this desk change nothing.", "Use `wireroom dead`, or set an administrator's token."
            )
        if not _from_here(request):
            raise _refused("This form was sent from another site.", "Open the desk itself, and repeat it.")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_FORM:
                raise PageError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", f"more than {_LONGEST_FORM} bytes", ""
                )
        return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}

    def _sign(self, purpose: str, content: str) -> str:
        key = _digest(f"wireroom desk {self.token}")
        return hmac.new(key, f"{purpose}.{content}".encode(), sha256).hexdigest()


def _from_here(request: Request) -> bool:
    """Tell whether a browser says that a page of this origin sent a request; a program says nothing.

    A page without a referrer has the origin ``null``, also for itself, so `Sec-Fetch-Site` counts where it is sent.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _refused(what: str, now: str) -> PageError:
    return PageError(HTTPStatus.FORBIDDEN, "Not allowed", what, now)
