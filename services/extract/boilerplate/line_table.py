"""Counts of the lines of one source, in a bounded table, and the rules by which a line becomes boilerplate.

A line counts once for each different article. Updates, redeliveries, replays and copies of an article count nothing.
Counts fade with time, so that a line the source no longer shows is forgotten. Once the broker knows a publisher of the
source, articles of others count nothing, and what they had counted is forgotten: anyone may name a source.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from services.extract.boilerplate.sightings import MAX_CHARS, Seen, Sighting
from services.extract.clean.rules.line_facts import APPROVED
from shared.messages import Value

HALF_LIFE = timedelta(days=14)
MAX_LINES = 300  # what was decided by people not counted
SHOWN_FROM = 3  # articles; the text of a line that fewer share is their own, and not kept here
_SAMPLE = 120  # characters
_RECENT = 128  # articles that are known again
_COPY = 0.75  # of the lines of the shorter of two articles are those of the other
_FORGOTTEN = 0.3  # articles
_EDGE_ARTICLES, _EDGE_SHARE = 4, 0.8  # a fragment at the edge of so many articles, and of its own sightings
_ANYWHERE_ARTICLES, _ANYWHERE_SHARE = 10, 0.3  # or anywhere in so many articles, and of all articles
_SENTENCE_ARTICLES, _SENTENCE_EDGE, _SENTENCE_SHARE = 5, 0.9, 0.25  # sentences: all three

Decision = Literal["approved", "vetoed"]
Count = Annotated[float, Field(ge=0, le=1e9)]  # anyone may write a table: none that overflows is read
Counts = dict[str, tuple[Seen, bool]]


class LearnedLine(Value):
    """How often a line was seen, in articles, fading; ``before`` is how many the source had when it came up."""

    text: Annotated[str, Field(max_length=1000)] = ""
    sentence: bool
    figures: bool = False
    edge: Count = 0.0  # no text of the article's own stood beyond it
    inside: Count = 0.0
    before: Count = 0.0
    decision: Decision | None = None

    @property
    def articles(self) -> float:
        return self.edge + self.inside


class Recent(Value):
    """An article that was counted, and some of its lines."""

    article: str
    version: int
    sketch: frozenset[str]


class Table(Value):
    """All that is known of one source."""

    v: Literal[1] = 1
    articles: Count = 0.0
    at: AwareDatetime = datetime(2020, 1, 1, tzinfo=UTC)
    lines: dict[str, LearnedLine] = Field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    verified: bool = False  # only articles of publishers that are known to be the source count

    def boilerplate(self) -> dict[str, float]:
        """Return what cleaning acts upon: the certainty of each line that is boilerplate."""
        return {key: score for key, line in self.lines.items() if (score := certainty(line, self.articles)) is not None}


def share(line: LearnedLine, articles: float) -> float:
    """Return in which part of the source's articles the line stood, since it came up."""
    return line.articles / max(articles - line.before, line.articles) if line.articles else 0.0


def certainty(line: LearnedLine, articles: float) -> float | None:
    """Return the certainty that the line is boilerplate, below 1 unless approved; None if it is not acted upon."""
    if line.decision:
        return APPROVED if line.decision == "approved" else None
    at_edge = line.edge / line.articles if line.articles else 0.0
    often = share(line, articles)
    if line.sentence and line.figures:
        sure = False  # the same words with other numbers are news, such as of the weather
    elif line.sentence:
        sure = line.edge >= _SENTENCE_ARTICLES and at_edge >= _SENTENCE_EDGE and often >= _SENTENCE_SHARE
    else:
        sure = (line.edge >= _EDGE_ARTICLES and at_edge >= _EDGE_SHARE) or (
            line.articles >= _ANYWHERE_ARTICLES and often >= _ANYWHERE_SHARE
        )
    return round(max(line.edge, line.articles * often) / (line.articles + 1), 3) if sure else None


