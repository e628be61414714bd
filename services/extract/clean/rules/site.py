"""What is known of a source's lines before the article is read: its pack, and the furniture learned from its articles.

A learned line goes where no text of the article's own stands beyond it; only a fragment, and what people approved, goes
from between the paragraphs too. So a sentence that the source likes to repeat stays in its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from services.extract.clean.rules import packs
from services.extract.clean.rules.line_facts import Facts, Known
from services.extract.clean.rules.packs import from_packs
from services.extract.clean.rules.vocabulary import Phrase, phrase_of
from services.extract.clean.text.words import tokens

APPROVED = 1.0  # certainty of what people approved; what was only learned stays below
KEPT = Known(None, None)
_BY_PACK = Known("source_pack", None)

Furniture = Mapping[str, float]  # certainty, from 0 to 1, by key of line


def line_key(text: str) -> str | None:
    """Return what stands for a line whatever its case, digits and punctuation; None if it has no word of letters."""
    return key_of(tokens(text))


def key_of(found: Sequence[str]) -> str | None:
    """Return the same for the words of a line."""
    if not any(word.strip("#") for word in found):
        return None
    return blake2b(" ".join(found).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


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
            return KEPT
        removes = (
            found in self.lines
            or any(found[: len(phrase)] == phrase for phrase in self.starts)
            or any(_stands_in(phrase, found) for phrase in self.inside)
        )
        return _BY_PACK if removes else None


NO_RULES = SourceRules()


@from_packs
def rules_of(source: str | None) -> SourceRules:
    """Return what the users' packs say of a source."""
    pack = packs.of_source(source)
    if not pack:
        return NO_RULES
    remove = {kind: [phrase_of(text) for text in pack.get("remove", {}).get(kind, ())] for kind in packs.PHRASES}
    keep = frozenset(phrase_of(text) for text in pack.get("keep", {}).get("lines", ()))
    return SourceRules(frozenset(remove["lines"]), tuple(remove["starts"]), tuple(remove["inside"]), keep)


@dataclass(frozen=True)
class Site:
    """What is known of the site that an article comes from."""

    rules: SourceRules = NO_RULES
    furniture: Furniture = field(default_factory=dict)


ANY_SITE = Site()


def recognise(facts: Sequence[Facts], site: Site) -> list[Facts]:
    """Return the facts with what is known of each line; the pack counts most, then its role, then what was learned."""
    if site.rules is not NO_RULES:
        facts = [_by_pack(line, site.rules) for line in facts]
    return _learned(facts, site.furniture) if site.furniture else list(facts)


def _by_pack(line: Facts, rules: SourceRules) -> Facts:
    known = rules.known(line.line.text)
    return replace(line, role=None, caption=None, named=None, known=known) if known else line


def _learned(facts: Sequence[Facts], furniture: Furniture) -> list[Facts]:
    scores = [None if line.role or line.known else furniture.get(line_key(line.line.text) or "") for line in facts]
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
    return line.strong and not line.role and not line.furniture and line.copy_of is None


def _stands_in(phrase: Phrase, found: Phrase) -> bool:
    return any(found[at : at + len(phrase)] == phrase for at in range(len(found) - len(phrase) + 1))
