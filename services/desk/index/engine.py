"""The SearchEngine over Tantivy: pages of hits, facets, similar articles; entities and trends through their module."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from tantivy import DocAddress, Document, Occur, Order, Searcher, SnippetGenerator
from tantivy import Query as TantivyQuery

from services.desk.index.analyzers import body_field, group_of, title_field
from services.desk.index.answer_cache import AnswerCache
from services.desk.index.entity_queries import entity_facts, rising
from services.desk.index.facet_queries import Summary, summary
from services.desk.index.generation import Generation
from services.desk.index.index_schema import DATE, ID, article_of, stored_of, text_of
from services.desk.index.query_builder import Built, QueryBuilder
from services.desk.search_engine import (
    MAX_PAGE_SIZE,
    EntityFacts,
    Fragment,
    Hit,
    IndexState,
    InvalidQueryError,
    Query,
    QueryTimeoutError,
    Results,
    Sort,
    Trend,
)
from shared.messages import ArticleExtracted

DEEPEST = 10_000  # hits that can be paged to; `every_hit` gives more
_SNIPPET, _LONGEST_TITLE = 240, 2000  # characters
_MORE_LIKE_TERMS = 25
_ANSWERS, _LONGEST_AGE = 512, 30.0  # facets, entities and trends that are kept, and for how many seconds at most
_PAGES = 64  # pages of hits that are kept until the next commit


class Deadline:
    """Raises QueryTimeoutError where a query has taken too long; a single call into Tantivy is not interrupted."""

    def __init__(self, seconds: float) -> None:
        self._began, self._seconds = time.perf_counter(), seconds

    def check(self) -> None:
        if time.perf_counter() - self._began > self._seconds:
            raise QueryTimeoutError(f"The query took longer than {self._seconds:g} s. Narrow it by dates or sources.")

    @property
    def milliseconds(self) -> float:
        return 1000 * (time.perf_counter() - self._began)


class TantivyEngine:
    """Answers from one generation of the index, which `swap` replaces while queries run."""

    def __init__(self, generation: Generation, *, time_limit: float = 2.0) -> None:
        self._time_limit = time_limit
        self._lock = threading.Lock()
        self.rebuilding = False
        self.last_sequence = 0
        self._generation = generation
        self._builder = QueryBuilder(generation.schema, generation.analyzers)
        self._answers = AnswerCache(most=_ANSWERS, longest_age=_LONGEST_AGE)
        self._pages = AnswerCache(most=_PAGES, longest_age=0.0)  # what all readers ask for, such as the first page

    @property
    def generation(self) -> Generation:
        return self._generation

    def swap(self, generation: Generation) -> Generation:
        """Answer from another generation from now on, and return the one before."""
        with self._lock:
            before, self._generation = self._generation, generation
        return before

    def search(self, query: Query, *, sort: Sort = "relevance", page: int = 1, size: int = 20) -> Results:
        """Return a page of hits with facets; raises InvalidQueryError and QueryTimeoutError."""
        if not (1 <= size <= MAX_PAGE_SIZE and page >= 1):
            raise InvalidQueryError(f"A page has 1 to {MAX_PAGE_SIZE} hits, and pages begin with 1.")
        if page * size > DEEPEST:
            raise InvalidQueryError(f"Pages end after {DEEPEST} hits. Narrow the query, or export all hits.")
        deadline, generation = Deadline(self._time_limit), self._generation
        state, searcher = generation.state, generation.searcher()
        built = self._builder.build(query, searcher)

        def page_of_hits() -> tuple[int, tuple[Hit, ...]]:
            found = _ordered(searcher, built, sort, limit=size, offset=(page - 1) * size)
            deadline.check()
            return found.count, self._hits(searcher, built, found.hits, scored=_is_scored(built, sort))

        total, hits = self._pages.answer((query, sort, page, size), state, page_of_hits)
        deadline.check()
        facts: Summary = self._answers.answer(
            ("summary", query), state, lambda: summary(self._builder, searcher, built.query, total)
        )
        deadline.check()
        return Results(total, hits, facts.facets, facts.histogram, deadline.milliseconds)

    def every_hit(self, query: Query, *, limit: int) -> Iterator[Hit]:
        """Yield all hits, the newest first; raises InvalidQueryError when it begins."""
        searcher = self._generation.searcher()
        built = self._builder.build(query, searcher)
        most = min(limit, searcher.num_docs)
        return self._each(searcher, built, most) if most > 0 else iter(())

    def _each(self, searcher: Searcher, built: Built, most: int) -> Iterator[Hit]:
        for _, address in _ordered(searcher, built, "newest", limit=most).hits:
            yield stored_of(searcher.doc(address)).hit

    def article(self, article_id: str) -> ArticleExtracted | None:
        """Return the newest version of an article as it was extracted."""
        generation = self._generation
        return generation.find(generation.searcher(), article_id)

    def similar(self, article_id: str, *, size: int = 8) -> tuple[Hit, ...]:
        """Return articles whose rare words are the most alike; none where the article is not there."""
        generation = self._generation
        searcher = generation.searcher()
        itself = TantivyQuery.term_query(generation.schema, ID, article_id, "basic")
        found = searcher.search(itself, 1, count=False).hits
        if not found:
            return ()
        article = article_of(searcher.doc(found[0][1]))
        group = group_of(article.language)
        fields = {body_field(group): [article.text], title_field(group): [article.title or ""]}
        alike = TantivyQuery.more_like_this_document_fields_query(
            generation.schema,
            fields,
            min_doc_frequency=2,
            max_doc_frequency=max(searcher.num_docs // 10, 100),
            min_term_frequency=1,
            max_query_terms=_MORE_LIKE_TERMS,
        )
        query = TantivyQuery.boolean_query([(Occur.Must, alike), (Occur.MustNot, itself)])
        hits = searcher.search(query, size, count=False).hits
        return self._hits(searcher, Built(query, None), hits, scored=True)

    def entity(self, label: str, name: str) -> EntityFacts | None:
        """Return what is known of an entity, None if no article names it."""
        generation = self._generation
        state, searcher = generation.state, generation.searcher()

        def newest(query: TantivyQuery, size: int) -> tuple[Hit, ...]:
            built = Built(query, None)
            return self._hits(searcher, built, _ordered(searcher, built, "newest", limit=size).hits, scored=False)

        def facts() -> EntityFacts | None:
            return entity_facts(self._builder, searcher, label, name, newest)

        found: EntityFacts | None = self._answers.answer(("entity", label, name), state, facts)
        return found

    def trends(self, now: datetime, *, period: Literal["hour", "day"], size: int = 30) -> tuple[Trend, ...]:
        """Return the entities that rise, the most unexpected first; at most 30 s old."""
        generation = self._generation
        state, searcher = generation.state, generation.searcher()
        minute = now.replace(second=0, microsecond=0)
        found: tuple[Trend, ...] = self._answers.answer(
            ("trends", period, minute, size),
            state,
            lambda: rising(self._builder, searcher, now, period, size),
        )
        return found

    def state(self) -> IndexState:
        """Return what the index holds."""
        generation = self._generation
        return IndexState(generation.count(), generation.bytes(), self.last_sequence, self.rebuilding)

    def _hits(
        self, searcher: Searcher, built: Built, found: list[tuple[Any, DocAddress]], *, scored: bool
    ) -> tuple[Hit, ...]:
        snippets = _Snippets(searcher, built, self._generation)
        hits = []
        for score, address in found:
            document = searcher.doc(address)
            hit = stored_of(document).hit
            hits.append(
                replace(
                    hit,
                    snippet=snippets.of(document, hit),
                    title_marked=snippets.of_title(hit),
                    score=float(score) if scored else 0.0,
                )
            )
        return tuple(hits)


class _Snippets:
    """Snippets and marked titles of one query; a generator is made for each field of the languages of its hits."""

    def __init__(self, searcher: Searcher, built: Built, generation: Generation) -> None:
        self._searcher, self._words, self._schema = searcher, built.words, generation.schema
        self._generators: dict[str, SnippetGenerator] = {}

    def of(self, document: Document, hit: Hit) -> tuple[Fragment, ...]:
        """Return the part of the text that has most of what was searched for; its beginning where it has nothing."""
        text = text_of(document)
        snippet = self._snippet(body_field(group_of(hit.language)), text, _SNIPPET)
        if snippet and (marked := _marked(snippet.fragment(), snippet.highlighted(), 0)):
            return marked
        return (Fragment(_beginning(text)),) if text else ()

    def of_title(self, hit: Hit) -> tuple[Fragment, ...]:
        """Return the whole title with its marks; nothing where it has none."""
        snippet = self._snippet(title_field(group_of(hit.language)), hit.title or "", _LONGEST_TITLE)
        return _marked(hit.title or "", snippet.highlighted(), snippet.fragment_range().start) if snippet else ()

    def _snippet(self, field: str, text: str, length: int) -> Any:  # noqa: ANN401 - Tantivy has no name for it
        if self._words is None or not text:
            return None
        if field not in self._generators:
            self._generators[field] = SnippetGenerator.create(self._searcher, self._words, self._schema, field)
            self._generators[field].set_max_num_chars(length)
        document = Document()
        document.add_text(field, text)
        return self._generators[field].snippet_from_doc(document)


def _marked(text: str, marks: Iterable[Any], offset: int) -> tuple[Fragment, ...]:
    """Cut a text where it is marked; marks begin ``offset`` bytes of UTF-8 into it. Nothing where there are none."""
    data, fragments, place = text.encode(), list[Fragment](), 0
    for mark in marks:
        start, end = offset + mark.start, offset + mark.end
        if start > place:
            fragments.append(Fragment(data[place:start].decode(errors="replace")))
        fragments.append(Fragment(data[start:end].decode(errors="replace"), matched=True))
        place = end
    if place < len(data) and fragments:
        fragments.append(Fragment(data[place:].decode(errors="replace")))
    return tuple(fragments)


def _beginning(text: str) -> str:
    if len(text) <= _SNIPPET:
        return text
    return text[:_SNIPPET].rsplit(None, 1)[0] + "…"


def _is_scored(built: Built, sort: Sort) -> bool:
    return sort == "relevance" and built.words is not None


def _ordered(searcher: Searcher, built: Built, sort: Sort, *, limit: int, offset: int = 0) -> Any:  # noqa: ANN401 - its stub lacks the count
    if _is_scored(built, sort):
        return searcher.search(built.query, limit, offset=offset)
    order = Order.Asc if sort == "oldest" else Order.Desc
    return searcher.search(built.query, limit, offset=offset, order_by_field=DATE, order=order)
