"""Title, byline, agency, dateline and captions, from the lines that were taken out and the first paragraph."""

from collections.abc import Iterator, Sequence

from services.extract.clean.rules.bylines import agency_in_byline, is_name
from services.extract.clean.rules.datelines import Dateline, dateline_of
from services.extract.clean.rules.decide import Decisions
from services.extract.clean.rules.line_facts import Facts
from shared.messages import Caption

_TITLE_WORDS = range(3, 31)
_LONG_TITLE = 5  # words; shorter lines above a heading name a section
UNNAMED = ("outside_body", "fragment", "model")  # rules that say where a line stands, not what it is
_CAPTION_WORDS = 40  # the line above a lone credit is its caption only if it is no longer


def first_kept(decided: Decisions) -> int:
    """Return where the article begins."""
    return next((index for index, rule in enumerate(decided) if rule is None), len(decided))


def found_title(facts: Sequence[Facts], decided: Decisions) -> int | None:
    """Return which line above the article is its heading: the first long one that is no sentence."""
    above = [index for index in range(first_kept(decided)) if decided[index] in UNNAMED and _may_be_title(facts[index])]
    return next((index for index in above if facts[index].words >= _LONG_TITLE), above[0] if above else None)


def _may_be_title(line: Facts) -> bool:
    return line.words in _TITLE_WORDS and not line.line.text.endswith(".") and "://" not in line.line.text


def found_byline(facts: Sequence[Facts], decided: Decisions) -> tuple[int, str] | None:
    """Return the line and the names of the first byline; a bare name counts above the article beside a date."""
    start = first_kept(decided)
    for index, line in enumerate(facts):
        if decided[index] == "byline" and line.named:
            return index, line.named
    for index in range(start):
        around = {decided[at] for at in (index - 1, index + 1) if 0 <= at < start}
        if decided[index] in UNNAMED and "date_line" in around and is_name(facts[index].line.text):
            return index, facts[index].line.text
    return None


def found_dateline(facts: Sequence[Facts], decided: Decisions) -> Dateline | None:
    """Return what stands before the first sentence of the article; a place alone counts only before a sentence."""
    first = facts[first_kept(decided)]
    dateline = dateline_of(first.line.text)
    return dateline if dateline and (dateline.agency or first.strong) else None


def found_agency(
    facts: Sequence[Facts], decided: Decisions, dateline: Dateline | None, byline: str | None
) -> str | None:
    """Return the agency: named in the dateline, in a line of its own, or in the byline."""
    if dateline and dateline.agency:
        return dateline.agency
    lines = (line.named for line, rule in zip(facts, decided, strict=True) if rule == "agency" and line.named)
    return next(lines, None) or (agency_in_byline(byline) if byline else None)


def captions(facts: Sequence[Facts], decided: Decisions) -> tuple[list[Caption], dict[int, str]]:
    """Return each caption once, and which further lines belong to captions: the text above a lone credit."""
    unique: dict[str, Caption] = {}
    claimed: dict[int, str] = {}
    for index, caption in _all_captions(facts, decided):
        text = caption.text
        if not text and index and _may_be_caption(facts[index - 1], decided[index - 1]):
            text = facts[index - 1].line.text
            claimed[index - 1] = "caption"
        known = unique.get(text.casefold())
        if text and (known is None or known.credit is None):
            unique[text.casefold()] = Caption(text=text, credit=caption.credit)
    return list(unique.values()), claimed


def _all_captions(facts: Sequence[Facts], decided: Decisions) -> Iterator[tuple[int, Caption]]:
    for index, line in enumerate(facts):
        if decided[index] == "caption" and line.caption:
            yield index, line.caption


def _may_be_caption(line: Facts, rule: str | None) -> bool:
    """Allow only what is not in the article anyway: a lone credit never pulls a paragraph out of it."""
    return rule in UNNAMED and line.words <= _CAPTION_WORDS
