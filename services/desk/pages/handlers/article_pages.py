"""The pages of an article: text with its entities and what was removed, versions with a word diff, its raw form."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pymongo
from pymongo.errors import PyMongoError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.desk.pages import list_formats, text_segments
from services.desk.pages.article_trace import Stage, Trace
from services.desk.pages.list_formats import listing
from services.desk.pages.page_errors import PageError, database_unavailable, not_found
from services.desk.pages.page_renderer import Renderer, label_class
from services.desk.pages.page_sources import Sources
from services.desk.search_engine import Hit, QueryTimeoutError, SearchEngine
from services.store import queries
from services.store.queries import Article
from shared.messages import ArticleExtracted
from wireroom.ops.word_diff import changes

_ID = re.compile(r"[0-9a-f]{32}")
_DATABASE_SECONDS = 2.0
_VERSION_COLUMNS = ("version", "received_at", "content_hash", "title", "pipeline")


@dataclass(frozen=True)
class ArticlePages:
    """Handlers of one article. Without a database there are no versions, without a broker no raw form."""

    engine: SearchEngine
    renderer: Renderer
    sources: Sources

    async def show(self, request: Request) -> Response:
        """Answer with the article, or with its version that is asked for."""
        newest = await run_in_threadpool(self._newest, request)
        if request.path_params.get("format"):
            return list_formats.one({"v": 1, **newest.model_dump(mode="json")})
        kept, stages, similar = await asyncio.gather(
            run_in_threadpool(self._kept, newest.id),
            self._stages(newest),
            run_in_threadpool(self._similar, newest.id),
        )
        article = _version_of(request, newest, kept or [])
        return self.renderer.page(
            "article.html",
            article=article,
            newest=newest,
            kept=kept,
            stages=stages,
            similar=similar,
            body=text_segments.blocks(article),
            dropped=article.dropped_entities,
            labels_found=sorted({label_class(entity.label) for entity in article.entities}),
        )

    async def versions(self, request: Request) -> Response:
        """Answer with what changed between two versions, the last two if none are named."""
        newest = await run_in_threadpool(self._newest, request)
        kept = await run_in_threadpool(self._kept, newest.id)
        if kept is None:
            raise database_unavailable()
        if kind := request.path_params.get("format"):
            return listing(kind, f"versions-{newest.id[:12]}", map(_facts, kept), _VERSION_COLUMNS)
        after = _chosen(request, "to", kept, kept[-1])
        earlier = [version for version in kept if version["version"] < after["version"]]
        before = _chosen(request, "from", kept, earlier[-1]) if earlier else None
        found = await run_in_threadpool(changes, before, after) if before else None
        return self.renderer.page("versions.html", article=newest, kept=kept, before=before, after=after, changes=found)

    async def raw(self, request: Request) -> Response:
        """Answer with the raw article as a file of plain text, which no browser renders."""
        article = await run_in_threadpool(self._newest, request)
        stage = await _trace(article).raw(self.sources.broker)
        if stage is None:
            raise not_found(
                "The broker no longer has the raw form of this article.",
                "It keeps what was read for WIREROOM_RAW_AGE, 7 days unless you set it.",
            )
        body = orjson.loads(stage.data).get("body", "")
        headers = {"Content-Disposition": f'attachment; filename="{article.id}-{article.version}.txt"'}
        return Response(str(body).encode("utf-8", "replace"), 200, headers, "text/plain; charset=utf-8")

    def _newest(self, request: Request) -> ArticleExtracted:
        """Return the article of the path: of the index, else of the database, where it may be a moment earlier."""
        given = request.path_params["id"]
        if not _ID.fullmatch(given):
            raise not_found(f"{given!r:.80} is no id of an article.", "An id has 32 digits and letters a to f.")
        if found := self.engine.article(given) or self._stored(given):
            return found
        raise self._missing(given)

    def _stored(self, given: str) -> ArticleExtracted | None:
        if self.sources.database is None:
            return None
        with pymongo.timeout(_DATABASE_SECONDS):
            found = next(iter(queries.with_id_prefix(self.sources.database, given, 1)), None)
        return None if found is None else _message(found, given)

    def _missing(self, given: str) -> PageError:
        withdrawal: Mapping[str, Any] | None = None
        if self.sources.database is not None:
            with pymongo.timeout(_DATABASE_SECONDS):
                withdrawal = queries.withdrawn(self.sources.database, [], given)
        if withdrawal:
            since = f"{withdrawal['withdrawn_at']:%Y-%m-%d %H:%M}"
            return not_found(f"This article was withdrawn on {since}: {withdrawal['reason']}", "It is gone for good.")
        return not_found(
            f"No article has the id {given}.",
            "It may still be on its way: see Pipeline. `wireroom dead ls` tells more.",
        )

    def _kept(self, article_id: str) -> list[Article] | None:
        """Return the versions, the oldest first; None where the database does not answer."""
        if self.sources.database is None:
            return None
        try:
            with pymongo.timeout(_DATABASE_SECONDS):
                stored = next(iter(queries.with_id_prefix(self.sources.database, article_id, 1)), None)
                return queries.versions(self.sources.database, stored) if stored else []
        except PyMongoError:
            return None

    async def _stages(self, article: ArticleExtracted) -> tuple[Stage, ...]:
        return await _trace(article).stages(self.sources.js) if self.sources.js else ()

    def _similar(self, article_id: str) -> tuple[Hit, ...]:
        try:
            return self.engine.similar(article_id)
        except QueryTimeoutError:  # a side dish: the article is shown without it
            return ()


def _trace(article: ArticleExtracted) -> Trace:
    return Trace(article.id, article.version, article.source, article.language, article.received_at)


def _message(stored: Article, article_id: str) -> ArticleExtracted:
    return ArticleExtracted.model_validate({**stored, "id": article_id})


def _version_of(request: Request, newest: ArticleExtracted, kept: Sequence[Article]) -> ArticleExtracted:
    asked = request.query_params.get("version")
    if asked in {None, "", str(newest.version)}:
        return newest
    for version in kept:
        if str(version["version"]) == asked:
            return _message(version, newest.id)
    raise not_found(f"Version {asked!r:.30} of this article is not kept.", "Its page lists those that are.")


def _chosen(request: Request, name: str, kept: Sequence[Article], otherwise: Article) -> Article:
    asked = request.query_params.get(name, "")
    if not asked:
        return otherwise
    for version in kept:
        if str(version["version"]) == asked:
            return version
    raise not_found(f"Version {asked!r:.30} of this article is not kept.", "Choose one of the list.")


def _facts(version: Article) -> dict[str, Any]:
    return {name: version.get(name) for name in _VERSION_COLUMNS}
