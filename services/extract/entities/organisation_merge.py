"""Joins acronyms and shortened names to the organisation, event, place or work they stand for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from services.extract.entities.aliases import Entry
from services.extract.entities.names import PLACES, acronyms_of, fold, is_acronym, is_country_acronym
from services.extract.entities.spans import Span, UnionFind

# names of these labels may be shortened; between two of different kinds it is another thing: Apple, Apple Watch
_KINDS: Mapping[str, str] = MappingProxyType(
    {"ORG": "organisation", "FAC": "organisation", "EVENT": "organisation"}
    | {"PRODUCT": "product", "WORK_OF_ART": "work", "LAW": "law"}
)
_SHORTEST_WORD = 4  # letters from which a word with one capital may be an acronym: Nasa
# what a name may be called by itself: the Army is not the Salvation Army, the Supreme Court not that of Wisconsin
_HEADS_WORDS = """
academy administration alliance army assembly bank bench board bureau cabinet center centre chamber city club
college commission committee company conference corporation council court department division federation force
forces fund government group guard hospital house institution league legislature library ministry museum navy office
organisation organization parliament party police press school senate service team treasury trust union university
akademie amt armee bund bundestag gericht gesellschaft kirche landtag ministerium parlament partei polizei rat
regierung schule senat stadt universität verband verein armée assemblée conseil cour église gouvernement mairie
ministère parlement parti sénat tribunal université ayuntamiento congreso consejo corte gobierno iglesia ministerio
parlamento partido senado tribunal universidad camera comune consiglio governo ministero partito senato università
"""
_HEADS = frozenset(_HEADS_WORDS.split())
_MODIFIERS_WORDS = """
air and appeal appeals armed central city county district federal general high international local lower municipal
national new of old people's public regional royal supreme the town united upper
"""
_MODIFIERS = frozenset(_MODIFIERS_WORDS.split())


class Name(NamedTuple):
    """All mentions with the same key: certainly one entity, or as good as."""

    key: str
    label: str
    form: str  # the first one used
    entry: Entry | None = None  # of the alias file, if the name stands there as it is written


def join_declared_acronyms(text: str, spans: Sequence[Span], keys: Sequence[str], groups: UnionFind) -> None:
    """Join what the writer himself declares to be the same: Name (ABC)."""
    for (before, key), (short, short_key) in pairwise(zip(spans, keys, strict=True)):
        declared = text[before.end : short.start].rstrip("\"'“") == " (" and ")" in text[short.end : short.end + 2]
        if not declared or not groups.is_root(short_key):
            continue
        form = text[short.start : short.end]
        alike = form[0] == text[before.start].upper() or before.label == short.label == "ORG"  # it may be translated
        if (is_acronym(form) and alike and not is_country_acronym(form)) or stands_for(
            form, text[before.start : before.end]
        ):
            groups.join(short_key, key)


def stands_for(form: str, name: str) -> bool:
    """Whether a word of four letters or more, written like a name, is the acronym of the other: Nasa."""
    return len(form) >= _SHORTEST_WORD and form.isalpha() and form.istitle() and form.upper() in acronyms_of(name)


def join_acronyms(names: Sequence[Name], groups: UnionFind) -> None:
    """Join capitals to the name they are the initials of; those of a country mean the country."""
    others = [name for name in names if name.label != "PERSON"]
    short = [name for name in others if groups.is_root(name.key) and name.entry is None and _may_be_acronym(name)]
    if not short:
        return
    full: dict[str, Name] = {}
    places: dict[str, Name] = {}
    for name in others:
        for acronym in acronyms_of(name.form) if " " in name.form or "-" in name.form else ():
            full.setdefault(acronym, name)
            if name.label in PLACES:
                places.setdefault(acronym, name)
    for name in short:
        form = name.form.replace(".", "")
        meant = places if is_country_acronym(name.form) else full
        if other := meant.get(form if is_acronym(form) else form.upper()):
            groups.join(name.key, other.key)


def _may_be_acronym(name: Name) -> bool:
    if is_acronym(name.form):
        return True
    return name.label == "ORG" and len(name.form) >= _SHORTEST_WORD and name.form.isalpha()


def is_bare_head(key: str) -> bool:
    """Whether a folded name has only words that many organisations have: Army, Supreme Court, City Council."""
    words = fold(key).split()
    return any(word in _HEADS for word in words) and all(word in _HEADS or word in _MODIFIERS for word in words)


def join_parts(names: Sequence[Name], groups: UnionFind) -> None:
    """Join a name to the only longer one of its kind that begins with its words, or else ends with them.

    One that begins with them has to stand first: a firm whose name comes first, and then something with its name in
    front, is not the same. One that ends with them may be a product where the other is an organisation: the last word
    of an English name says what it is. A bare head, and a name of the alias file, stay what they are.
    """
    begins: defaultdict[str, list[Name]] = defaultdict(list)
    ends: defaultdict[str, list[Name]] = defaultdict(list)
    named = [name for name in names if name.label in _KINDS]
    for name in named:
        words = name.key.split()
        for size in range(1, len(words)):
            begins[" ".join(words[:size])].append(name)
            ends[" ".join(words[-size:])].append(name)
    before: set[str] = set()
    for name in named:
        before.add(name.key)
        if not groups.is_root(name.key) or name.entry or is_bare_head(name.key):
            continue
        kind = _KINDS[name.label]
        longer = [one for one in begins.get(name.key, ()) if one.key in before and _KINDS[one.label] == kind]
        longer = longer or [one for one in ends.get(name.key, ()) if _may_end(kind, _KINDS[one.label])]
        owners = {groups.find(one.key) for one in longer} - {name.key}
        if len(owners) == 1:
            groups.join(name.key, owners.pop())


def _may_end(kind: str, longer: str) -> bool:
    return kind == longer or {kind, longer} == {"organisation", "product"}