def learn(table: Table, sightings: Iterable[Sighting], now: datetime) -> Table:
    """Return the table after some more articles."""
    sightings = tuple(sightings)
    if not table.verified and any(seen.verified for seen in sightings):
        decided = {key: line for key, line in table.lines.items() if line.decision}
        table = Table(lines=decided, verified=True)
    if table.verified:
        sightings = tuple(seen for seen in sightings if seen.verified)
    table = _faded(table, now)
    articles, lines, recent = table.articles, dict(table.lines), list(table.recent)
    for seen in sightings:
        if not _is_another(seen, recent, lines):
            continue
        for key, (line, at_edge) in _counts(seen, lines).items():
            lines[key] = _counted(lines.get(key), line, articles, at_edge=at_edge, known=key in seen.known)
        articles += 1
        recent.append(Recent(article=seen.article, version=seen.version, sketch=seen.sketch))
        recent = sorted(recent, key=lambda entry: entry.version)[-_RECENT:]
    return Table(articles=articles, at=table.at, lines=_bounded(lines), recent=tuple(recent), verified=table.verified)


def decide(table: Table, key: str, decision: Decision | None) -> Table:
    """Return the table with what people decided of a line; None takes a decision back. Counting never changes it."""
    return table.model_copy(
        update={"lines": table.lines | {key: table.lines[key].model_copy(update={"decision": decision})}}
    )


def _faded(table: Table, now: datetime) -> Table:
    factor = 0.5 ** (max(now - table.at, timedelta()) / HALF_LIFE)
    lines = {
        key: line.model_copy(
            update={"edge": line.edge * factor, "inside": line.inside * factor, "before": line.before * factor}
        )
        for key, line in table.lines.items()
    }
    return table.model_copy(
        update={"articles": table.articles * factor, "at": max(now, table.at), "lines": lines},
    )


def _is_another(seen: Sighting, recent: Sequence[Recent], lines: Mapping[str, LearnedLine]) -> bool:
    """Tell whether an article is none that was counted: no later state, no copy, and not too old to be known again."""
    if len(recent) == _RECENT and seen.version < recent[0].version:
        return False
    shared = {key for key in seen.sketch if not _rare(lines.get(key))}
    mine = seen.sketch - shared
    return all(entry.article != seen.article and not _is_copy(mine, entry.sketch - shared) for entry in recent)


def _is_copy(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= max(1.0, _COPY * min(len(one), len(other)))


def _counts(seen: Sighting, lines: Mapping[str, LearnedLine]) -> Counts:
    """Return which lines an article counts for, and whether text of its own stood on both sides of them."""
    own = [at for at, line in enumerate(seen.kept) if line.strong and _rare(lines.get(line.key))]
    counts: Counts = {line.key: (line, True) for line in seen.removed if len(line.text) <= MAX_CHARS}
    for at, line in enumerate(seen.kept):
        inside = bool(own) and own[0] < at < own[-1]
        if len(line.text) <= MAX_CHARS and (not inside or not line.sentence or line.key in lines):
            counts[line.key] = (line, not inside)
    return counts


def _rare(line: LearnedLine | None) -> bool:
    return line is None or line.articles < SHOWN_FROM - 1


def _counted(old: LearnedLine | None, line: Seen, articles: float, *, at_edge: bool, known: bool) -> LearnedLine:
    old = old or LearnedLine(sentence=line.sentence, figures=line.figures, before=articles)
    # where a line stood that was taken out as learned is not seen any more: it counts as it did before
    edge = old.edge / old.articles if known and not line.sentence and old.articles else float(at_edge)
    shown = old.articles + 1 >= SHOWN_FROM
    return old.model_copy(
        update={
            "edge": old.edge + edge,
            "inside": old.inside + 1 - edge,
            "text": old.text or (line.text[:_SAMPLE] if shown else ""),
        }
    )


def _bounded(lines: dict[str, LearnedLine]) -> dict[str, LearnedLine]:
    decided = {key: line for key, line in lines.items() if line.decision}
    counted = [(key, line) for key, line in lines.items() if not line.decision and line.articles > _FORGOTTEN]
    counted.sort(key=lambda entry: (-entry[1].articles, -entry[1].before))
    return decided | dict(counted[:MAX_LINES])
