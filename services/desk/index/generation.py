"""One generation of the index: a Tantivy folder with its writer. Changes are applied in batches, then committed.

The version rule is that of the store (`services.store.documents.step`), so the index ends with the same versions as
MongoDB whatever the order of the events, and however often each comes.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tantivy import Document, Index, IndexWriter, Occur, Query, Schema, Searcher, TextAnalyzer

from services.desk.index.analyzers import analyzers
from services.desk.index.index_schema import (
    ANY,
    ID,
    VERSION,
    WITHDRAWN,
    Stored,
    article_document,
    article_of,
    register_analyzers,
    schema,
    stored_of,
    tombstone_document,
)
from services.store.documents import Step, step
from shared.errors import Unavailable, WrongSetting
from shared.messages import ArticleExtracted, ArticleWithdrawn

log = logging.getLogger(__name__)

Change: TypeAlias = ArticleExtracted | ArticleWithdrawn
_HEAP = 64_000_000  # bytes that the writer may hold before it writes a segment


@dataclass(frozen=True)
class Tombstone:
    version: int


Known: TypeAlias = Stored | Tombstone


@dataclass
class _Batch:
    """What a batch changes: the state of each article at its end, and those that the index has already."""

    known: dict[str, Known | ArticleExtracted]
    changed: dict[str, ArticleExtracted | Tombstone] = field(default_factory=dict)

    def put(self, article_id: str, state: ArticleExtracted | Tombstone) -> None:
        self.known[article_id] = self.changed[article_id] = state


class Generation:
    """An index folder that is open for reading and writing; raises WrongSetting where another process writes to it."""

    def __init__(self, folder: Path, *, heap: int = _HEAP) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.schema: Schema = schema()
        self.analyzers: dict[str, TextAnalyzer] = analyzers()
        self._index = Index(self.schema, str(folder))
        register_analyzers(self._index)
        self._index.config_reader("manual")
        self._heap = heap
        self._writer = self._open_writer(heap)
        self._lock = threading.Lock()
        self.commits = 0

    @property
    def state(self) -> tuple[str, int]:
        """What every commit changes: the same as long as the same articles are in it."""
        return self.folder.name, self.commits

    def searcher(self) -> Searcher:
        """Return a searcher of what was committed last."""
        return self._index.searcher()

    def apply(self, changes: Sequence[Change]) -> None:
        """Apply changes in their order, commit them, and show them to new searchers."""
        with self._lock:
            ids = {change.id for change in changes}
            batch = _Batch(dict(self._known(ids)))
            for change in changes:
                if isinstance(change, ArticleWithdrawn):
                    _withdraw(batch, change)
                else:
                    self._extracted(batch, change)
            self._write(batch.changed)

    def load(self, articles: Iterable[ArticleExtracted], *, commit_every: int = 50_000) -> int:
        """Add articles to an index that has none of them, faster than `apply`; return how many there were."""
        count = 0
        with self._lock:
            for count, article in enumerate(articles, 1):
                self._writer.add_document(article_document(article))
                if count % commit_every == 0:
                    self._commit()
            self._commit()
        return count

    def add_tombstones(self, tombstones: Iterable[tuple[str, int]]) -> None:
        """Take over id and version of withdrawn articles from another generation."""
        with self._lock:
            for article_id, version in tombstones:
                self._writer.add_document(tombstone_document(article_id, version))
            self._commit()

    def tombstones(self) -> Iterator[tuple[str, int]]:
        """Yield id and version of every withdrawn article."""
        searcher = self.searcher()
        for _, address in searcher.search(self._term(WITHDRAWN, ANY), max(searcher.num_docs, 1), count=False).hits:
            document = searcher.doc(address)
            yield document[WITHDRAWN][0], document[VERSION][0]

    def versions(self) -> dict[str, int]:
        """Return the version of every article by its id."""
        searcher, found = self.searcher(), dict[str, int]()
        if not searcher.num_docs:
            return found
        for _, address in searcher.search(Query.all_query(), searcher.num_docs, count=False).hits:
            document = searcher.doc(address)
            if article_id := document.get_first(ID):
                found[article_id] = document[VERSION][0]
        return found

    def find(self, searcher: Searcher, article_id: str) -> ArticleExtracted | None:
        """Return an article as a searcher sees it."""
        hits = searcher.search(self._term(ID, article_id), 1, count=False).hits
        return article_of(searcher.doc(hits[0][1])) if hits else None

    def count(self) -> int:
        """Return the number of articles."""
        searcher = self.searcher()
        return searcher.num_docs - _counted(searcher, self._term(WITHDRAWN, ANY))

    def bytes(self) -> int:
        """Return the size of its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    def close(self) -> None:
        """Let go of the writer; searchers that are in use stay usable."""
        with self._lock:
            self._writer.wait_merging_threads()

    def _open_writer(self, heap: int) -> IndexWriter:
        try:
            return self._index.writer(heap, 1)
        except ValueError as error:
            if "Lock" not in str(error):
                raise
            wrong = f"another process writes to the index in {self.folder}"
            raise WrongSetting(
                f"WIREROOM_DESK_FOLDER: {wrong}. Each replica of the desk has a folder of its own."
            ) from None

    def _known(self, ids: set[str]) -> Iterator[tuple[str, Known]]:
        searcher = self.searcher()
        if not searcher.num_docs:
            return
        either = [(Occur.Should, Query.term_set_query(self.schema, field, list(ids))) for field in (ID, WITHDRAWN)]
        for _, address in searcher.search(Query.boolean_query(either), 2 * len(ids), count=False).hits:
            document = searcher.doc(address)
            if article_id := document.get_first(ID):
                yield article_id, stored_of(document)
            else:
                yield document[WITHDRAWN][0], Tombstone(document[VERSION][0])

    def _extracted(self, batch: _Batch, article: ArticleExtracted) -> None:
        known = batch.known.get(article.id)
        if isinstance(known, Tombstone):
            if article.version > known.version:  # its withdrawal was lifted, and it was published again
                batch.put(article.id, article)
            return
        place = dict(known, content_version=known.version) if isinstance(known, ArticleExtracted) else None
        if place is not None:
            place["pipeline"] = known.pipeline.model_dump()  # type: ignore[union-attr] # an article, as above
        elif isinstance(known, Stored):
            place = dict(known.place)
        match step(article, place):
            case Step.INSERT | Step.REPLACE | Step.RENEW:
                batch.put(article.id, article)
            case Step.ADVANCE:  # the store moves the number alone as well
                kept = known if isinstance(known, ArticleExtracted) else self.find(self.searcher(), article.id)
                moved = {"version": article.version, "received_at": article.received_at}
                batch.put(article.id, (kept or article).model_copy(update=moved))
            case _:
                pass

    def _write(self, changed: dict[str, ArticleExtracted | Tombstone]) -> None:
        """Raise Unavailable where the files cannot be written, such as on a full disk: no message is to blame."""
        documents = {article_id: _document(article_id, state) for article_id, state in changed.items()}
        try:
            for article_id, document in documents.items():
                self._writer.delete_documents_by_term(ID, article_id)
                self._writer.delete_documents_by_term(WITHDRAWN, article_id)
                self._writer.add_document(document)
            self._commit()
        except (ValueError, OSError, RuntimeError) as error:
            self._reopen_writer()
            raise Unavailable("the index", str(self.folder), str(error)) from error

    def _reopen_writer(self) -> None:
        """A writer that failed takes nothing more, and holds the lock of the folder until it is gone."""
        del self._writer
        self._writer = self._open_writer(self._heap)

    def _commit(self) -> None:
        self._writer.commit()
        self._index.reload()
        self.commits += 1

    def _term(self, name: str, value: str) -> Query:
        return Query.term_query(self.schema, name, value, "basic")


def _document(article_id: str, state: ArticleExtracted | Tombstone) -> Document:
    if isinstance(state, Tombstone):
        return tombstone_document(article_id, state.version)
    return article_document(state)


def _withdraw(batch: _Batch, event: ArticleWithdrawn) -> None:
    known = batch.known.get(event.id)
    version = event.version
    if isinstance(known, Stored):
        version = max(version, known.hit.version)
    elif known is not None:
        version = max(version, known.version)
    if known != Tombstone(version):
        batch.put(event.id, Tombstone(version))


def _counted(searcher: Searcher, query: Query) -> int:
    found = searcher.search(query, 1)
    return int(found.count)  # type: ignore[attr-defined] # its stub leaves it out
