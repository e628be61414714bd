"""Merges the mentions of one person, organisation or place into one cluster: the steps, and shared surnames."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from services.extract.entities.aliases import NONE, Aliases
from services.extract.entities.names import PLACES, PersonName, join_towns, key_of, person_name, title_before
from services.extract.entities.organisation_merge import Name, join_acronyms, join_declared_acronyms, join_parts
from services.extract.entities.person_merge import Mention, join_persons, titled_owners
from services.extract.entities.spans import Span, UnionFind, most_frequent


def merge(text: str, spans: Sequence[Span], aliases: Aliases = NONE) -> list[list[Span]]:
    """Return the mentions of each entity; entities and mentions in the order of the text."""
    persons = [_person(text, span) if span.label == "PERSON" else None for span in spans]
    keys = [
        person.key if person else key_of(text[span.start : span.end], span.label)
        for person, span in zip(persons, spans, strict=True)
    ]
    if aliases:
        keys = list(_apart(text, spans, keys, aliases))
    names = _names(text, spans, keys, aliases)
    groups = UnionFind({name.key: name.entry for name in names if name.entry})
    parts = {key: person for key, person in zip(keys, persons, strict=True) if person}
    full = {name.key: parts[name.key] for name in names if name.label == "PERSON"}
    shared = join_persons(full, Counter(keys), groups)
    join_declared_acronyms(text, spans, keys, groups)
    join_acronyms(names, groups)
    join_parts(names, groups)
    join_towns([name.key for name in names if name.label in PLACES], groups)
    titled: Mapping[int, frozenset[str]] = {}
    if any(person and person.title for person in persons):
        titled = titled_owners(text, list(_mentions(spans, keys, persons)), shared, groups)
    clusters: dict[str, list[Span]] = {}
    for owner, span in zip(_owners(spans, keys, shared, titled, groups), spans, strict=True):
        clusters.setdefault(owner, []).append(span)
    return list(clusters.values())


def _mentions(spans: Sequence[Span], keys: Sequence[str], persons: Sequence[PersonName | None]) -> Iterator[Mention]:
    for span, key, person in zip(spans, keys, persons, strict=True):
        if person:
            yield Mention(span.start, span.end, key, person)


def _person(text: str, span: Span) -> PersonName:
    name = text[span.start : span.end]
    return person_name(name, title_before(text, span.start))


def _apart(text: str, spans: Sequence[Span], keys: Sequence[str], aliases: Aliases) -> Iterator[str]:
    """Yield the keys; where the alias file means different entities by names with one key, each gets its own."""
    entries = [aliases.written(text[span.start : span.end], span.label) for span in spans]
    meant = defaultdict(set)
    for key, entry in zip(keys, entries, strict=True):
        meant[key].add(entry)
    for key, entry in zip(keys, entries, strict=True):
        yield f"{key}, {entry.name}" if entry and len(meant[key] - {None}) > 1 else key


def _names(text: str, spans: Sequence[Span], keys: Sequence[str], aliases: Aliases) -> list[Name]:
    labels = defaultdict(list)
    forms: dict[str, str] = {}
    for key, span in zip(keys, spans, strict=True):
        labels[key].append(span.label)
        forms.setdefault(key, text[span.start : span.end])
    names = [Name(key, most_frequent(labels[key]), form) for key, form in forms.items()]
    return [name._replace(entry=aliases.written(name.form, name.label)) for name in names] if aliases else names


def _owners(
    spans: Sequence[Span],
    keys: Sequence[str],
    shared: Mapping[str, frozenset[str]],
    titled: Mapping[int, frozenset[str]],
    groups: UnionFind,
) -> Iterator[str]:
    """Yield the cluster of each mention: of the persons who share a surname it means the one named most so far.

    Before any of them is named it means the first to come.
    """
    roots = [groups.find(key) for key in keys]
    if not shared and not titled:
        yield from roots
        return
    times: Counter[str] = Counter()
    for position, (root, span) in enumerate(zip(roots, spans, strict=True)):
        owners = titled.get(span.start, shared.get(root, frozenset({root})))
        owners = frozenset(groups.find(owner) for owner in owners)
        if root in owners and root not in shared:
            owner = root
        elif owners:
            known = (key for key in times if key in owners)
            to_come = (key for key in roots[position:] if key in owners)
            owner = max(known, key=times.__getitem__, default=None) or next(to_come, min(owners))
        else:
            owner = f"{root}, other"  # Mrs. Quill where only a Mr. Quill is named
        times[owner] += 1
        yield owner
