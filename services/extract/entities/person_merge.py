"""Finds out which names of persons name the same one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from services.extract.entities.names import is_slip
from services.extract.entities.union_find import Groups

_LONGEST_SHORT_NAME = 2  # words: "Berg", "van Berg"


def join_full_names(persons: Sequence[str], groups: Groups) -> None:
    """Persons with the same first and last name are one, whatever stands between."""
    seen: dict[tuple[str, str], str] = {}
    for key in persons:
        words = key.split()
        if len(words) > 1:
            groups.join(key, seen.setdefault((words[0], words[-1]), key))
    _join_alike(seen, groups)


def _join_alike(names: Mapping[tuple[str, str], str], groups: Groups) -> None:
    """Join an initial to the only first name it can stand for, and a surname with a slip to the right one."""
    by_word: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for first, last in names:
        by_word[first].append((first, last))
        by_word[last].append((first, last))
    for name, key in names.items():
        near = {names[other] for word in name for other in by_word[word] if _are_alike(name, other)}
        owners = {groups.root(other) for other in near} - {groups.root(key)}
        if len(owners) == 1 and groups.is_free(key):
            groups.join(key, owners.pop())


def _are_alike(name: tuple[str, str], other: tuple[str, str]) -> bool:
    (first, last), (other_first, other_last) = name, other
    if last == other_last:
        return len(first) == 1 < len(other_first) and other_first[0] == first
    return first == other_first and is_slip(last, other_last)


def join_short_names(persons: Sequence[str], groups: Groups) -> Mapping[str, frozenset[str]]:
    """Join surnames, else first names, to their person; return those that several persons of the article share."""
    by_last, by_first = _by_part(persons)
    shared = {}
    for key in persons:
        if len(key.split()) > _LONGEST_SHORT_NAME or not groups.is_free(key):
            continue
        full = by_last.get(key) or by_first.get(key) or _misspelt(key, by_last)
        owners = {groups.root(one) for one in full} - {key}
        if len(owners) == 1:
            groups.join(key, owners.pop())
        elif owners:
            shared[key] = frozenset(owners)
    return shared


def _misspelt(key: str, by_last: Mapping[str, list[str]]) -> list[str]:
    return [full for last, persons in by_last.items() if is_slip(key, last) for full in persons]


def _by_part(persons: Sequence[str]) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    by_last: defaultdict[str, list[str]] = defaultdict(list)
    by_first: defaultdict[str, list[str]] = defaultdict(list)
    for key in persons:
        words = key.split()
        if len(words) > 1:
            by_first[words[0]].append(key)
            for size in range(1, min(len(words), _LONGEST_SHORT_NAME + 1)):
                by_last[" ".join(words[-size:])].append(key)
    return by_last, by_first
