"""Keeps which keys belong together."""


class Groups:
    """Which keys belong together; the name joined to gives the group its key."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def root(self, key: str) -> str:
        while (parent := self._parents.get(key, key)) != key:
            key = parent
        return key

    def is_free(self, key: str) -> bool:
        return key not in self._parents

    def join(self, key: str, other: str) -> None:
        """Let the key's group become part of the other's."""
        if (root := self.root(key)) != (target := self.root(other)):
            self._parents[root] = target
