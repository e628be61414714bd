"""Fields of the index, and the two kinds of documents in it: articles, and tombstones of withdrawn ones."""

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from tantivy import Document, Index, Schema, SchemaBuilder

from services.desk.index.analyzers import GROUPS, analyzer_name, analyzers, body_field, group_of, title_field
from services.desk.search_engine import Hit, NamedEntity
from services.store.documents import entity_keys
from shared.messages import ArticleExtracted, Entity

FORMAT = 2  # of the fields and of what is stored in them; another one means that the index is built anew

ID, WITHDRAWN, VERSION, DATE = "id", "withdrawn", "version", "date"
SOURCE, LANGUAGE, AGENCY, GROUP = "source", "language", "agency", "text_group"
ENTITIES, KEYS, FORMS = "entities", "entity_keys", "entity_forms"
HIT, TEXT, ARTICLE = "hit", "text", "article"
SAMPLE = "sample"  # rates R of those samples, one article in R, that an article belongs to
ANY = "*"  # in WITHDRAWN, of every tombstone beside its id

LABELS = (
    *("PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "EVENT", "PRODUCT", "WORK_OF_ART", "LAW", "LANGUAGE"),
    *("PER", "MISC"),  # of models that were trained on WikiNER
)
ALIAS_SEPARATOR = "\x1f"
_LABEL = re.compile(r"[A-Z][A-Z_]{0,31}")
_LONGEST_NAME = 500  # characters; Tantivy's terms end at 65,530 bytes
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_HIT_ENTITIES = 5
_RATES = tuple(2**power for power in range(1, 13))


@dataclass(frozen=True)
class Stored:
    """What list pages and the version rule need of an indexed article, beside its text."""

    hit: Hit
    content_hash: str
    pipeline: Mapping[str, Any]

    @property
    def place(self) -> Mapping[str, Any]:
        """Return it as `services.store.documents.step` compares a stored article with a new one."""
        return {
            "version": self.hit.version,
            "content_version": self.hit.version,
            "content_hash": self.content_hash,
            "received_at": self.hit.received_at,
            "pipeline": self.pipeline,
        }


def schema() -> Schema:
    """Return the schema; the paragraphs are stored apart from the rest of the article, for snippets need them alone."""
    builder = SchemaBuilder()
    builder.add_text_field(ID, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(WITHDRAWN, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field(VERSION, stored=True, fast=True)
    builder.add_integer_field(DATE, fast=True, indexed=True)  # seconds since 1970
    for name in (SOURCE, LANGUAGE, AGENCY):
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in (GROUP, SAMPLE):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    # a column for each label, so that a facet of one label reads no names of others
    builder.add_json_field(ENTITIES, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(KEYS, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(FORMS, tokenizer_name="raw", index_option="basic")
    for group in GROUPS:
        for name in (title_field(group), body_field(group)):
            builder.add_text_field(name, tokenizer_name=analyzer_name(group))
    for name in (HIT, TEXT, ARTICLE):
        builder.add_bytes_field(name, stored=True)
    return builder.build()


def register_analyzers(index: Index) -> None:
    """Make the analyzers known to an index; they are not part of its files."""
    for group, analyzer in analyzers().items():
        index.register_tokenizer(analyzer_name(group), analyzer)


def seconds(moment: datetime) -> int:
    """Return seconds since 1970, of a year that histograms can show."""
    return int(min(max(moment, _FIRST), _LAST).timestamp())


def moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def label_of(label: str) -> str:
    """Return a label as the index keeps it; one that is none of letters is ``MISC``."""
    return label if _LABEL.fullmatch(label) else "MISC"


def sample_rate(total: int, enough: int) -> int:
    """Return the rate of the smallest sample in which ``enough`` of ``total`` articles are expected; 1: all of them."""
    return max((rate for rate in _RATES if total >= rate * enough), default=1)


def _rates(article_id: str) -> list[str]:
    """Return the samples that an article belongs to, in each version; one with a higher rate is part of the others."""
    digest = zlib.crc32(article_id.encode())
    return [str(rate) for rate in _RATES if digest % rate == 0]


def entity_field(label: str) -> str:
    """Return the path of the names of one label; raises ValueError for what is no label."""
    if not _LABEL.fullmatch(label):
        raise ValueError(f"{label[:40]!r} is no label such as ORG or PERSON")
    return f"{ENTITIES}.{label}"


def article_document(article: ArticleExtracted) -> Document:
    """Return the index document of an article."""
    document, group = Document(), group_of(article.language)
    document.add_text(ID, article.id)
    document.add_unsigned(VERSION, article.version)
    document.add_integer(DATE, seconds(article.published_at or article.received_at))
    document.add_text(SOURCE, article.source)
    document.add_text(LANGUAGE, article.language)
    document.add_text(GROUP, group)
    for rate in _rates(article.id):
        document.add_text(SAMPLE, rate)
    if article.agency:
        document.add_text(AGENCY, article.agency[:_LONGEST_NAME])
    if article.title:
        document.add_text(title_field(group), article.title)
    document.add_text(body_field(group), article.text)
    _add_entities(document, article.entities)
    document.add_bytes(HIT, _encoded(article))
    document.add_bytes(TEXT, _compressed(orjson.dumps(article.paragraphs)))
    document.add_bytes(ARTICLE, _compressed(article.model_dump_json(exclude={"paragraphs"}).encode()))
    return document


def _add_entities(document: Document, entities: Iterable[Entity]) -> None:
    entities = tuple(entities)
    names: dict[str, list[str]] = {}
    for entity in entities:
        label, name = label_of(entity.label), entity.name[:_LONGEST_NAME]
        if name not in names.setdefault(label, []):
            names[label].append(name)
        for alias in entity.aliases:
            document.add_text(FORMS, f"{label}:{name}{ALIAS_SEPARATOR}{alias[:_LONGEST_NAME]}")
    if names:
        document.add_json(ENTITIES, names)
    for key in _keys(entities):
        document.add_text(KEYS, key)


def _keys(entities: tuple[Entity, ...]) -> list[str]:
    """Return the keys of the store, and each name without its label, which begins with a colon."""
    keys = [key[:_LONGEST_NAME] for key in entity_keys(entities)]
    return list(dict.fromkeys((*keys, *(f":{key.partition(':')[2]}" for key in keys))))


def tombstone_document(article_id: str, version: int) -> Document:
    """Return what keeps a withdrawn article from coming back in this or an older version."""
    document = Document()
    document.add_text(WITHDRAWN, article_id)
    document.add_text(WITHDRAWN, ANY)
    document.add_unsigned(VERSION, version)
    return document


def _encoded(article: ArticleExtracted) -> bytes:
    salient = sorted(article.entities, key=lambda entity: (-entity.salience, -entity.count))[:_HIT_ENTITIES]
    return orjson.dumps([
        article.id,
        article.version,
        article.title,
        article.source,
        article.language,
        article.agency,
        article.url,
        article.published_at,
        article.received_at,
        len(article.text),
        [[label_of(entity.label), entity.name, entity.count] for entity in salient],
        article.content_hash,
        article.pipeline.model_dump(),
    ])  # fmt: skip


def stored_of(document: Document) -> Stored:
    """Return what `article_document` stored for lists."""
    row: list[Any] = orjson.loads(document[HIT][0])
    article_id, version, title, source, language, agency, url, published, received_at, length, entities = row[:-2]
    received = datetime.fromisoformat(received_at).astimezone(UTC)
    date = datetime.fromisoformat(published).astimezone(UTC) if published else received
    salient = tuple(NamedEntity(*each) for each in entities)
    hit = Hit(article_id, version, title, source, language, agency, url, date, received, length, entities=salient)
    return Stored(hit, *row[-2:])


def article_of(document: Document) -> ArticleExtracted:
    """Return the whole article."""
    fields = orjson.loads(zlib.decompress(document[ARTICLE][0]))
    return ArticleExtracted.model_validate_json(orjson.dumps({**fields, "paragraphs": _paragraphs(document)}))


def text_of(document: Document) -> str:
    """Return the clean text alone, without reading the rest of the article."""
    return "\n\n".join(_paragraphs(document))


def _paragraphs(document: Document) -> list[str]:
    found: list[str] = orjson.loads(zlib.decompress(document[TEXT][0]))
    return found


def _compressed(data: bytes) -> bytes:
    return zlib.compress(data, 3)
