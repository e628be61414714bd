"""A Query of the desk as a Tantivy query: words in every language that the index holds, filters without a score."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tantivy import FieldType, Occur, Searcher, TextAnalyzer
from tantivy import Query as TantivyQuery
from tantivy import Schema as TantivySchema

from services.desk.index.analyzers import BIGRAMS, GROUPS, body_field, title_field
from services.desk.index.index_schema import (
    AGENCY,
    ANY,
    DATE,
    GROUP,
    KEYS,
    LANGUAGE,
    SAMPLE,
    SOURCE,
    WITHDRAWN,
    entity_field,
    sample_rate,
    seconds,
)
from services.desk.index.query_parser import Clause, parse
from services.desk.search_engine import InvalidQueryError, Query

_TITLE_BOOST = 3.0
Part = tuple[Occur, TantivyQuery]


@dataclass(frozen=True)
class Built:
    """A Tantivy query; ``words`` is the part that snippets mark, None where nothing is searched for by words."""

    query: TantivyQuery
    words: TantivyQuery | None


class QueryBuilder:
    """Builds queries for one schema; the analyzers are those of the index."""

    def __init__(self, schema: TantivySchema, analyzers: Mapping[str, TextAnalyzer]) -> None:
        self._schema, self._analyzers = schema, analyzers
        self._fields: Mapping[str, Callable[[str], TantivyQuery]] = {
            "source": lambda value: self._term(SOURCE, value.lower()),
            "lang": lambda value: self._term(LANGUAGE, value.lower()),
            "agency": lambda value: self._term(AGENCY, value),
            "entity": self._entity_key,
        }

    def build(self, query: Query, searcher: Searcher) -> Built:
        """Return the query for Tantivy; raises InvalidQueryError."""
        parsed = parse(query.text)
        groups = [group for group in GROUPS if searcher.doc_freq(GROUP, group)]
        wanted: list[Part] = []
        words: list[TantivyQuery] = []
        for clause in parsed.clauses:
            made = self._clause(clause, groups)
            if made is None:
                continue
            if clause.excluded:
                wanted.append((Occur.MustNot, made))
            elif clause.field in {"", "title"}:
                words.append(made)
                wanted.append((Occur.Must, made))
            else:
                wanted.append((Occur.Must, _unscored(made)))
        wanted += [(Occur.Must, _unscored(made)) for made in self._filters(query)]
        wanted += self._dates(
            max(filter(None, (query.since, parsed.since)), default=None),
            min(filter(None, (query.until, parsed.until)), default=None),
        )
        marked = TantivyQuery.boolean_query([(Occur.Should, each) for each in words]) if words else None
        return Built(self._all_of(wanted, searcher), marked)

    def articles(self, searcher: Searcher) -> TantivyQuery:
        """Return the query that every article meets, and no tombstone."""
        return self._all_of([], searcher)

    def entity(self, label: str, name: str) -> TantivyQuery:
        """Return the articles that name an entity so; raises ValueError where the label is none."""
        return TantivyQuery.term_query(self._schema, entity_field(label), name, "basic")

    def entity_key(self, label: str, name: str) -> TantivyQuery:
        """Return the articles that name an entity by this name in any case, by an alias, or by its identifier."""
        return self._term(KEYS, f"{label}:{name.casefold()}")

    def dates(self, since: datetime | None, until: datetime | None) -> TantivyQuery:
        """Return the articles of a range, the end exclusive."""
        return TantivyQuery.range_query(
            self._schema,
            DATE,
            FieldType.Integer,
            lower_bound=None if since is None else seconds(since),
            upper_bound=None if until is None else seconds(until),
            include_upper=until is None,
        )

    def sample(self, query: TantivyQuery, total: int, enough: int) -> tuple[TantivyQuery, int]:
        """Return a query for a random sample of the ``total`` hits of one, at least ``enough``, and its rate.

        One hit in ``rate`` is in it: always the same ones, whatever is asked; with few hits all of them, and rate 1.
        """
        rate = sample_rate(total, enough)
        if rate == 1:
            return query, 1
        return TantivyQuery.boolean_query([(Occur.Must, query), (Occur.Must, self._term(SAMPLE, str(rate)))]), rate

    def _all_of(self, wanted: list[Part], searcher: Searcher) -> TantivyQuery:
        if not any(occur == Occur.Must for occur, _ in wanted):
            if tombstones := self._tombstones(searcher):
                wanted = [*wanted, (Occur.MustNot, tombstones)]
            wanted = [(Occur.Must, TantivyQuery.all_query()), *wanted]
        return wanted[0][1] if len(wanted) == 1 else TantivyQuery.boolean_query(wanted)

    def _tombstones(self, searcher: Searcher) -> TantivyQuery | None:
        return self._term(WITHDRAWN, ANY) if searcher.doc_freq(WITHDRAWN, ANY) else None

    def _clause(self, clause: Clause, groups: Iterable[str]) -> TantivyQuery | None:
        if field := self._fields.get(clause.field):
            return field(clause.value)
        found = [
            made
            for group in groups
            for made in self._in_group(clause.value, group, title_only=clause.field == "title")
        ]  # fmt: skip
        if not found:
            return None
        return found[0] if len(found) == 1 else TantivyQuery.disjunction_max_query(found, 0.1)

    def _in_group(self, text: str, group: str, *, title_only: bool) -> Iterable[TantivyQuery]:
        tokens = self._analyzers[group].analyze(text)
        if not tokens:
            return
        yield TantivyQuery.boost_query(self._tokens(title_field(group), tokens, group), _TITLE_BOOST)
        if not title_only:
            yield self._tokens(body_field(group), tokens, group)

    def _tokens(self, field: str, tokens: list[str], group: str) -> TantivyQuery:
        if len(tokens) == 1:
            return TantivyQuery.term_query(self._schema, field, tokens[0], "freq")
        if group == BIGRAMS:  # which have no positions
            terms = [TantivyQuery.term_query(self._schema, field, token, "freq") for token in tokens]
            return TantivyQuery.boolean_query([(Occur.Must, term) for term in terms])
        return TantivyQuery.phrase_query(self._schema, field, list(tokens))

    def _filters(self, query: Query) -> Iterable[TantivyQuery]:
        for field, values in ((SOURCE, query.sources), (LANGUAGE, query.languages), (AGENCY, query.agencies)):
            if values:
                yield TantivyQuery.term_set_query(self._schema, field, list(values))
        for entity in query.entities:
            label, colon, name = entity.partition(":")
            try:
                yield self.entity(label, name)
            except ValueError as error:
                raise InvalidQueryError(f"{error}; an entity is written as ORG:Name.") from None
            if not (colon and name):
                raise InvalidQueryError(f"The entity {entity[:60]!r} has no name; it is written as ORG:Name.")

    def _dates(self, since: datetime | None, until: datetime | None) -> list[Part]:
        if since is None and until is None:
            return []
        if since and until and since >= until:
            return [(Occur.Must, TantivyQuery.empty_query())]
        return [(Occur.Must, _unscored(self.dates(since, until)))]

    def _entity_key(self, value: str) -> TantivyQuery:
        label, colon, name = value.partition(":")
        if colon and label.isupper():
            return self.entity_key(label, name.strip())
        return self._term(KEYS, f":{value.strip().casefold()}")

    def _term(self, field: str, value: str) -> TantivyQuery:
        return TantivyQuery.term_query(self._schema, field, value, "basic")


def _unscored(query: TantivyQuery) -> TantivyQuery:
    return TantivyQuery.const_score_query(query, 0.0)
