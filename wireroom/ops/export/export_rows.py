"""Stored articles, or the mentions of their entities, as rows of typed columns. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from services.store.queries import dated
from shared.messages import ArticleExtracted

Kind = Literal["text", "integer", "number", "time", "texts", "captions", "entities"]
Article: TypeAlias = Mapping[str, Any]
Row: TypeAlias = Mapping[str, Any]

STORED_FIELDS = tuple(name for name in ArticleExtracted.model_fields if name != "id")  # what is read of an article


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, its type, and its value of a row's source."""

    name: str
    kind: Kind
    value: Callable[[Article], Any]


def _field(name: str, kind: Kind = "text") -> Column:
    return Column(name, kind, lambda article: article.get(name))


def _of_pipeline(name: str, field: str) -> Column:
    return Column(name, "text", lambda article: (article.get("pipeline") or {}).get(field))


ARTICLE_COLUMNS = (
    Column("id", "text", lambda article: article["_id"]),
    _field("version", "integer"),
    _field("source"),
    _field("language"),
    _field("language_confidence", "number"),
    Column("date", "time", dated),
    _field("published_at", "time"),
    _field("updated_at", "time"),
    _field("received_at", "time"),
    *(_field(name) for name in ("title", "byline", "agency", "dateline", "url", "guid")),
    _field("tags", "texts"),
    Column("text", "text", lambda article: "\n\n".join(article["paragraphs"])),
    _field("captions", "captions"),
    _field("entities", "entities"),
    _field("entities_status"),
    _field("content_hash"),
    *(_of_pipeline("pipeline", "wireroom"), _of_pipeline("rules", "rules"), _of_pipeline("model", "model")),
)
_OF_MENTION = ("label", "name", "identifier", "salience", "start", "end", "mention")
MENTION_COLUMNS = (
    *(column for column in ARTICLE_COLUMNS if column.name in {"id", "version", "source", "language", "date"}),
    *(_field(name) for name in ("label", "name", "identifier")),
    _field("salience", "number"),
    *(_field(name, "integer") for name in ("start", "end")),
    _field("mention"),
    *(column for column in ARTICLE_COLUMNS if column.name in {"title", "url"}),
)


def article_object(article: Article) -> Row:
    """Return an article as JSON Lines have it: all fields of the message, as other commands print them."""
    return {"v": 1, "id": article["_id"]} | {name: value for name, value in article.items() if name != "_id"}


def article_row(article: Article) -> Row:
    return {column.name: column.value(article) for column in ARTICLE_COLUMNS}


def mention_rows(article: Article) -> Iterator[Row]:
    """Yield one row for each mention of each entity, by their order in the article; offsets are code points."""
    found = (
        (mention["start"], mention["end"], mention["text"], entity)
        for entity in article["entities"]
        for mention in entity.get("mentions", ())
    )
    for start, end, text, entity in sorted(found, key=lambda each: each[:2]):
        known = (entity["label"], entity["name"], entity.get("identifier"), entity.get("salience"), start, end, text)
        row = {**article, **dict(zip(_OF_MENTION, known, strict=True))}
        yield {column.name: column.value(row) for column in MENTION_COLUMNS}
