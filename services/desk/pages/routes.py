"""The routes of the desk's pages: search, article, entity, trends, pipeline, dead letters, help, and their files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from services.desk.pages.handlers.article_pages import ArticlePages
from services.desk.pages.handlers.dead_letter_pages import DeadLetterPages
from services.desk.pages.handlers.entity_pages import EntityPages
from services.desk.pages.handlers.pipeline_page import PipelinePage
from services.desk.pages.handlers.search_page import SearchPage
from services.desk.pages.page_errors import AsyncHandler, ErrorPages, Handler, told
from services.desk.pages.page_renderer import Renderer
from services.desk.pages.page_sources import Sources
from services.desk.search_engine import SearchEngine

_LIST = ("json", "jsonl", "csv")


def routes(engine: SearchEngine, sources: Sources) -> list[BaseRoute]:
    """Return the routes of all pages; `services.desk.site` puts headers and the check of access around them."""
    renderer = Renderer()
    around = ErrorPages(renderer).around
    search, entities = SearchPage(engine, renderer), EntityPages(engine, renderer)
    articles = ArticlePages(engine, renderer, sources)
    pipeline = PipelinePage(renderer, sources)
    dead = DeadLetterPages(renderer, sources)

    def help_page(_: Request) -> Response:
        return renderer.page("help.html")

    pages: list[tuple[str, Handler | AsyncHandler, tuple[str, ...]]] = [
        ("/", search.show, ()),
        ("/search", search.show, ()),
        ("/a/{id}", articles.show, ("json",)),
        ("/a/{id}/versions", articles.versions, _LIST),
        ("/a/{id}/raw", articles.raw, ()),
        ("/trends", entities.trends, _LIST),
        ("/pipeline", pipeline.show, _LIST),
        ("/pipeline/events", pipeline.events, ()),
        ("/dead", dead.show, _LIST),
        ("/dead/{number:int}", dead.letter, ("json", "txt")),
        ("/help", help_page, ()),
    ]
    found: list[BaseRoute] = []
    for kind in _LIST:
        found += [_fixed(path, kind, around(search.export)) for path in (f"/.{kind}", f"/search.{kind}")]
    for path, handler, kinds in pages:
        found += [_fixed(f"{path}.{kind}", kind, around(handler)) for kind in kinds]
        found.append(_route(path, around(handler)))
    actions = {"replay": dead.replay, "drop": dead.drop}
    found += [_route(f"/dead/{{number:int}}/{name}", around(action), "POST") for name, action in actions.items()]
    found += [_route("/dead/login", around(dead.log_in), "POST"), _route("/dead/logout", around(dead.log_out), "POST")]
    found.append(_route("/e/{label}/{name:path}", around(entities.show)))
    static = StaticFiles(directory=Path(__file__).parent / "static")
    return [*found, Mount("/static", static, name="static")]


def error_handlers() -> Mapping[int, Callable[[Request, Exception], Response]]:
    """Return the handlers by which an application answers addresses that are no pages with a page."""
    pages = ErrorPages(Renderer())

    def answer(request: Request, error: Exception) -> Response:
        return pages.response(request, error) if told(error) else Response("", 500)

    return {404: answer, 405: answer}


def _route(path: str, handler: AsyncHandler, method: str = "GET") -> Route:
    return Route(path, handler, methods=[method])


def _fixed(path: str, kind: str, handler: AsyncHandler) -> Route:
    """Return the route of a page as a file; its handler finds the format among the parameters of the path."""

    async def as_file(request: Request) -> Response:
        request.scope["path_params"]["format"] = kind
        return await handler(request)

    return _route(path, as_file)
