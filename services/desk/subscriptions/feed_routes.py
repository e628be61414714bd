"""GET /feeds/<search>.atom and .json: the feeds of saved searches, with an ETag so that readers load what is new."""

from collections.abc import Callable
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.desk.subscriptions import match_feed
from services.desk.subscriptions.subscription_tasks import Subscriptions

_KINDS = {"atom": (match_feed.atom, match_feed.ATOM), "json": (match_feed.json_feed, match_feed.JSON_FEED)}


def feed_routes(subscriptions: Callable[[], Subscriptions]) -> list[Route]:
    """Return the routes; ``subscriptions`` returns what runs, which begins after the routes are made."""

    async def feed(request: Request) -> Response:
        name, kind = request.path_params["name"], request.path_params["kind"]
        known = subscriptions()
        if kind not in _KINDS or name not in known.searches:
            return Response("There is no such feed. `wireroom desk watch ls` lists the saved searches.\n", 404)
        render, media_type = _KINDS[kind]
        content = render(name, known.matches.of(name), str(request.url.replace(query="")))
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, max-age=60", "X-Content-Type-Options": "nosniff"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return [Route("/feeds/{name}.{kind}", feed, methods=["GET"])]
