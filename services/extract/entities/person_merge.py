"""Joins surnames, first names, initials and misspellings to the person of the article whom they mean."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from services.extract.entities.names import PersonName, gender, is_misspelling
from services.extract.entities.spans import UnionFind

_LONGEST_SURNAME = 4  # words: "Berg", "van den Berg", "de la Cruz Romero"
_PARTICLES = 4  # letters of a word inside a name that may be a particle (van, de, bint) and no name
_KIN = re.compile(
    r"\b(?:(wife|daughter|mother|sister|widow|aunt|niece|girlfriend|actress)"
    r"|(husband|son|father|brother|widower|uncle|nephew|boyfriend)),? (?:[A-Z][\w.]* )?$"
)
_PRONOUN = re.compile(r"[^.!?\n]{0,60}?\b(?:(she|her|herself)|(he|his|him|himself))\b", re.IGNORECASE)
_EXPLICIT, _RELATED, _NEAR = 4, 3, 1  # how much a title, a word of kinship, and a pronoun or the nearest name weigh

Shared = dict[str, frozenset[str]]  # keys of which several persons of the article may be meant


class Mention(NamedTuple):
    """Where a person is named, in code points, and as what."""

    start: int
    end: int
    key: str
    name: PersonName


def join_persons(persons: Mapping[str, PersonName], counts: Mapping[str, int], groups: UnionFind) -> Shared:
    """Join all names of one person; return those that several persons of the article share."""
    _join_regnal_names(persons, groups)
    full = {key: name for key, name in persons.items() if len(name.words) > 1}
    shared = join_full_names(full, groups)
    _join_initials_and_misspellings(full, counts, groups)
    shared |= join_surnames(persons, counts, groups)
    return shared


def join_full_names(full: Mapping[str, PersonName], groups: UnionFind) -> Shared:
    """Join names with the same first and last word, unless their middle names or Jr. and Sr. contradict each other."""
    by_ends: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for key, name in full.items():
        by_ends[name.words[0], name.words[-1]].append(key)
    shared: Shared = {}
    for (first, last), keys in by_ends.items():
        different: list[str] = []
        plain = [key for key in keys if len(full[key].words) == 2 and not full[key].generation]  # noqa: PLR2004
        for key in keys:
            if key in plain:
                continue
            if same := next((other for other in different if _agree(full[key], full[other])), None):
                groups.join(key, same)
            else:
                different.append(key)
        for key in plain:
            if len(different) == 1:
                groups.join(key, different[0])
            elif different:
                shared[key] = frozenset(groups.find(other) for other in different)
        if (turned := by_ends.get((last, first))) and len(keys) == len(turned) == len(plain) == 1:
            groups.join(keys[0], turned[0])  # the order of Hungarian and Chinese
    return shared


def _join_regnal_names(persons: Mapping[str, PersonName], groups: UnionFind) -> None:
    """Join King Charles and Charles III, as long as no other number stands in the article."""
    by_word: defaultdict[str, list[str]] = defaultdict(list)
    for key, name in persons.items():
        if name.is_regnal:
            by_word[name.words[0]].append(key)
    for keys in by_word.values():
        if len({persons[key].generation for key in keys} - {""}) <= 1:
            for key in keys[1:]:
                groups.join(key, keys[0])


def _agree(name: PersonName, other: PersonName) -> bool:
    """Whether one may leave out what the other has, and neither has what the other contradicts."""
    if name.generation and other.generation and name.generation != other.generation:
        return False
    middles = zip_longest(name.words[1:-1], other.words[1:-1])
    return all(a is None or b is None or a == b or (a[0] == b[0] and 1 in (len(a), len(b))) for a, b in middles)


def _join_initials_and_misspellings(
    full: Mapping[str, PersonName], counts: Mapping[str, int], groups: UnionFind
) -> None:
    """Join an initial to the only first name it can stand for, and a misspelt surname to the right one."""
    by_word: defaultdict[str, list[str]] = defaultdict(list)
    for key, name in full.items():
        for word in {name.words[0], name.words[-1]}:
            by_word[word].append(key)
    for key, name in full.items():
        if not groups.is_root(key):
            continue
        near = {
            other
            for word in (name.words[0], name.words[-1])
            for other in by_word[word]
            if _are_alike(name, full[other], min(counts[key], counts[other]))
        }
        owners = {groups.find(other) for other in near} - {key}
        if len(owners) == 1:
            groups.join(key, owners.pop())


def _are_alike(name: PersonName, other: PersonName, times: int) -> bool:
    """Compare first and last names; what stands twice or more on both sides is no misspelling."""
    (first, *_, last), (other_first, *_, other_last) = name.words, other.words
    if not _agree(name, other):
        return False
    if last == other_last:
        return len(first) == 1 < len(other_first) and other_first[0] == first
    return first == other_first and times == 1 and is_misspelling(last, other_last)


def join_surnames(persons: Mapping[str, PersonName], counts: Mapping[str, int], groups: UnionFind) -> Shared:
    """Join surnames, else first names, nicknames and middle names, to their person; return the shared ones."""
    parts = NameParts(persons)
    shared: Shared = {}
    for key, name in persons.items():
        if name.is_regnal or name.generation or len(name.words) > _LONGEST_SURNAME or not groups.is_root(key):
            continue
        owners = {groups.find(other) for other in parts.owners(key, name, counts)} - {key}
        if len(owners) == 1:
            groups.join(key, owners.pop())
        elif owners:
            shared[key] = frozenset(owners)
    return shared


class NameParts:
    """Index of the full names of an article by the parts that stand for them."""

    def __init__(self, persons: Mapping[str, PersonName]) -> None:
        self._surnames: defaultdict[str, list[str]] = defaultdict(list)
        self._first: defaultdict[str, list[str]] = defaultdict(list)
        self._inner: defaultdict[str, list[str]] = defaultdict(list)
        for key, name in persons.items():
            if name.is_regnal:
                self._first[name.words[0]].append(key)
                continue
            self._add(key, name.words, is_family_first=name.is_family_first)
            if name.nickname:
                self._inner[name.nickname].append(key)

    def _add(self, key: str, words: Sequence[str], *, is_family_first: bool) -> None:
        if len(words) == 1:
            return
        self._first[words[0]].append(key)
        last = [" ".join(words[-size:]) for size in range(1, min(len(words) - 1, _LONGEST_SURNAME) + 1)]
        if is_family_first:
            self._surnames[words[0]].append(key)
            for part in last:
                self._first[part].append(key)
            return
        for part in last:
            self._surnames[part].append(key)
        for size in range(2, len(words)):
            self._inner[" ".join(words[:size])].append(key)  # without the second of two surnames
        for word in words[1:-1]:
            if len(word) >= _PARTICLES:
                self._inner[word].append(key)

    def owners(self, key: str, name: PersonName, counts: Mapping[str, int]) -> Iterable[str]:
        """Return the keys of the full names that the short one may stand for."""
        short = " ".join(name.words)
        if found := self._surnames.get(short) or self._first.get(short) or self._inner.get(short):
            return found
        if name.title or counts[key] > 1:
            return ()  # written with a title or more than once it is meant as it stands
        return [full for last, keys in self._surnames.items() if is_misspelling(short, last) for full in keys]


def titled_owners(
    text: str, mentions: Sequence[Mention], shared: Mapping[str, frozenset[str]], groups: UnionFind
) -> Mapping[int, frozenset[str]]:
    """Return, by start, who may be meant where a short name has a title: Mr. and Mrs. Quill are two persons.

    A title belongs first to those who bear it with their full name. What Mr. and Mrs. tell is compared with the titles
    of the full name, with words of kinship before it, and with the pronouns and the short names that follow it. An
    empty set says that it is somebody else.
    """
    short = [one for one in mentions if len(one.name.words) == 1 and one.name.title and not one.name.is_regnal]
    if not short:
        return {}
    full = [one for one in mentions if len(one.name.words) > 1]
    bearers: defaultdict[str, set[str]] = defaultdict(set)
    for one in full:
        if one.name.title:
            bearers[one.name.title].add(groups.find(one.key))
    genders = _genders(text, full, short, shared, groups) if any(gender(one.name.title) for one in short) else {}
    chosen = {}
    for one in short:
        owners = shared.get(groups.find(one.key)) or frozenset({groups.find(one.key)})
        told = gender(one.name.title)
        fitting = frozenset(owner for owner in owners if not told or genders.get(owner, told) == told)
        if told:
            fitting = frozenset(owner for owner in fitting if owner in genders) or fitting
        chosen[one.start] = (fitting & bearers[one.name.title]) or fitting
    return chosen


def _genders(
    text: str,
    full: Sequence[Mention],
    short: Sequence[Mention],
    shared: Mapping[str, frozenset[str]],
    groups: UnionFind,
) -> dict[str, str]:
    weights: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in full:
        for told, weight in _hints(text, one):
            weights[groups.find(one.key)][told] += weight
    for one in short:
        if told := gender(one.name.title):
            owners = shared.get(groups.find(one.key)) or {groups.find(one.key)}
            before = [groups.find(other.key) for other in full if other.start < one.start]
            if nearest := next((owner for owner in reversed(before) if owner in owners), None):
                weights[nearest][told] += _NEAR
    return {owner: max(found, key=found.__getitem__) for owner, found in weights.items() if found["m"] != found["f"]}


def _hints(text: str, mention: Mention) -> Iterator[tuple[str, int]]:
    if told := gender(mention.name.title):
        yield told, _EXPLICIT
    if kin := _KIN.search(text, max(0, mention.start - 40), mention.start):
        yield "f" if kin[1] else "m", _RELATED
    if pronoun := _PRONOUN.match(text, mention.end):
        yield "f" if pronoun[1] else "m", _NEAR
