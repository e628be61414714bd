"""The pages of dead letters: by reason, one dead letter safe to look at, and for an administrator replay and drop."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.desk.pages import list_formats
from services.desk.pages.administration import COOKIE
from services.desk.pages.list_formats import listing
from services.desk.pages.page_errors import PageError, not_found
from services.desk.pages.page_renderer import Renderer
from services.desk.pages.page_sources import Sources
from services.desk.search_engine import InvalidQueryError
from shared.broker.dead_letter_status import DeadLetterState, DeadLetterStatuses
from wireroom.ops import dead_letter_queue
from wireroom.ops.dead_letter_queue import Choice, DeadLetter, NotReplayable

_SHOWN = 200  # dead letters of a page
_SHOWN_BYTES = 16_384  # as text; as hex a quarter of it
_WIDTH = 16  # bytes of a line of hex
_COLUMNS = ("number", "at", "service", "reason", "state", "bytes", "origin", "detail")
_SEE_OTHER = 303


@dataclass
class Group:
    """Dead letters with one reason, service and state."""

    reason: str
    service: str
    state: DeadLetterState
    count: int
    first: datetime
    last: datetime
    example: str


@dataclass(frozen=True)
class DeadLetterPages:
    """Handlers of dead letters; what changes something needs a session of an administrator."""

    renderer: Renderer
    sources: Sources

    async def show(self, request: Request) -> Response:
        """Answer with the dead letters by reason and, the newest first, one by one."""
        choice = _choice(request)
        letters = [found async for found in dead_letter_queue.choose(self.sources.broker, choice)]
        if kind := request.path_params.get("format"):
            return listing(kind, "dead-letters", (_row(*found) for found in letters), _COLUMNS)
        newest = list(islice(reversed(letters), _SHOWN))
        counts = Counter(state for _, state in letters)
        return self.renderer.page(
            "dead.html",
            groups=_groups(letters),
            letters=newest,
            total=len(letters),
            counts=counts,
            choice=choice,
            address=_address,
            states=tuple(DeadLetterState),
            administration=self.sources.administration,
            csrf=self.sources.administration.csrf_of(request),
        )

    async def letter(self, request: Request) -> Response:
        """Answer with one dead letter: why, its headers, its bytes as text and as hex."""
        letter, data = await self._letter(request)
        status = (await DeadLetterStatuses(self.sources.broker).all()).get(letter.sequence)
        state = status.state if status else DeadLetterState.OPEN
        match request.path_params.get("format"):
            case "json":
                return list_formats.one(dead_letter_queue.as_line(letter, data, state))
            case "txt":
                name = f'attachment; filename="dead-letter-{letter.sequence}.bin"'
                return Response(data, 200, {"Content-Disposition": name}, "application/octet-stream")
        return self.renderer.page(
            "dead_letter.html",
            letter=letter,
            found=status,
            state=state,
            text=data[:_SHOWN_BYTES].decode("utf-8", "replace"),
            hex=hex_lines(data[: _SHOWN_BYTES // 4]),
            size=len(data),
            shown=_SHOWN_BYTES,
            done=request.query_params.get("done", ""),
            administration=self.sources.administration,
            csrf=self.sources.administration.csrf_of(request),
        )

    async def replay(self, request: Request) -> Response:
        """Replay a dead letter for an administrator, and show it again."""
        await self.sources.administration.check(request)
        letter, data = await self._letter(request)
        try:
            sent = await dead_letter_queue.replay(self.sources.broker, letter, data)
        except NotReplayable as error:
            raise PageError(409, "It cannot be replayed", str(error), "Edit it: `wireroom dead edit`.") from None  # type: ignore[arg-type]
        done = "replayed" if sent else "replayed_before"
        return RedirectResponse(f"/dead/{letter.sequence}?done={done}", _SEE_OTHER)

    async def drop(self, request: Request) -> Response:
        """Drop a dead letter for an administrator, and show the list."""
        await self.sources.administration.check(request)
        letter, _ = await self._letter(request)
        await dead_letter_queue.drop(self.sources.broker, [letter])
        return RedirectResponse("/dead", _SEE_OTHER)

    async def log_in(self, request: Request) -> Response:
        """Begin a session of an administrator."""
        response = RedirectResponse("/dead", _SEE_OTHER)
        await self.sources.administration.log_in(request, response)
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session of an administrator."""
        await self.sources.administration.check(request)
        response = RedirectResponse("/dead", _SEE_OTHER)
        response.delete_cookie(COOKIE)
        return response

    async def _letter(self, request: Request) -> tuple[DeadLetter, bytes]:
        number = request.path_params["number"]
        if (found := await dead_letter_queue.get(self.sources.broker, number)) is None:
            raise not_found(
                f"There is no dead letter {number}.", "It was dropped or has expired; the list has the rest."
            )
        return found


def _choice(request: Request) -> Choice:
    """Return which dead letters an address asks for; raises InvalidQueryError."""
    given = {name: request.query_params.get(name) or None for name in ("service", "reason", "state")}
    for name, text in given.items():
        if text and not (text.isascii() and text.replace("_", "").replace("-", "").isalnum()):
            raise InvalidQueryError(f"{name} is {text!r:.40}; choose one of the list")
    state = given["state"]
    if state and state not in set(DeadLetterState):
        raise InvalidQueryError(f"state is {state!r:.40}; it has to be one of {', '.join(DeadLetterState)}")
    return Choice(given["service"], given["reason"], (DeadLetterState(state),) if state else ())


def _address(choice: Choice, path: str = "/dead", **changes: str | None) -> str:
    """Return the address of the dead letters of this choice, with changes; None takes a filter away."""
    state = next(iter(choice.states), None)
    pairs = {"service": choice.service, "reason": choice.reason, "state": state} | changes
    encoded = urlencode({name: value for name, value in pairs.items() if value})
    return f"{path}?{encoded}" if encoded else path


def _groups(letters: Sequence[tuple[DeadLetter, DeadLetterState]]) -> list[Group]:
    groups: dict[tuple[str, str, DeadLetterState], Group] = {}
    for letter, state in letters:
        key = (letter.fact("reason"), letter.fact("service"), state)
        group = groups.setdefault(key, Group(*key, 0, letter.at, letter.at, ""))
        group.count += 1
        group.last, group.example = letter.at, letter.fact("detail")
    return sorted(groups.values(), key=lambda group: -group.count)


def _row(letter: DeadLetter, state: DeadLetterState) -> Mapping[str, Any]:
    facts = {name: letter.fact(name) for name in ("service", "reason", "detail")}
    told = {"number": letter.sequence, "at": letter.at, "state": state, "bytes": letter.size, "origin": letter.origin}
    return facts | told


def hex_lines(data: bytes) -> list[tuple[str, str, str]]:
    """Return lines of place, sixteen bytes in hex, and those of them that are printable ASCII."""
    lines = []
    for start in range(0, len(data), _WIDTH):
        part = data[start : start + _WIDTH]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in part)  # noqa: PLR2004
        lines.append((f"{start:08x}", part.hex(" ", -4).ljust(35), shown))
    return lines
