"""The application of ``/v1``: queries of the SearchEngine over HTTP, with OpenAPI and problem details."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal, TypeVar

from fastapi import FastAPI, Header, Path, Request
from fastapi import Query as Parameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field
from starlette.exceptions import HTTPException

from services.desk.api.event_stream import EventFilter, EventStream
from services.desk.query_runner import QueryRunner
from services.desk.search_engine import (
    MAX_PAGE_SIZE,
    EntityFacts,
    Hit,
    IndexState,
    InvalidQueryError,
    NamedEntity,
    Query,
    QueryTimeoutError,
    Results,
    SearchEngine,
    Sort,
    Trend,
)
from shared.http.problem_details import MEDIA_TYPE, Problem
from shared.messages import ArticleExtracted, ArticleId

T = TypeVar("T")

_LONGEST = 500  # characters of one value
_Values = Annotated[list[Annotated[str, Field(max_length=_LONGEST)]], Parameter(max_length=50)]


class Filters(BaseModel):
    """What articles have to be; values of one facet are alternatives, entities all have to be named."""

    q: str = Field("", max_length=2000, description='Words, "phrases", -exclusions, title:, source:, lang:, entity:.')
    source: _Values = Field(default_factory=list)
    language: _Values = Field(default_factory=list)
    agency: _Values = Field(default_factory=list)
    entity: _Values = Field(default_factory=list, description="LABEL:name, such as ORG:Aldercroft Bank.")
    since: AwareDatetime | None = Field(None, description="Inclusive, of the date of publication.")
    until: AwareDatetime | None = Field(None, description="Exclusive.")

    @property
    def query(self) -> Query:
        return Query(
            self.q,
            tuple(self.source),
            tuple(self.language),
            tuple(self.agency),
            tuple(self.entity),
            self.since,
            self.until,
        )


class ArticleFilters(Filters):
    sort: Sort = "relevance"
    page: int = Field(1, ge=1, le=10_000)
    size: int = Field(20, ge=1, le=MAX_PAGE_SIZE)


class EntityFilters(Filters):
    label: Annotated[str | None, Field(max_length=32)] = None


class StreamFilters(BaseModel):
    source: _Values = Field(default_factory=list)
    language: _Values = Field(default_factory=list)
    agency: _Values = Field(default_factory=list)
    entity: _Values = Field(default_factory=list)


def desk_api(engine: SearchEngine, queries: QueryRunner, events: EventStream) -> FastAPI:
    """Return the application; it is mounted at ``/v1``."""
    problem = {"description": "Problem details", "content": {MEDIA_TYPE: {}}}
    api = FastAPI(
        title="Wireroom desk",
        version="v1",
        description="What the index of a desk holds: articles, entities, trends. Read only.",
        docs_url=None,
        redoc_url=None,
        responses=dict.fromkeys((400, 404, 422, 503), problem),
    )
    _handle_errors(api)

    @api.get("/articles")
    async def articles(wanted: Annotated[ArticleFilters, Parameter()]) -> Results:
        """Return a page of hits, with the facets and the histogram of all hits."""
        how = {"sort": wanted.sort, "page": wanted.page, "size": wanted.size}
        return await queries.run(lambda: engine.search(wanted.query, **how))  # type: ignore[arg-type] # of mixed types

    @api.get("/articles/{article_id}")
    async def article(article_id: ArticleId) -> ArticleExtracted:
        """Return the newest version of an article as it was extracted."""
        return _found(await queries.run(lambda: engine.article(article_id)), "article of this id")

    @api.get("/articles/{article_id}/similar")
    async def similar(article_id: ArticleId, size: Annotated[int, Parameter(ge=1, le=MAX_PAGE_SIZE)] = 8) -> list[Hit]:
        """Return the articles that are the most alike."""
        return list(await queries.run(lambda: engine.similar(article_id, size=size)))

    @api.get("/entities")
    async def entities(wanted: Annotated[EntityFilters, Parameter()]) -> list[NamedEntity]:
        """Return the entities that most of the matching articles name, at most 20 of each label."""
        results = await queries.run(lambda: engine.search(wanted.query, size=1))
        labels = results.facets.entities
        chosen = [labels.get(wanted.label, ())] if wanted.label else labels.values()
        return sorted((entity for each in chosen for entity in each), key=lambda entity: -entity.count)

    @api.get("/entities/{label}/{name:path}")
    async def entity(
        label: Annotated[str, Path(max_length=32)], name: Annotated[str, Path(max_length=_LONGEST)]
    ) -> EntityFacts:
        """Return what is known of one entity."""
        return _found(await queries.run(lambda: engine.entity(label, name)), "article that names this entity")

    @api.get("/trends")
    async def trends(
        period: Literal["hour", "day"] = "day", size: Annotated[int, Parameter(ge=1, le=MAX_PAGE_SIZE)] = 30
    ) -> list[Trend]:
        """Return the entities that are named more often now than their past lets expect."""
        return list(await queries.run(lambda: engine.trends(datetime.now(UTC), period=period, size=size)))

    @api.get("/state")
    async def state() -> IndexState:
        """Return what the index holds, and how far it has read."""
        return await queries.run(engine.state)

    @api.get("/stream", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
    async def stream(
        wanted: Annotated[StreamFilters, Parameter()],
        last_event_id: Annotated[str | None, Header(max_length=20)] = None,
    ) -> StreamingResponse:
        """Send articles as they come, as server-sent events whose id is the sequence in NEWS."""
        if last_event_id is not None and not (last_event_id.isascii() and last_event_id.isdigit()):
            raise Problem(HTTPStatus.BAD_REQUEST, "Last-Event-ID is a sequence of NEWS: a number.")
        lists = (frozenset(each) for each in (wanted.source, wanted.language, wanted.agency, wanted.entity))
        client = await events.join(EventFilter(*lists), after=int(last_event_id) if last_event_id else None)
        return StreamingResponse(client.lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    return api


def _found(value: T | None, what: str) -> T:
    if value is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no {what}.")
    return value


def _handle_errors(api: FastAPI) -> None:
    def answer(problem: Callable[[Exception], Problem]) -> Callable[[Request, Exception], Response]:
        return lambda _, error: problem(error).response

    def invalid(error: Exception) -> Problem:
        return Problem(HTTPStatus.BAD_REQUEST, str(error), field="q")

    def too_long(error: Exception) -> Problem:
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "5"})

    def wrong_parameter(error: Exception) -> Problem:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:])
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {first['msg']}", field=name)

    def of_http(error: Exception) -> Problem:
        assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
        return Problem(HTTPStatus(error.status_code), str(error.detail), error.headers)

    def as_it_is(error: Exception) -> Problem:
        assert isinstance(error, Problem)  # noqa: S101 - what it is registered for
        return error

    handlers: dict[type[Exception], Callable[[Exception], Problem]] = {
        InvalidQueryError: invalid,
        QueryTimeoutError: too_long,
        RequestValidationError: wrong_parameter,
        HTTPException: of_http,
        Problem: as_it_is,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, answer(handler))
