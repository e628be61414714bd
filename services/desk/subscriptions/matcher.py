"""Which saved searches an article meets: the desk's own queries, on an index in memory of one batch of articles."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tantivy import Index, Searcher

from services.desk.index.analyzers import analyzers
from services.desk.index.index_schema import ID, VERSION, article_document, register_analyzers, schema
from services.desk.index.query_builder import QueryBuilder
from services.desk.search_engine import InvalidQueryError, Query
from shared.messages import ArticleExtracted

log = logging.getLogger(__name__)

_HEAP = 15_000_000  # bytes; the least that Tantivy takes


class Matcher:
    """Tries queries, by their names, on batches of articles. Blocking: call it in a thread."""

    def __init__(self) -> None:
        self._schema = schema()
        self._builder = QueryBuilder(self._schema, analyzers())

    def match(self, articles: Sequence[ArticleExtracted], queries: Mapping[str, str]) -> list[tuple[str, ...]]:
        """Return for each article the names of the queries that it meets, in their order.

        A query that cannot be read, which another release wrote, matches nothing.
        """
        if not queries or not articles:
            return [() for _ in articles]
        searcher = self._indexed(articles)
        found = defaultdict[tuple[str, int], list[str]](list)
        for name, text in queries.items():
            for version in self._hits(searcher, name, text, len(articles)):
                found[version].append(name)
        return [tuple(found.get((article.id, article.version), ())) for article in articles]

    def _indexed(self, articles: Sequence[ArticleExtracted]) -> Searcher:
        index = Index(self._schema)
        register_analyzers(index)
        writer = index.writer(_HEAP, 1)
        for article in {(each.id, each.version): each for each in articles}.values():
            writer.add_document(article_document(article))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return index.searcher()

    def _hits(self, searcher: Searcher, name: str, text: str, most: int) -> list[tuple[str, int]]:
        try:
            query = self._builder.build(Query(text=text), searcher).query
        except InvalidQueryError as error:
            log.warning("saved search %s matches nothing: %s", name, error)
            return []
        documents = [searcher.doc(address) for _, address in searcher.search(query, most, count=False).hits]
        return [(document[ID][0], document[VERSION][0]) for document in documents]
