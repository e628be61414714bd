"""Assemble the clean article from judged lines: paragraphs, captions, the metadata that lines carry, removed lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.extract.clean.rules.agencies import Dateline
from services.extract.clean.rules.bylines import agency_in_byline, is_name
from services.extract.clean.rules.line_decisions import Decisions, LineDecision, by_line
from services.extract.clean.rules.line_facts import Facts, Rules
from shared.errors import Reason, Rejected
from shared.messages import Caption, Removed

MAX_CHARACTERS = 500_000  # of clean text, a whole book; the model needs some seconds for it
MAX_REMOVED = 1000  # entries and
MAX_REMOVED_CHARS = 1000  # characters of each: what is removed may not outgrow the message that carries it
_TITLE_WORDS = range(3, 31)
_LONG_TITLE = 5  # words; shorter lines above a heading name a section
_CAPTION_WORDS = 40  # the line above a lone credit is its caption only if it is no longer


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
    line_numbers: tuple[int, ...] = field(default=(), compare=False)  # of the line that each paragraph begins with


def assembled(facts: Sequence[Facts], decisions: Decisions, title: str | None, rules: Rules) -> CleanArticle:
    """Return the article of the lines that are kept; all that is removed is listed, however much it is.

    Raise ``Rejected`` where no line is kept, or too much text.
    """
    decided = list(decisions)
    first = next((index for index, line in enumerate(decided) if line.rule is None), None)
    if first is None:
        raise Rejected(Reason.NO_ARTICLE_TEXT, f"no line of {len(facts)} reads like a part of an article")
    captions, claimed = _captions(facts, decided)
    for index in claimed:
        decided[index] = by_line("caption")
    heading = None if title else _title_line(facts, decided, first)
    if heading is not None:
        title, decided[heading] = facts[heading].line.text, by_line("title")
    byline = _byline(facts, decided, first)
    if byline:
        decided[byline[0]] = by_line("byline")
    dateline, names = _dateline(facts[first]), byline[1] if byline else None
    lead = dateline.text if dateline else ""
    kept = [facts[index].line for index, line in enumerate(decided) if line.rule is None]
    paragraphs = (kept[0].text[len(lead) :].lstrip(), *(line.text for line in kept[1:]))
    _check_length(paragraphs)
    return CleanArticle(
        title=title,
        byline=names,
        agency=_agency(facts, decided, dateline)
        or (agency_in_byline(names, rules.vocabulary, rules.agencies) if names else None),
        dateline=dateline.place if dateline else None,
        paragraphs=paragraphs,
        captions=tuple(captions),
        removed=tuple(_removed(facts, decided, first, lead)),
        line_numbers=tuple(line.number for line in kept),
    )


def _title_line(facts: Sequence[Facts], decided: Decisions, first: int) -> int | None:
    """Return which line above the article is its heading: the first long one that is no sentence."""
    above = [index for index in range(first) if decided[index].by_position and _may_be_title(facts[index])]
    return next((index for index in above if facts[index].words >= _LONG_TITLE), above[0] if above else None)


def _may_be_title(line: Facts) -> bool:
    return line.words in _TITLE_WORDS and not line.line.text.endswith(".") and "://" not in line.line.text


def _byline(facts: Sequence[Facts], decided: Decisions, first: int) -> tuple[int, str] | None:
    """Return the line and the names of the first byline; a bare name counts above the article beside a date."""
    for index, line in enumerate(facts):
        if decided[index].rule == "byline" and line.named:
            return index, line.named
    for index in range(first):
        around = {decided[at].rule for at in (index - 1, index + 1) if 0 <= at < first}
        if decided[index].by_position and "date_line" in around and is_name(facts[index].line.text):
            return index, facts[index].line.text
    return None


def _dateline(first: Facts) -> Dateline | None:
    """Return what stands before the first sentence of the article; a place alone counts only before a sentence."""
    dateline = first.dateline
    return dateline if dateline and (dateline.agency or first.strong) else None


def _agency(facts: Sequence[Facts], decided: Decisions, dateline: Dateline | None) -> str | None:
    """Return the agency that the dateline or a line of its own names."""
    if dateline and dateline.agency:
        return dateline.agency
    for line, decision in zip(facts, decided, strict=True):
        if decision.rule == "agency" and line.named:
            return line.named
    signed = (line.signature for line, decision in zip(facts, decided, strict=True) if decision.rule is None)
    return next((signature.agency for signature in signed if signature and signature.agency), None)


def _captions(facts: Sequence[Facts], decided: Decisions) -> tuple[list[Caption], list[int]]:
    """Return each caption once, and which further lines belong to captions: the text above a lone credit."""
    unique: dict[str, Caption] = {}
    claimed: list[int] = []
    for index, caption in _all_captions(facts, decided):
        text = caption.text
        if not text and index and _may_be_caption(facts[index - 1], decided[index - 1]):
            text = facts[index - 1].line.text
            claimed.append(index - 1)
        known = unique.get(text.casefold())
        if text and (known is None or known.credit is None):
            unique[text.casefold()] = Caption(text=text, credit=caption.credit)
    return list(unique.values()), claimed


def _all_captions(facts: Sequence[Facts], decided: Decisions) -> Iterator[tuple[int, Caption]]:
    for index, line in enumerate(facts):
        if decided[index].rule == "caption" and line.caption:
            yield index, line.caption


def _may_be_caption(line: Facts, decision: LineDecision) -> bool:
    """Allow only what is not in the article anyway: a lone credit never pulls a paragraph out of it."""
    return decision.by_position and line.words <= _CAPTION_WORDS


def _check_length(paragraphs: Sequence[str]) -> None:
    characters = sum(map(len, paragraphs))
    if characters > MAX_CHARACTERS:
        raise Rejected(Reason.TOO_LARGE, f"the text has {characters} characters, at most {MAX_CHARACTERS} are read")


def _removed(facts: Sequence[Facts], decided: Decisions, first: int, dateline: str) -> list[Removed]:
    """List the lines that are removed, and of those that are kept the dateline and what they are signed with."""
    taken = [(first, dateline, by_line("dateline"))] if dateline else []
    for index, (line, decision) in enumerate(zip(facts, decided, strict=True)):
        signature = line.signature
        if decision.rule:
            taken.append((index, f"{line.line.text} {signature.text}" if signature else line.line.text, decision))
        elif signature:
            taken.append((index, signature.text, by_line(signature.rule)))
    taken.sort(key=lambda entry: entry[0])
    return [
        Removed(text=text, rule=decision.rule or "", line=facts[index].line.number, score=decision.score)
        for index, text, decision in taken
    ]


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
