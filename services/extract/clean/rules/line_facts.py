"""Facts about each line, by itself, about its copies and from its source; decisions are taken from these alone.

Of a source its rule pack is known, and the boilerplate learned from its articles. A learned line goes where no text of
the article's own stands beyond it; only a fragment, and what people approved, goes from between the paragraphs too. So
a sentence that the source likes to repeat stays where it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from services.extract.clean.rules.agencies import Agencies, Dateline, Signature, dateline_of, is_date_line, signature_of
from services.extract.clean.rules.bylines import byline_in
from services.extract.clean.rules.captions import Credits
from services.extract.clean.rules.packs import PHRASES, Pack, Packs
from services.extract.clean.rules.vocabulary import Cue, Phrase, Vocabulary, compiled, phrase_of
from services.extract.clean.text import Line, asks, count, ends_sentence, holds_sentences, tokens
from shared.messages import Caption

STRONG_WORDS = 8  # a line of so many words that ends a sentence is very likely part of an article
_PROSE_WORDS = 20  # so long a line is prose if a sentence ends inside it
_LONG_WORDS = 40  # so long a line is prose however it ends
_START_WEIGHT = 4  # a cue at the beginning counts as if it were so many words longer
_SHARE = 0.12  # of a line's words must be cues to make it boilerplate;
_SENTENCE_SHARE = 0.22  # more of a sentence,
_INSIDE_SHARE = 0.3  # and still more if it does not begin with one
_COPY_WORDS = 10  # shorter lines may rightly come twice, and questions of any length
_ASKING = frozenset({"promo", "comment_prompt", "share"})
_NAME_PARTS = re.compile(r"\s*[,;/&]\s*|\s+(?:and|und|et|y|e|i|en|och|og|ja|a|to|zu|und)\s+")
_FOLLOWING, _PARAGRAPH = 3, 40  # lines, and characters of one that is a paragraph
_LABEL = re.compile(r"\W*\w+\s?[:：]")
_TITLE_WORDS, _TITLE_SHARE = 4, 0.6

LearnedBoilerplate = Mapping[str, float]  # certainty, from 0 to 1, by key of line


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a line from elsewhere: the rule that takes it out, or None if it always stays."""

    rule: str | None
    score: float | None  # certainty from 0 to 1, of what was learned


APPROVED = 1.0  # certainty of what people approved; what was only learned stays below
ALWAYS_KEPT = Known(None, None)
_BY_PACK = Known("source_pack", None)


@dataclass(frozen=True)
class SourceRules:
    """The pack of a source, its phrases split into words."""

    lines: frozenset[Phrase] = frozenset()
    starts: tuple[Phrase, ...] = ()
    inside: tuple[Phrase, ...] = ()
    keep: frozenset[Phrase] = frozenset()

    def known(self, text: str) -> Known | None:
        found = tuple(tokens(text))
        if found in self.keep:
            return ALWAYS_KEPT
        removes = (
            found in self.lines
            or any(found[: len(phrase)] == phrase for phrase in self.starts)
            or any(_stands_in(phrase, found) for phrase in self.inside)
        )
        return _BY_PACK if removes else None


@dataclass(frozen=True)
class Rules:
    """All that is compiled from the rule packs; made once and passed, never changed."""

    vocabulary: Vocabulary
    agencies: Agencies
    credits: Credits
    sources: Mapping[str, SourceRules]

    @classmethod
    def of(cls, packs: Packs) -> "Rules":
        """Compile the packs; about 30 ms."""
        vocabulary, agencies = compiled(packs.languages), Agencies(packs.agencies)
        sources = {source: _source_rules(pack) for source, pack in packs.sources.items()}
        return cls(vocabulary, agencies, Credits(vocabulary, agencies), sources)


def _source_rules(pack: Pack) -> SourceRules:
    remove = {kind: [phrase_of(text) for text in pack.get("remove", {}).get(kind, ())] for kind in PHRASES}
    keep = frozenset(phrase_of(text) for text in pack.get("keep", {}).get("lines", ()))
    return SourceRules(frozenset(remove["lines"]), tuple(remove["starts"]), tuple(remove["inside"]), keep)


