"""The address of MongoDB, as a setting has it: its hosts, and whether and how it is reached by TLS."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote

_TRUE = frozenset({"true", "1", "yes"})
_BY_NAME = "mongodb+srv://"  # finds hosts and options in DNS, and is TLS by default


def hosts(url: str) -> list[str]:
    """Return the names of its hosts, without ports; of a socket of this machine ``localhost``."""
    servers = _servers(url).rpartition("@")[2].split(",")
    return ["localhost" if unquote(each).startswith("/") else _host(each) for each in servers if _is_server(each)]


def uses_tls(url: str) -> bool:
    options = _options(url)
    said = options.get("tls", options.get("ssl"))
    return url.startswith(_BY_NAME) if said is None else said.lower() in _TRUE


def with_options(url: str, more: Mapping[str, str]) -> str:
    """Return the address with options that it does not have itself."""
    missing = {name: value for name, value in more.items() if name.lower() not in _options(url)}
    if not missing:
        return url
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in missing.items())
    if "?" in url:
        return f"{url}{'' if url.endswith(('?', '&')) else '&'}{added}"
    return f"{url}{'' if '/' in url.partition('://')[2] else '/'}?{added}"


def _servers(url: str) -> str:
    return url.partition("://")[2].partition("?")[0].partition("/")[0]


def _options(url: str) -> dict[str, str]:
    """Return options by name in lower case, as MongoDB compares them."""
    return {name.lower(): value for name, value in parse_qsl(url.partition("?")[2])}


def _is_server(text: str) -> bool:
    """Tell whether it can be a server: a password that is not percent-encoded leaves a part of itself as the port.

    Whoever connects refuses such an address as a whole, and nothing of it may be shown.
    """
    port = text.rpartition("]")[2].partition(":")[2]
    return bool(text) and (not port or port.isdecimal())


def _host(server: str) -> str:
    if server.startswith("["):
        return server[1:].partition("]")[0]
    return server.partition(":")[0]
