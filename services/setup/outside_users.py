"""Publishers and readers with accounts of their own: the list of them in a folder of credentials.

The list has their passwords as the broker's configuration needs them, so it is its owner's alone.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.setup import broker_accounts
from services.setup.broker_accounts import Outsiders
from services.setup.credentials import new_password, write_private
from shared.broker.permissions import SEARCHES, table
from shared.errors import WrongSetting

_LIST = "users.json"
_VERSION = 1


@dataclass(frozen=True)
class OutsideUser:
    """A publisher has a source; a reader has none, and a durable on NEWS of its own name."""

    name: str
    source: str | None
    created_at: str
    password: str

    @property
    def role(self) -> str:
        return "publisher" if self.source else "reader"

    def with_new_password(self) -> "OutsideUser":
        return replace(self, password=new_password())


Users = Mapping[str, OutsideUser]


def new(name: str, source: str | None) -> OutsideUser:
    """Return a user with a password that nobody has yet."""
    return OutsideUser(name, source, datetime.now(UTC).isoformat(timespec="seconds"), new_password())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other commands from changing the list, and what follows from it, until the block ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def load(folder: Path) -> dict[str, OutsideUser]:
    """Return the users by name; a folder without a list has none. Raises OSError where the list cannot be read."""
    try:
        content: dict[str, Any] = json.loads((folder / _LIST).read_bytes())
    except FileNotFoundError:
        return {}
    users = (OutsideUser(**each) for each in content["users"])
    return {user.name: user for user in users}


def save(folder: Path, users: Users) -> None:
    content = {"v": _VERSION, "users": [asdict(users[name]) for name in sorted(users)]}
    write_private(folder / _LIST, json.dumps(content, indent=1))


def added_services(services: Iterable[str]) -> tuple[str, ...]:
    """Return which of the services stand in no list."""
    return tuple(sorted({*services} - {*table()}))


def own_users(added: tuple[str, ...]) -> tuple[str, ...]:
    """Return the users of the installation itself, with those of added services."""
    return broker_accounts.user_names(Outsiders({}, {}, added))


def taken(added: tuple[str, ...]) -> frozenset[str]:
    """Return the names that no publisher or reader can have: own users, and a durable of NEWS."""
    return frozenset((*own_users(added), SEARCHES))


def outsiders(users: Users, added: tuple[str, ...] = ()) -> Outsiders:
    return Outsiders(
        {user.name: user.source for user in users.values() if user.source},
        {user.name: user.name for user in users.values() if not user.source},
        added,
    )


def configuration(passwords: Mapping[str, str], users: Users, added: tuple[str, ...]) -> str:
    """Return the accounts of the broker's configuration; ``passwords`` are those of the installation's own users.

    Raises WrongSetting where a service was added that has the name of one of the users.
    """
    if both := taken(added).intersection(users):
        raise WrongSetting(f"{_LIST}: {', '.join(sorted(both))} is a service now. Take that user out of the file.")
    theirs = {user.name: user.password for user in users.values()}
    return broker_accounts.configuration({**passwords, **theirs}, outsiders(users, added))
