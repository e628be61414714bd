"""Accounts and users of nats-server as a part of its configuration.

JetStream is in one account, of the services and the operator. A publisher is an account of its own, which imports its
subject: what it publishes on ``news.v1.submitted`` arrives as ``news.v1.submitted.<source>``, and a reply subject that
it names belongs to its own account, so an acknowledgement never becomes a message of ours. Permissions alone would not
give that. A reader is such an account too, and reaches one durable of NEWS below ``JS.wireroom.API``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.broker.permissions import reading, table
from shared.messages import ArticleSubmitted
from shared.topology import NEWS

ACCOUNT = "WIREROOM"  # that has JetStream, and so the name of its folder in the broker's data
DEFAULT_PUBLISHER = "publisher"  # may submit for any source
READER_API = "JS.wireroom.API"  # prefix of JetStream's API for readers; theirs would be another account's
_SYSTEM = "SYS"
_SUBMITTED = ArticleSubmitted.subject_pattern


@dataclass(frozen=True)
class Outsiders:
    """Users beyond the table: publishers by name with the source they submit for, readers by name with a durable.

    ``services`` are those that were added, each of which reads NEWS with a durable of its own name.
    """

    publishers: Mapping[str, str]
    readers: Mapping[str, str]
    services: tuple[str, ...] = ()


NOBODY = Outsiders({}, {})


def user_names(outsiders: Outsiders = NOBODY) -> tuple[str, ...]:
    """Return every user that needs a password."""
    return (*table(outsiders.services), DEFAULT_PUBLISHER, *outsiders.publishers, *outsiders.readers)


def configuration(passwords: Mapping[str, str], outsiders: Outsiders = NOBODY) -> str:
    """Return what is put into nats-server's configuration file; it holds passwords, so the file is its owner's alone.

    The passwords are random and long, so they are kept as they are: a hash that is slow to compute protects short ones.
    """
    publishers = {DEFAULT_PUBLISHER: _SUBMITTED} | {
        name: f"{_SUBMITTED}.{source}" for name, source in outsiders.publishers.items()
    }
    accounts: dict[str, Any] = {
        ACCOUNT: {
            "jetstream": "enabled",
            "users": [
                {
                    "user": name,
                    "password": passwords[name],
                    "permissions": {"publish": list(access.publish), "subscribe": list(access.subscribe)},
                }
                for name, access in table(outsiders.services).items()
            ],
            "exports": [
                *({"service": subject, "accounts": [name]} for name, subject in publishers.items()),
                *(
                    {"service": subject, "accounts": [name], "response_type": "stream"}
                    for name, durable in outsiders.readers.items()
                    for subject in reading(NEWS, durable)
                ),
            ],
        },
        _SYSTEM: {},
    }
    for name, subject in publishers.items():
        accounts[name] = _outsider(name, passwords[name], {_SUBMITTED: subject})
    for name, durable in outsiders.readers.items():
        imported = {subject.replace("$JS.API", READER_API): subject for subject in reading(NEWS, durable)}
        accounts[name] = _outsider(name, passwords[name], imported)
    return f"accounts: {json.dumps(accounts, indent=1)}\nsystem_account: {_SYSTEM}\n"


def _outsider(name: str, password: str, imported: Mapping[str, str]) -> dict[str, Any]:
    """Return an account that publishes on the subjects it imports, and receives answers."""
    allowed = {"publish": list(imported), "subscribe": ["_INBOX.>"]}
    services = [{"service": {"account": ACCOUNT, "subject": theirs}, "to": ours} for ours, theirs in imported.items()]
    return {"users": [{"user": name, "password": password, "permissions": allowed}], "imports": services}
