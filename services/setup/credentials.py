"""Passwords of the broker's and the database's users: made where they are missing, and kept in files of their owner.

A folder has ``passwords.json`` with all of them, ``mongo.key`` for the database's members, and for each user a folder
with the addresses it connects to, which holds what one process needs and nothing of the others.
"""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PASSWORDS = "passwords.json"
KEY = "mongo.key"
PUBLISHED = "published_"  # before the name of a file with an address: the one for programs outside of the containers
_BYTES = 32  # of a password: nobody guesses it, whatever it is hashed with, and every character of it fits an address


@dataclass(frozen=True)
class Credentials:
    """``nats`` and ``mongo`` are passwords by user."""

    folder: Path
    nats: Mapping[str, str]
    mongo: Mapping[str, str]

    @property
    def key_file(self) -> Path:
        """The file that mongod takes as ``--keyFile``."""
        return self.folder / KEY

    @property
    def key(self) -> str:
        return self.key_file.read_text("ascii")


def kept(folder: Path, nats: Iterable[str], mongo: Iterable[str]) -> Credentials:
    """Return the passwords of these users; those that the folder has stay, and others are made and kept."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _PASSWORDS
    found: dict[str, dict[str, str]] = json.loads(path.read_bytes()) if path.exists() else {}
    wanted = {
        server: found.get(server, {}) | {user: new_password() for user in users if user not in found.get(server, {})}
        for server, users in {"nats": tuple(nats), "mongo": tuple(mongo)}.items()
    }
    if wanted != found:
        write_private(path, json.dumps(wanted, indent=1))
    if not (folder / KEY).exists():
        write_private(folder / KEY, secrets.token_hex(_BYTES))
    return Credentials(folder, wanted["nats"], wanted["mongo"])


def address_file(folder: Path, user: str, server: str) -> Path:
    """Return the file with the address that a user connects to; ``server`` is nats or mongo."""
    return folder / user / f"{server}_url"


def own_address(folder: Path, user: str, server: str) -> str:
    """Return what a user connects to from this machine, also where the servers are in containers; raises OSError."""
    path = address_file(folder, user, server)
    outside = path.with_name(f"{PUBLISHED}{path.name}")
    return (outside if outside.exists() else path).read_text("utf-8")


def write_addresses(credentials: Credentials, nats: str, mongo: str) -> None:
    """Write what each user connects to; of the addresses, ``{}`` is where user and password belong."""
    for server, address, passwords in (("nats", nats, credentials.nats), ("mongo", mongo, credentials.mongo)):
        for user, password in passwords.items():
            path = address_file(credentials.folder, user, server)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(path, address.format(f"{user}:{password}@"))


def write_private(path: Path, text: str, *, owner: int = -1, group: int = -1) -> None:
    """Replace a file at once by one that only its owner can read, from its first byte on.

    ``owner``: the id of another user who is to be the owner. ``group``: the id of a group that may read it too.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        if group != -1:
            os.fchmod(file.fileno(), 0o640)
        if (owner, group) != (-1, -1):
            os.fchown(file.fileno(), owner, group)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def new_password() -> str:
    return secrets.token_urlsafe(_BYTES)
