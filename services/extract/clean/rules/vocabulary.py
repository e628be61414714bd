"""The vocabulary of boilerplate, bylines, captions and dates in all languages at once, compiled from the rule packs."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from services.extract.clean.rules.packs import BOILERPLATE_RULES, GAP, Pack
from services.extract.clean.text import tokens

_LOOK_AT = 80  # words; what a long line says after these no longer makes it boilerplate

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase of the vocabulary found in a line."""

    rule: str
    words: int
    at_start: bool = False
    whole_line: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """All languages at once: the language of a line is not known when it is read."""

    lines: dict[Phrase, str] = field(default_factory=dict)
    starts: dict[str, list[tuple[Phrase, str]]] = field(default_factory=dict)
    inside: dict[str, list[tuple[Phrase, str]]] = field(default_factory=dict)
    credit: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    byline: dict[str, tuple[Phrase, ...]] = field(default_factory=dict)  # by first word, longest first
    roles: frozenset[str] = frozenset()
    joins: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    sections: frozenset[Phrase] = frozenset()  # of a site, that also head a part of an article
    gapped: dict[str, list[tuple[Phrase, Phrase, str]]] = field(default_factory=dict)  # by first word
    second: dict[str, frozenset[str]] = field(
        default_factory=dict
    )  # words of ``inside``, "" for no other, by the first

    def cues(self, found: Sequence[str]) -> tuple[Cue, ...]:
        """Return what the words of a line say about it, the strongest first."""
        words = tuple(found)
        whole = self.lines.get(words)
        if whole is not None:
            return (Cue(whole, len(words), at_start=True, whole_line=True),)
        for begin_phrase, inner, rule in self.gapped.get(words[0], ()) if words else ():
            size = len(begin_phrase)
            if words[:size] == begin_phrase and _stands_in(inner, words[size:]):
                return (Cue(rule, len(words), at_start=True, whole_line=True),)
        cues = []
        if words and (said := _said(self.starts.get(words[0], ()), words, 0)):
            cues.append(Cue(said[1], len(said[0]), at_start=True))
        begin = cues[0].words if cues else 0
        for position, word in enumerate(words[begin:_LOOK_AT], begin):
            if word not in self.second or self.second[word].isdisjoint(("", *words[position + 1 : position + 2])):
                continue  # most of these words go on otherwise
            if said := _said(self.inside[word], words, position):
                cues.append(Cue(said[1], len(said[0])))
        return tuple(cues)


def _stands_in(phrase: Phrase, words: Phrase) -> bool:
    return any(words[at : at + len(phrase)] == phrase for at in range(len(words) - len(phrase) + 1))


def _said(phrases: Iterable[tuple[Phrase, str]], words: Phrase, position: int) -> tuple[Phrase, str] | None:
    """Return the first of these phrases, the longest first, that stands at this position, and its rule."""
    for phrase, rule in phrases:
        if words[position : position + len(phrase)] == phrase:
            return phrase, rule
    return None


def compiled(packs: Sequence[Pack]) -> Vocabulary:
    """Return the vocabulary of the packs of all languages; of two that give a line a rule, the first counts."""
    made = Vocabulary()
    lists: dict[str, set[str]] = {}
    off = {phrase_of(text) for pack in packs for text in pack.get("off", {}).get("phrases", ())}
    for pack in packs:
        _add(made, lists, pack, off)
    for index in (made.starts, made.inside):
        for phrases in index.values():
            phrases.sort(key=lambda entry: -len(entry[0]))
    byline = {tuple(tokens(text)) for text in lists["byline.starts"]}
    return Vocabulary(
        made.lines,
        made.starts,
        made.inside,
        credit=_longest_first(lists["caption.credit"]),
        marks=_longest_first(lists["caption.mark"]),
        byline={
            first: tuple(sorted(phrases, key=len, reverse=True))
            for first, phrases in groupby(sorted(byline), key=itemgetter(0))
        },
        roles=frozenset(lists["byline.roles"]),
        joins=frozenset(lists["byline.and"]),
        dates=frozenset(word for text in lists["date_line.words"] for word in tokens(text)),
        sections=frozenset(phrase_of(text) for text in lists["section.names"]),
        gapped=made.gapped,
        second={
            first: frozenset("".join(phrase[1:2]) for phrase, _ in phrases) for first, phrases in made.inside.items()
        },
    )


def _add(made: Vocabulary, lists: dict[str, set[str]], language: Pack, off: AbstractSet[Phrase]) -> None:
    for rule in BOILERPLATE_RULES:
        found = language.get(rule, {})
        entries = {
            kind: [phrase for text in texts if GAP not in text and (phrase := phrase_of(text)) not in off]
            for kind, texts in found.items()
        }
        for first, inner in (text.split(GAP, 1) for text in found.get("starts", ()) if GAP in text):
            begins = phrase_of(first)
            made.gapped.setdefault(begins[0], []).append((begins, phrase_of(inner), rule))
        for phrase in entries.get("lines", ()):
            made.lines.setdefault(phrase, rule)
        for kind, index in (("starts", made.starts), ("inside", made.inside)):
            for phrase in entries.get(kind, ()):
                index.setdefault(phrase[0], []).append((phrase, rule))
    for rule in ("byline", "caption", "date_line", "section"):
        for kind, texts in language.get(rule, {}).items():
            lists.setdefault(f"{rule}.{kind}", set()).update(texts)


def phrase_of(text: str) -> Phrase:
    """Return the words of an entry, as they are compared with those of a line."""
    return tuple(tokens(text.replace("#", "0")))  # tokens() makes # of every number, and nothing of the sign itself


def _longest_first(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))
