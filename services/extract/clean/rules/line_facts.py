"""What can be said about each line by itself and about its copies; decisions are taken from these facts alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.extract.clean.rules.agencies import agencies_in
from services.extract.clean.rules.bylines import byline_in
from services.extract.clean.rules.captions import caption_in
from services.extract.clean.rules.datelines import is_date_line
from services.extract.clean.rules.vocabulary import Cue, vocabulary
from services.extract.clean.text.lines import Line
from services.extract.clean.text.words import count, ends_sentence, holds_sentences, tokens
from shared.messages import Caption

STRONG_WORDS = 8  # a line of so many words that ends a sentence is very likely part of an article
_PROSE_WORDS = 20  # so long a line is prose if a sentence ends inside it
_LONG_WORDS = 40  # so long a line is prose however it ends
_START_WEIGHT = 4  # a cue at the beginning counts as if it were so many words longer
_SHARE = 0.12  # of a line's words must be cues to make it furniture;
_SENTENCE_SHARE = 0.22  # more of a sentence,
_INSIDE_SHARE = 0.3  # and still more if it does not begin with one
_COPY_WORDS = 10  # shorter lines may rightly come twice, such as a question in an interview
_ASKING = frozenset({"promo", "comment_prompt", "share"})
_LABEL = re.compile(r"\W*\w+\s?[:：]")  # noqa: RUF001 - the colon of Chinese and Japanese is meant
_TITLE_WORDS, _TITLE_SHARE = 4, 0.6


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a line from elsewhere: the rule that takes it out, or None if it always stays."""

    rule: str | None
    score: float | None  # certainty from 0 to 1, of what was learned


@dataclass(frozen=True, slots=True)
class Facts:
    """A line, and what is known of it."""

    line: Line
    tokens: Sequence[str]
    words: int
    ends: bool  # as a sentence ends
    strong: bool  # reads like a part of an article
    cues: tuple[Cue, ...] = ()
    says: str | None = None  # the rule whose vocabulary makes up enough of the line
    copy_of: int | None = None  # index of the first line that says the same
    role: str | None = None  # title, agency, caption, byline, date_line, separator
    caption: Caption | None = None
    named: str | None = None  # the agencies, or the names of the byline
    known: Known | None = None  # it counts more than what the line itself says

    @property
    def furniture(self) -> str | None:
        """The rule by which the line is known or says itself to be no part of the article."""
        return self.known.rule if self.known else self.says

    @property
    def doubtful(self) -> bool:
        """Whether a full sentence has only one short cue, so that it may as well speak of the thing as ask for it."""
        if len(self.cues) != 1 or self.cues[0].words * 2 >= self.words or self.known is not None:
            return False
        return self.strong and self.ends and not _LABEL.match(self.line.text)


def describe(lines: Sequence[Line], title: str | None) -> list[Facts]:
    """Return the facts of each line, in order."""
    wanted = tokens(title or "")
    seen: dict[str, int] = {}
    facts = []
    for index, line in enumerate(lines):
        found = tokens(line.text)
        words = count(line.text, len(found))
        first = seen.setdefault(line.text.casefold(), index) if words >= _COPY_WORDS else index
        facts.append(_one(line, found, words, wanted, first if first < index else None))
    return facts


def _one(line: Line, found: list[str], words: int, title: list[str], copy_of: int | None) -> Facts:
    text = line.text
    ends, cues = ends_sentence(text), vocabulary().cues(found)
    role, caption, named = _role(line, found, title, ends)
    strong, says = _is_strong(text, words, ends), _says(text, words, ends, cues)
    return Facts(line, found, words, ends, strong, cues, says, copy_of, role, caption, named)


def _is_strong(text: str, words: int, ends: bool) -> bool:
    if ends and words >= STRONG_WORDS:
        return True
    return words >= _LONG_WORDS or (words >= _PROSE_WORDS and holds_sentences(text))


def _says(text: str, words: int, ends: bool, cues: Sequence[Cue]) -> str | None:
    if not cues or cues[0].whole_line:
        return cues[0].rule if cues else None
    said = [cue for cue in cues if cue.words > 1 or _counts(cue, text, ends)]
    begins = any(cue.at_start for cue in said)
    needed = _SHARE if not ends else _SENTENCE_SHARE if begins else _INSIDE_SHARE
    weight = sum(cue.words for cue in said) + _START_WEIGHT * begins
    return said[0].rule if said and weight >= needed * words else None


def _counts(cue: Cue, text: str, ends: bool) -> bool:
    """A single word counts as a label, "Watch: ..."; without a colon only where it asks for something."""
    return _LABEL.match(text) is not None or (cue.rule in _ASKING and not ends)


def _role(line: Line, found: list[str], title: list[str], ends: bool) -> tuple[str | None, Caption | None, str | None]:
    """Return what a line is beside the text, its caption, and the agencies or authors it names."""
    if not found:
        return "separator", None, None
    if is_title(found, title):
        return "title", None, None
    if agency := agencies_in(line.text):
        return "agency", None, agency
    if caption := caption_in(line.text, found) or (Caption(text=line.text) if line.caption else None):
        return "caption", caption, None
    if byline := byline_in(line.text, found):
        return "byline", None, byline
    return ("date_line" if not ends and is_date_line(found) else None), None, None


def is_title(found: Sequence[str], title: Sequence[str]) -> bool:
    """Tell whether a line says the title, perhaps cut off or with the name of the site."""
    if not title or not found:
        return False
    short, long = sorted((list(found), list(title)), key=len)
    if len(short) < _TITLE_WORDS or len(short) < _TITLE_SHARE * len(long):
        return short == long
    return long[: len(short)] == short or long[-len(short) :] == short