@dataclass(frozen=True, slots=True)
class Facts:
    """A line, and what is known of it."""

    line: Line
    tokens: Sequence[str]
    words: int
    ends: bool  # as a sentence ends
    strong: bool  # reads like a part of an article
    cues: tuple[Cue, ...] = ()
    cue_rule: str | None = None  # the rule whose vocabulary makes up enough of the line
    copy_of: int | None = None  # index of the first line that says the same
    role: str | None = None  # title, agency, caption, byline, date_line, separator
    caption: Caption | None = None
    named: str | None = None  # the agencies, or the names of the byline
    dateline: Dateline | None = None  # that it begins with
    signature: Signature | None = None  # that stood behind its text
    topic: bool = False  # a word or two that name a section of a site, and may head a part of an article
    known: Known | None = None  # it counts more than what the line itself says

    @property
    def boilerplate(self) -> str | None:
        """The rule by which the line is known or says itself to be no part of the article."""
        return self.known.rule if self.known else self.cue_rule

    @property
    def opens(self) -> bool:
        """Whether an article begins here: "CITY (AGENCY) -" and a sentence."""
        return self.strong and self.dateline is not None and self.dateline.agency is not None

    @property
    def question(self) -> bool:
        return asks(self.line.text)

    @property
    def names_nobody(self) -> bool:
        """Whether it begins as bylines do and goes on with no name of a person, as "By Train" does."""
        if self.role != "byline" or not self.named:
            return False
        return not any(is_person(part) for part in _NAME_PARTS.split(self.named))

    @property
    def doubtful(self) -> bool:
        """Whether a full sentence has only one short cue, so that it may as well speak of the thing as ask for it."""
        if len(self.cues) != 1 or self.cues[0].words * 2 >= self.words or self.known is not None:
            return False
        return self.strong and self.ends and not _LABEL.match(self.line.text)


def is_person(name: str) -> bool:
    """Tell whether a name has two words or more, and the first and the last of them have capitals."""
    words = name.split()
    return len(words) > 1 and words[0][0].isupper() and words[-1][0].isupper()


def describe(lines: Sequence[Line], title: str | None, rules: Rules) -> list[Facts]:
    """Return the facts of each line, in order."""
    wanted = tokens(title or "")
    seen: dict[str, int] = {}
    facts = []
    signatures = _signatures(lines, rules)
    for index, (line, signature) in enumerate(zip(lines, signatures, strict=True)):
        if signature:
            line = replace(line, text=line.text.removesuffix(signature.text).rstrip())  # noqa: PLW2901 - without it
        found = tokens(line.text)
        words = count(line.text, len(found))
        copied = words >= _COPY_WORDS and not asks(line.text)
        first = seen.setdefault(line.text.casefold(), index) if copied else index
        facts.append(_one(line, found, words, wanted, first if first < index else None, rules, signature))
    return facts


def _signatures(lines: Sequence[Line], rules: Rules) -> list[Signature | None]:
    """Return what each line is signed with; a bare agency credits a picture where a paragraph follows."""
    found = [signature_of(line.text, rules.agencies, rules.vocabulary) for line in lines]
    return [
        None
        if signature
        and signature.text[0].isalnum()
        and any(
            len(line.text) >= _PARAGRAPH and ends_sentence(line.text)
            for line in lines[index + 1 : index + 1 + _FOLLOWING]
        )
        else signature
        for index, signature in enumerate(found)
    ]


