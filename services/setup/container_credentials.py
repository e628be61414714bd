"""Writes the credentials of a stack of containers into a volume, before any server starts, and ends.

``python -m services.setup.container_credentials`` is what the container ``credentials`` of compose.yaml executes. It is
root without a network, and with two capabilities: each file belongs to root, and the one container that reads it has
the file's group. The broker's data of a release that had no passwords is given to the broker's user and account.
"""

import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from services.setup import broker_accounts, credentials, database_users, outside_users, replica_set
from services.setup.broker_accounts import DEFAULT_PUBLISHER
from services.setup.credentials import KEY, PUBLISHED, Credentials, write_private
from services.setup.settings import ContainerSettings
from shared.broker.nats_address import with_user
from shared.broker.permissions import DESK, OPERATOR, SETUP
from shared.runtime.run import configured
from shared.settings import Settings

log = logging.getLogger("credentials")

# groups of the containers in compose.yaml, by whose files they may read
GROUPS: Mapping[str, int] = MappingProxyType({
    "ingest": 10011,
    "extract": 10012,
    "store": 10013,
    DESK: 10014,
    SETUP: 10015,
    OPERATOR: 10016,
    DEFAULT_PUBLISHER: 10016,  # who runs the command may tell a publisher its address
    "broker": 10017,
    "health": 10018,
})  # fmt: skip
BROKER_USER, DATABASE_USER = 10001, 999
_OUTSIDE = (OPERATOR, DEFAULT_PUBLISHER)  # whose addresses are of use there


def main() -> int:
    return configured(lambda settings: _write(settings, ContainerSettings()))


def _write(settings: Settings, options: ContainerSettings) -> int:
    if options.broker_data:
        adopt(options.broker_data, BROKER_USER)
    write(options, settings.nats_url, settings.mongo_url)
    log.info("credentials are in %s", options.folder)
    return 0


def write(options: ContainerSettings, nats: str, mongo: str) -> None:
    """Make what is missing of all users' credentials, and write what each container reads.

    ``nats`` and ``mongo`` are addresses inside the containers' network, without users.
    """
    groups = {**GROUPS, **options.added_services}
    added = tuple(options.added_services)
    known = credentials.kept(options.folder, outside_users.own_users(added), database_users.USERS)
    options.folder.chmod(0o711)  # of what is in it each folder says who may look
    for name, group in groups.items():
        _folder(options.folder / name, group)
    _addresses(options.folder, "nats_url", nats, known.nats, groups)
    _addresses(options.folder, "mongo_url", mongo, known.mongo, groups)
    outside = {user: known.nats[user] for user in _OUTSIDE}
    _addresses(options.folder, f"{PUBLISHED}nats_url", options.published_nats, outside, groups)
    _addresses(
        options.folder, f"{PUBLISHED}mongo_url", options.published_mongo, {OPERATOR: known.mongo[OPERATOR]}, groups
    )
    accounts = outside_users.configuration(known.nats, outside_users.load(options.folder), added)
    write_private(options.folder / "broker/accounts.conf", accounts, group=groups["broker"])
    if options.broker_nodes:
        _cluster(options.folder / "broker", options.broker_nodes.split(","), groups["broker"])
    _database(options.folder, known, groups[SETUP])
    token = options.folder / "health/token"
    if not token.exists():
        write_private(token, credentials.new_password(), group=groups["health"])


def _addresses(folder: Path, name: str, url: str, passwords: Mapping[str, str], groups: Mapping[str, int]) -> None:
    for user, password in passwords.items():
        write_private(folder / user / name, with_user(url, user, password), group=groups[user])


def _database(folder: Path, known: Credentials, setup: int) -> None:
    """Write the key for the database itself, and for setup, which makes the users, the key and their passwords."""
    _folder(folder / "database", DATABASE_USER)
    write_private(folder / "database" / KEY, known.key, owner=DATABASE_USER)  # mongod wants it so
    write_private(folder / SETUP / KEY, known.key, group=setup)
    write_private(folder / SETUP / replica_set.PASSWORDS, json.dumps(dict(known.mongo)), group=setup)


def _cluster(folder: Path, nodes: Sequence[str], group: int) -> None:
    """Write how brokers find each other, and the password without which none of them lets another in."""
    secret = folder / "cluster.password"
    if not secret.exists():
        write_private(secret, credentials.new_password())
    write_private(folder / "cluster.conf", broker_accounts.cluster(nodes, secret.read_text("ascii")), group=group)


def _folder(path: Path, group: int) -> None:
    path.mkdir(mode=0o750, exist_ok=True)
    os.chown(path, -1, group)


def adopt(data: Path, user: int) -> None:
    """Give the broker's data to its account and its user, as far as they are not theirs.

    Folders come before what is in them, so that a broker of an older release, should it still run, adds nothing.
    """
    broker_accounts.adopt(data)
    count = 0
    for path in _tree(data):
        if path.lstat().st_uid != user:
            os.chown(path, user, user, follow_symlinks=False)
            count += 1
    if count:
        log.info("%d files of the broker belong to user %d now", count, user)


def _tree(folder: Path) -> Iterable[Path]:
    yield folder
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from _tree(path)
        else:
            yield path


if __name__ == "__main__":
    sys.exit(main())
