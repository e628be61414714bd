"""Parses the NATS URL of a setting: servers, user and password or token, inbox prefix."""

import re
from typing import TypedDict
from urllib.parse import ParseResult, quote, unquote, urlparse


class Login(TypedDict, total=False):
    """Options of the client: ``user`` and ``password``, or ``token``; a user has inboxes of its own."""

    user: str
    password: str
    token: str
    inbox_prefix: str


_SCHEMES = frozenset({"nats", "tls", "ws", "wss"})
_TLS = frozenset({"tls", "wss"})
_USER = re.compile(r"//[^/,]*@")
_INBOX = "_INBOX"
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")  # of a subject


def servers(url: str) -> list[str]:
    """Return the addresses of a setting that may name several servers of one cluster, without user and password."""
    return [without_password(address) for address in _addresses(url)]


def uses_tls(url: str) -> bool:
    """Tell whether any of the servers is reached by TLS: the schemes tls and wss."""
    return any(_parsed(address).scheme in _TLS for address in _addresses(url))


def plain_hosts(url: str) -> list[str]:
    """Return the hosts that are reached without TLS."""
    found = [_parsed(address) for address in _addresses(url)]
    return [each.hostname or "" for each in found if each.scheme not in _TLS]


def login(url: str) -> Login:
    """Return who the address says we are; empty where it names nobody.

    Percent-decoded, because an address cannot hold every password as it is; the client itself would send it encoded.
    """
    for address in _addresses(url):
        parsed = _parsed(address)
        if parsed.username is None:
            continue
        if parsed.password is None:
            return {"token": unquote(parsed.username)}
        user = unquote(parsed.username)
        return {"user": user, "password": unquote(parsed.password), "inbox_prefix": inbox(user)}
    return {}


def inbox(user: str) -> str:
    """Return below which subject a user receives answers, so that a broker can keep others from reading them.

    It is below the usual one: a broker that knows nothing of it and allows ``_INBOX.>`` takes it too.
    """
    return f"{_INBOX}.{user}" if _TOKEN.fullmatch(user) else _INBOX


def without_password(url: str) -> str:
    """Return the address as it may be shown and logged."""
    return _USER.sub("//", url)


def with_user(url: str, user: str, password: str) -> str:
    """Return an address without user, of one or several servers of NATS or of MongoDB, with one.

    NATS has them at each server, MongoDB once, with the name of the database that knows its users.
    """
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    if url.startswith("mongodb"):
        return f"{url.replace('//', f'//{who}', 1)}{'&' if '?' in url else '/?'}authSource=admin"
    return ",".join(address.replace("//", f"//{who}", 1) for address in _addresses(url))


def check(url: object) -> object:
    """Return a setting that can be used as it is; raises ValueError, which never shows it, for what is no address."""
    if not isinstance(url, str):
        return url
    addresses = _addresses(url)
    if not addresses:
        raise ValueError("it names no server, such as nats://queue.example:4222")
    users = {(found.username, found.password) for found in map(_checked, addresses)} - {(None, None)}
    if len(users) > 1:
        raise ValueError("its servers have different users; all servers of a cluster know the same one")
    return url


def _checked(address: str) -> ParseResult:
    try:
        parsed = _parsed(address)
        usable = parsed.scheme in _SCHEMES and parsed.hostname and (parsed.port is None or parsed.port > 0)
    except ValueError:
        usable = False
    if not usable or parsed.path.strip("/") or parsed.query or parsed.fragment:
        raise ValueError(
            "it has to be an address such as nats://user:password@queue.example:4222, where / : @ ? # and % of the "
            "password are written %2F %3A %40 %3F %23 %25"
        )
    return parsed


def _addresses(url: str) -> list[str]:
    return [address.strip() for address in url.split(",") if address.strip()]


def _parsed(address: str) -> ParseResult:
    return urlparse(address if "://" in address else f"nats://{address}")
