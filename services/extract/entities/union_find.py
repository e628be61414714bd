"""Union-find (disjoint sets) over the keys of names, without path compression: an article has few names."""

from collections.abc import Hashable, Mapping


class UnionFind:
    """Sets of keys; the key that another is joined to represents the set.

    ``entries`` are the alias file's entities by key: sets of two different entities are never joined.
    """

    def __init__(self, entries: Mapping[str, Hashable] | None = None) -> None:
        self._parents: dict[str, str] = {}
        self._entries = dict(entries or {})

    def find(self, key: str) -> str:
        """Return the representative of the key's set."""
        while (parent := self._parents.get(key, key)) != key:
            key = parent
        return key

    def is_root(self, key: str) -> bool:
        """Whether the key represents its set: it was joined to no other."""
        return key not in self._parents

    def join(self, key: str, other: str) -> None:
        """Let the key's set become part of the other's, unless the alias file says that they are two entities."""
        root, target = self.find(key), self.find(other)
        if root == target:
            return
        mine, theirs = self._entries.get(root), self._entries.get(target)
        if mine is not None and theirs is not None and mine != theirs:
            return
        self._parents[root] = target
        if mine is not None:
            self._entries[target] = mine
