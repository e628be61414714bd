"""The interface between the desk's pages and its index: queries, hits, facets, entities, trends. Pure values.

Tantivy stands behind it (``services/desk/index/``); OpenSearch could. Times are aware and in UTC; counts are articles
unless their name says otherwise. Text from outside stays text here: whoever shows it escapes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from shared.messages import ArticleExtracted

Sort = Literal["relevance", "newest", "oldest"]
MAX_PAGE_SIZE = 100


class InvalidQueryError(ValueError):
    """A query that cannot be read; its message says where and how to write it."""


class QueryTimeoutError(TimeoutError):
    """A query that took longer than the limit of the desk."""


@dataclass(frozen=True)
class Query:
    """What is asked for. ``text`` has words, "phrases", -exclusions and fields; the others come from facets.

    Fields of text: ``title:``, ``source:``, ``lang:``, ``agency:``, ``entity:"ORG:Name"`` or ``entity:Name``,
    ``since:`` and ``until:`` (dates). Values of one facet are alternatives; facets restrict each other.
    """

    text: str = ""
    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()  # "LABEL:name"; here every one has to be named in the article
    since: datetime | None = None  # inclusive, of `Hit.date`
    until: datetime | None = None  # exclusive


@dataclass(frozen=True)
class Fragment:
    """A part of a snippet or a title; ``matched`` where it is what was searched for."""

    text: str
    matched: bool = False


@dataclass(frozen=True)
class NamedEntity:
    """An entity of an article, or of a facet: then ``count`` is articles, in an article it is mentions."""

    label: str
    name: str
    count: int


@dataclass(frozen=True)
class Hit:
    """An article as lists show it."""

    id: str
    version: int
    title: str | None
    source: str
    language: str
    agency: str | None
    url: str | None
    date: datetime  # published_at, or received_at where the article does not tell
    received_at: datetime
    length: int  # code points of the clean text
    snippet: tuple[Fragment, ...] = ()
    title_marked: tuple[Fragment, ...] = ()  # the title, where a part of it is what was searched for
    entities: tuple[NamedEntity, ...] = ()  # the most salient, at most five
    score: float = 0.0


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: articles dated from ``start``, inclusive, to ``end``, exclusive."""

    start: datetime
    end: datetime
    count: int


@dataclass(frozen=True)
class Facets:
    """How many of all hits have which value, most first.

    Of very many hits a random sample is counted, one in ``rate`` and for entities one in ``entities_rate``; counts are
    multiplied by it, so they are estimates where it is not 1.
    """

    sources: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    agencies: Mapping[str, int] = field(default_factory=dict)
    entities: Mapping[str, Sequence[NamedEntity]] = field(default_factory=dict)  # by label
    rate: int = 1  # also of the histogram
    entities_rate: int = 1


@dataclass(frozen=True)
class Results:
    """A page of hits, and what all hits have in common."""

    total: int
    hits: tuple[Hit, ...]
    facets: Facets
    histogram: tuple[Bar, ...]  # of hours, days, weeks or months, by what the hits span
    milliseconds: float


@dataclass(frozen=True)
class EntityFacts:
    """What the index knows of one entity."""

    label: str
    name: str
    articles: int
    mentions: tuple[Bar, ...]  # here counts are articles that name it, by day
    named_with: tuple[NamedEntity, ...]  # other entities of these articles, most articles first
    named_with_rate: int  # these are counted in one in so many articles, see `Facets`
    sources: Mapping[str, int]
    aliases: Mapping[str, int]  # forms seen, with articles
    newest: tuple[Hit, ...]


@dataclass(frozen=True)
class Trend:
    """An entity that is named more often now than its own past lets expect."""

    label: str
    name: str
    now: int  # articles of the last period
    expected: float  # mean per period of its past
    score: float  # how unexpected: (now - expected) / sqrt(expected + 1)
    history: tuple[Bar, ...]  # periods, the oldest first, the last is now


@dataclass(frozen=True)
class IndexState:
    """What the index holds, and how far it has read."""

    articles: int
    bytes: int
    last_sequence: int  # of NEWS, that has been read and committed
    rebuilding: bool  # answers come from the old index meanwhile


class SearchEngine(Protocol):
    """Answers queries from an index. Blocking: call it in a thread. Every method may raise QueryTimeoutError."""

    def search(self, query: Query, *, sort: Sort = "relevance", page: int = 1, size: int = 20) -> Results:
        """Return a page of hits with facets; raises InvalidQueryError."""

    def every_hit(self, query: Query, *, limit: int) -> Iterator[Hit]:
        """Yield all hits, the newest first, at most ``limit``; raises InvalidQueryError."""

    def article(self, article_id: str) -> ArticleExtracted | None:
        """Return the newest version of an article as it was extracted."""

    def similar(self, article_id: str, *, size: int = 8) -> tuple[Hit, ...]:
        """Return articles like this one, the most alike first."""

    def entity(self, label: str, name: str) -> EntityFacts | None:
        """Return what is known of an entity, None if no article names it."""

    def trends(self, now: datetime, *, period: Literal["hour", "day"], size: int = 30) -> tuple[Trend, ...]:
        """Return the entities that rise, the most unexpected first."""

    def state(self) -> IndexState:
        """Return what the index holds."""
