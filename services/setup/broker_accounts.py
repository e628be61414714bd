"""Accounts and users of nats-server as a part of its configuration.

JetStream is in one account, of the services and the operator. A publisher is an account of its own, which imports its
subject: what it publishes on ``news.v1.submitted`` arrives as ``news.v1.submitted.<source>``, and a reply subject that
it names belongs to its own account, so an acknowledgement never becomes a message of ours. Permissions alone would not
give that. A reader is such an account too, and reaches one durable of NEWS below ``JS.wireroom.API``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.broker.permissions import reading, table
from shared.messages import ArticleSubmitted
from shared.topology import NEWS

ACCOUNT = "WIREROOM"  # that has JetStream, and so the name of its folder in the broker's data
DEFAULT_PUBLISHER = "publisher"  # may submit for any source
READER_API = "JS.wireroom.API"  # prefix of JetStream's API for readers; theirs would be another account's
_NO_ACCOUNT = "$G"  # how the server calls the account of a configuration without accounts
_SYSTEM = "SYS"
_ROUTE, _ROUTE_PORT = "route", 6222  # as which brokers of a cluster connect to each other
_SUBMITTED = ArticleSubmitted.subject_pattern


@dataclass(frozen=True)
class Outsiders:
    """Users beyond the table: publishers by name with their source (None: any), readers by name with a durable.

    ``services`` are those that were added, each of which reads NEWS with a durable of its own name.
    """

    publishers: Mapping[str, str | None]
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
    everybody = replace(outsiders, publishers={DEFAULT_PUBLISHER: None, **outsiders.publishers})
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
            "exports": _exports(everybody),
        },
        _SYSTEM: {},
        **_accounts(passwords, everybody),
    }
    return f"accounts: {json.dumps(accounts, indent=1)}\nsystem_account: {_SYSTEM}\n"


def adopt(folder: Path) -> None:
    """Give our account what was stored before there were accounts; the server keeps each account in its own folder."""
    before, ours = folder / "jetstream" / _NO_ACCOUNT, folder / "jetstream" / ACCOUNT
    if before.exists() and not ours.exists():
        before.rename(ours)


def cluster(nodes: Sequence[str], password: str) -> str:
    """Return what is put into the configuration of each broker of a cluster; it holds the password of its members.

    Clients are told of no other broker: those of the host would not reach it by that name.
    """
    routes = [f"nats://{_ROUTE}:{password}@{node}:{_ROUTE_PORT}" for node in nodes]
    known = {"user": _ROUTE, "password": password}
    fields = {"name": "wireroom", "port": _ROUTE_PORT, "no_advertise": True, "authorization": known, "routes": routes}
    return f"cluster: {json.dumps(fields, indent=1)}\n"


def addition(passwords: Mapping[str, str], outsiders: Outsiders) -> str:
    """Return what to put into the configuration of a broker that is not ours, for these users; it holds passwords."""
    exports = ",\n".join(json.dumps(each) for each in _exports(outsiders))
    accounts = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(account, indent=1)}"
        for name, account in _accounts(passwords, outsiders).items()
    )
    return (
        f'# into "exports" of the account that has JetStream (its name in place of {ACCOUNT} below)\n{exports}\n'
        f'# into "accounts"\n{accounts}'
    )


def _exports(outsiders: Outsiders) -> list[dict[str, Any]]:
    """Return what the account that has JetStream offers to each of them alone."""
    return [
        *({"service": _arrives(source), "accounts": [name]} for name, source in outsiders.publishers.items()),
        *(
            {"service": subject, "accounts": [name], "response_type": "stream"}
            for name, durable in outsiders.readers.items()
            for subject in reading(NEWS, durable)
        ),
    ]


def _accounts(passwords: Mapping[str, str], outsiders: Outsiders) -> dict[str, Any]:
    imports = {name: {_SUBMITTED: _arrives(source)} for name, source in outsiders.publishers.items()} | {
        name: {subject.replace("$JS.API", READER_API): subject for subject in reading(NEWS, durable)}
        for name, durable in outsiders.readers.items()
    }
    return {name: _outsider(name, passwords[name], imported) for name, imported in imports.items()}


def _arrives(source: str | None) -> str:
    """Return the subject on which a publisher's submissions arrive; without a source it may name any."""
    return f"{_SUBMITTED}.{source}" if source else _SUBMITTED


def _outsider(name: str, password: str, imported: Mapping[str, str]) -> dict[str, Any]:
    """Return an account that publishes on the subjects it imports, and receives answers."""
    allowed = {"publish": list(imported), "subscribe": ["_INBOX.>"]}
    services = [{"service": {"account": ACCOUNT, "subject": theirs}, "to": ours} for ours, theirs in imported.items()]
    return {"users": [{"user": name, "password": password, "permissions": allowed}], "imports": services}
