"""From lines to a clean article; nothing disappears without being named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.extract.clean.classifier import probabilities
from services.extract.clean.rules.decide import Decisions, decide
from services.extract.clean.rules.line_facts import Facts, describe
from services.extract.clean.rules.site import ANY_SITE, KEPT, Site, recognise
from services.extract.clean.text import line_metadata
from services.extract.clean.text.lines import Line, visible
from shared.errors import Reason, Rejected
from shared.messages import Caption, Removed

MAX_CHARACTERS = 500_000  # of clean text, a whole book; the model needs some seconds for it
MAX_REMOVED = 1000  # entries and
MAX_REMOVED_CHARS = 1000  # characters of each: what is removed may not outgrow the message that carries it


@dataclass(frozen=True)
class CleanArticle:
    """What the cleaning made of a body. Each line of it is a paragraph or is named in ``removed``."""

    title: str | None
    byline: str | None
    agency: str | None
    dateline: str | None
    paragraphs: tuple[str, ...]
    captions: tuple[Caption, ...]
    removed: tuple[Removed, ...]
    published_at: datetime | None = None  # these three only from pages that say so
    updated_at: datetime | None = None
    url: str | None = None
    places: tuple[int, ...] = field(default=(), compare=False)  # number of the line that each paragraph begins with


Judged = tuple[Decisions, Sequence[float] | None]  # and how likely each line belongs, where a model told it
Judge = Callable[[Sequence[Facts], str | None], Judged]


def by_text(facts: Sequence[Facts], title: str | None) -> Judged:
    """Decide by nothing but the text of the lines."""
    likely = probabilities(facts, title)
    return decide(facts, likely), likely


def assemble(lines: Sequence[Line], title: str | None, *, site: Site = ANY_SITE) -> CleanArticle:
    """Clean the lines; raise ``Rejected`` if no article is among them."""
    article = judged(lines, title, by_text, site)
    return replace(article, removed=bounded(article.removed))


def judged(lines: Sequence[Line], title: str | None, judge: Judge, site: Site) -> CleanArticle:
    """Clean the lines as the judge decides; all that is removed is listed, however much it is."""
    title = visible(title or "") or None
    facts = recognise(describe(lines, title), site)
    decisions, likely = judge(facts, title)
    decided = [None if line.known == KEPT else rule for line, rule in zip(facts, decisions, strict=True)]
    if None not in decided:
        raise Rejected(Reason.NO_ARTICLE_TEXT, f"no line of {len(lines)} reads like a part of an article")
    return _assemble(facts, decided, likely, title)


def _assemble(
    facts: Sequence[Facts], decided: Decisions, likely: Sequence[float] | None, title: str | None
) -> CleanArticle:
    captions, claimed = line_metadata.captions(facts, decided)
    rules = [claimed.get(index, rule) for index, rule in enumerate(decided)]
    heading = None if title else line_metadata.found_title(facts, rules)
    if heading is not None:
        title, rules[heading] = facts[heading].line.text, "title"
    byline = line_metadata.found_byline(facts, rules)
    if byline:
        rules[byline[0]] = "byline"
    dateline = line_metadata.found_dateline(facts, rules)
    names = byline[1] if byline else None
    paragraphs = _paragraphs(facts, rules, dateline.text if dateline else "")
    _check_length(paragraphs)
    return CleanArticle(
        title=title,
        byline=names,
        agency=line_metadata.found_agency(facts, rules, dateline, names),
        dateline=dateline.place if dateline else None,
        paragraphs=paragraphs,
        captions=tuple(captions),
        removed=tuple(_removed(facts, rules, likely, dateline.text if dateline else "")),
        places=tuple(line.line.number for line, rule in zip(facts, rules, strict=True) if rule is None),
    )


def _paragraphs(facts: Sequence[Facts], rules: Decisions, dateline: str) -> tuple[str, ...]:
    kept = [line.line.text for line, rule in zip(facts, rules, strict=True) if rule is None]
    return (kept[0][len(dateline) :].lstrip(), *kept[1:])


def _check_length(paragraphs: Sequence[str]) -> None:
    characters = sum(map(len, paragraphs))
    if characters > MAX_CHARACTERS:
        raise Rejected(Reason.TOO_LARGE, f"the text has {characters} characters, at most {MAX_CHARACTERS} are read")


def _removed(facts: Sequence[Facts], rules: Decisions, likely: Sequence[float] | None, dateline: str) -> list[Removed]:
    start = line_metadata.first_kept(rules)
    taken = [(index, line.line.text, rule) for index, (line, rule) in enumerate(zip(facts, rules, strict=True)) if rule]
    if dateline:
        taken.append((start, dateline, "dateline"))
    return [
        Removed(
            text=text,
            rule=rule,
            line=facts[index].line.number,
            score=_score(facts[index], rule, likely[index] if likely else None),
        )
        for index, text, rule in sorted(taken)
    ]


def _score(line: Facts, rule: str, likely: float | None) -> float | None:
    """Return how sure what was learned of the line, or the model, was."""
    if rule == "model" and likely is not None:
        return round(1 - likely, 3)
    return line.known.score if line.known and line.known.rule == rule else None


def bounded(removed: Sequence[Removed]) -> tuple[Removed, ...]:
    """Return the entries, long ones cut; what is too many is counted by a last one."""
    listed = [
        entry if len(entry.text) <= MAX_REMOVED_CHARS else entry.model_copy(update={"text": _cut(entry.text)})
        for entry in removed[:MAX_REMOVED]
    ]
    left = removed[MAX_REMOVED:]
    if left:
        listed.append(Removed(text=f"{len(left)} more lines", rule="not_listed", line=left[0].line))
    return tuple(listed)


def _cut(text: str) -> str:
    return f"{text[:MAX_REMOVED_CHARS]}… ({len(text)} characters)"
