"""Finds out which mentions name the same person, organisation or place."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.extract.entities.names import acronyms_of, is_acronym, key_of
from services.extract.entities.person_merge import join_full_names, join_short_names
from services.extract.entities.place_variants import PLACES
from services.extract.entities.spans import Span, most_frequent
from services.extract.entities.union_find import Groups

_PREFIXABLE = frozenset({"ORG", "FAC", "EVENT", "PRODUCT", "WORK_OF_ART", "LAW"})


@dataclass(frozen=True)
class Name:
    """All mentions with the same key: certainly one entity, or as good as."""

    key: str
    label: str
    form: str  # the first one used


def merge(text: str, spans: Sequence[Span]) -> list[list[Span]]:
    """Return the mentions of each entity; entities and mentions in the order of the text."""
    keys = [key_of(text[span.start : span.end], span.label) for span in spans]
    names = _names(text, spans, keys)
    groups = Groups()
    persons = [name.key for name in names if name.label == "PERSON"]
    join_full_names(persons, groups)
    shared = join_short_names(persons, groups)
    join_acronyms(names, groups)
    join_definitions(text, spans, keys, groups)
    join_parts([name.key for name in names if name.label in _PREFIXABLE], groups)
    join_towns([name.key for name in names if name.label in PLACES], groups)
    clusters: dict[str, list[Span]] = {}
    for owner, span in zip(_owners(keys, shared, groups), spans, strict=True):
        clusters.setdefault(owner, []).append(span)
    return list(clusters.values())


def _names(text: str, spans: Sequence[Span], keys: Sequence[str]) -> list[Name]:
    labels = defaultdict(list)
    forms: dict[str, str] = {}
    for key, span in zip(keys, spans, strict=True):
        labels[key].append(span.label)
        forms.setdefault(key, text[span.start : span.end])
    return [Name(key, most_frequent(labels[key]), form) for key, form in forms.items()]


def join_acronyms(names: Sequence[Name], groups: Groups) -> None:
    """Join capitals to the name they are the initials of."""
    others = [name for name in names if name.label != "PERSON"]
    short = [name for name in others if is_acronym(name.form) and groups.is_free(name.key)]
    if not short:
        return
    full: dict[str, str] = {}
    for name in others:
        for acronym in acronyms_of(name.form):
            full.setdefault(acronym, name.key)
    for name in short:
        if key := full.get(name.form.replace(".", "")):
            groups.join(name.key, key)


def join_definitions(text: str, spans: Sequence[Span], keys: Sequence[str], groups: Groups) -> None:
    """Join what the writer himself declares to be the same: Name (ABC)."""
    for (before, key), (short, short_key) in pairwise(zip(spans, keys, strict=True)):
        declared = text[before.end : short.start].rstrip("\"'“") == " (" and ")" in text[short.end : short.end + 2]
        form = text[short.start : short.end]
        alike = form[0] == text[before.start].upper() or before.label == short.label == "ORG"  # it may be translated
        if declared and is_acronym(form) and alike and groups.is_free(short_key):
            groups.join(short_key, key)


def join_parts(keys: Sequence[str], groups: Groups) -> None:
    """Join a name to the only longer one of the article that begins with its words, or else ends with them."""
    begins: defaultdict[str, list[str]] = defaultdict(list)
    ends: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        words = key.split()
        for size in range(1, len(words)):
            begins[" ".join(words[:size])].append(key)
            ends[" ".join(words[-size:])].append(key)
    for key in filter(groups.is_free, keys):
        owners = {groups.root(other) for other in begins.get(key) or ends.get(key) or []} - {key}
        if len(owners) == 1:
            groups.join(key, owners.pop())


def join_towns(keys: Sequence[str], groups: Groups) -> None:
    """Join a town that is named with its country or state to the town: Northmoor, Estovia."""
    known = frozenset(keys)
    for key in filter(groups.is_free, keys):
        town, comma, _ = key.partition(", ")
        if comma and town in known:
            groups.join(key, town)


def _owners(keys: Sequence[str], shared: Mapping[str, frozenset[str]], groups: Groups) -> Iterator[str]:
    """A shared surname belongs to the person of that name who was named most so far, or else will be named first."""
    roots = [groups.root(key) for key in keys]
    times: Counter[str] = Counter()
    for position, root in enumerate(roots):
        owner = root
        if owners := shared.get(root):
            known = (key for key in times if key in owners)
            to_come = (key for key in roots[position:] if key in owners)
            owner = max(known, key=times.__getitem__, default=None) or next(to_come)
        times[owner] += 1
        yield owner
