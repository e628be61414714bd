"""Asks every server for all that it may say to somebody without credentials: a program of ``test_strangers.py``.

It runs alone in a container. Its argument is JSON, the ports to try by host; it prints the answers by question.
"""

import asyncio
import http.client
import json
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import nats
import pymongo

_PATIENCE = 5
_NOBODIES: dict[str, dict[str, str]] = {
    "nobody": {},
    "operator": {"user": "operator", "password": ""},
    "token": {"token": "x"},
}
_PAGES = ("livez", "readyz", "metrics", "asyncapi", "v1/articles", "v1/search?q=lock", "")


def main(servers: dict[str, list[int]]) -> dict[str, str]:
    said: dict[str, str] = {}
    for host, ports in servers.items():
        for port in ports:
            said[f"{host}:{port}"] = state = _state(host, port)
            if state == "open":
                for question, ask in _questions(host, port).items():
                    try:
                        said[question] = str(ask())
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
                        said[question] = f"{type(error).__name__}: {error}"[:200]
    return said


def _state(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except ConnectionRefusedError:
        return "closed"
    except OSError:
        return "unknown"
    return "open"


def _questions(host: str, port: int) -> dict[str, Callable[[], Any]]:
    if port == 4222:
        return {f"broker as {name}": partial(_streams, host, port, who) for name, who in _NOBODIES.items()}
    if port == 27017:
        return _of_database(pymongo.MongoClient(host, port, directConnection=True, serverSelectionTimeoutMS=5000))
    pages: dict[str, Callable[[], Any]] = {f"{host}:{port}/{each}": partial(_page, host, port, each) for each in _PAGES}
    return pages | {f"{host}:{port}/metrics by guessing": partial(_page, host, port, "metrics", "x")}


def _streams(host: str, port: int, who: dict[str, str]) -> list[str]:
    return asyncio.run(_asked(f"nats://{host}:{port}", who))


async def _asked(url: str, who: dict[str, str]) -> list[str]:
    async def quiet(_: Exception) -> None:
        """It is told by what is raised."""

    options: dict[str, Any] = {"allow_reconnect": False, "connect_timeout": _PATIENCE, "error_cb": quiet, **who}
    connection = await nats.connect(url, **options)
    return [str(each.config.name) for each in await connection.jetstream().streams_info()]


def _of_database(client: pymongo.MongoClient[dict[str, Any]]) -> dict[str, Callable[[], Any]]:
    articles, admin = client["wireroom"]["articles"], client["admin"]
    return {
        "database: list": client.list_database_names,
        "database: read": articles.find_one,
        "database: write": partial(articles.insert_one, {}),
        "database: user": partial(admin.command, {"createUser": "me", "pwd": "x", "roles": ["root"]}),
        "database: log": partial(admin.command, "getLog", "global"),
        "database: options": partial(admin.command, "getCmdLineOpts"),
        "database: set": partial(admin.command, "replSetGetConfig"),
    }


def _page(host: str, port: int, path: str, token: str = "") -> str:
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    connection.request("GET", f"/{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return f"{answer.status} {answer.read()[:300]!r}"


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201 - it is the answer