def _one(  # noqa: PLR0913, PLR0917 - one call for each line
    line: Line,
    found: list[str],
    words: int,
    title: list[str],
    copy_of: int | None,
    rules: Rules,
    signature: Signature | None,
) -> Facts:
    text = line.text
    ends, cues = ends_sentence(text), rules.vocabulary.cues(found)
    if cues and ends and cues[0].whole_line and cues[0].rule == "navigation":
        cues = ()  # "No." is an answer: what can be clicked has no full stop
    topic = tuple(found) in rules.vocabulary.sections or text in rules.agencies.words
    role, caption, named = _role(line, found, title, rules, ends=ends)
    strong, cue_rule = _is_strong(text, words, ends), _cue_rule(text, words, ends, cues)
    dateline = dateline_of(text, found, rules.agencies)
    return Facts(
        line, found, words, ends, strong, cues, cue_rule, copy_of, role, caption, named, dateline, signature, topic
    )


def _is_strong(text: str, words: int, ends: bool) -> bool:
    if ends and words >= STRONG_WORDS:
        return True
    return words >= _LONG_WORDS or (words >= _PROSE_WORDS and holds_sentences(text))


def _cue_rule(text: str, words: int, ends: bool, cues: Sequence[Cue]) -> str | None:
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


def _role(
    line: Line, found: list[str], title: list[str], rules: Rules, *, ends: bool
) -> tuple[str | None, Caption | None, str | None]:
    """Return what a line is beside the text, its caption, and the agencies or authors it names."""
    if not found:
        return "separator", None, None
    if is_title(found, title):
        return "title", None, None
    if rules.agencies.may_be_in(found) and (agency := rules.agencies.named_by(line.text)):
        return "agency", None, agency
    if caption := rules.credits.caption_in(line.text, found) or (Caption(text=line.text) if line.caption else None):
        return "caption", caption, None
    if byline := byline_in(line.text, found, rules.vocabulary):
        return "byline", None, byline
    return ("date_line" if not ends and is_date_line(found, rules.vocabulary) else None), None, None


def is_title(found: Sequence[str], title: Sequence[str]) -> bool:
    """Tell whether a line says the title, perhaps cut off or with the name of the site."""
    if not title or not found:
        return False
    short, long = sorted((list(found), list(title)), key=len)
    if len(short) < _TITLE_WORDS or len(short) < _TITLE_SHARE * len(long):
        return short == long
    return long[: len(short)] == short or long[-len(short) :] == short


def line_key(text: str) -> str | None:
    """Return what stands for a line whatever its case, digits and punctuation; None if it has no word of letters."""
    return key_of(tokens(text))


def key_of(found: Sequence[str]) -> str | None:
    """Return the same for the words of a line."""
    if not any(word.strip("#") for word in found):
        return None
    return blake2b(" ".join(found).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def recognise(facts: Sequence[Facts], pack: SourceRules | None, learned: LearnedBoilerplate) -> list[Facts]:
    """Return the facts with what is known of each line; the pack counts most, then its role, then what was learned."""
    if pack is not None:
        facts = [_by_pack(line, pack) for line in facts]
    return _learned(facts, learned) if learned else list(facts)


def _by_pack(line: Facts, rules: SourceRules) -> Facts:
    known = rules.known(line.line.text)
    return replace(line, role=None, caption=None, named=None, known=known) if known else line


def _learned(facts: Sequence[Facts], learned: LearnedBoilerplate) -> list[Facts]:
    scores = [None if line.role or line.known else learned.get(line_key(line.line.text) or "") for line in facts]
    own = [index for index, line in enumerate(facts) if scores[index] is None and is_own_text(line)]
    if not own:
        return list(facts)  # what was learned never empties an article
    within = range(own[0], own[-1])
    return [
        replace(line, known=Known("furniture", score))
        if score is not None and (score >= APPROVED or not line.ends or index not in within)
        else line
        for index, (line, score) in enumerate(zip(facts, scores, strict=True))
    ]


def is_own_text(line: Facts) -> bool:
    """Tell whether a line reads like text of this one article."""
    return line.strong and not line.role and not line.boilerplate and line.copy_of is None


def _stands_in(phrase: Phrase, found: Phrase) -> bool:
    return any(found[at : at + len(phrase)] == phrase for at in range(len(found) - len(phrase) + 1))
