"""Ports on the loopback address that nobody listens on."""

import random
import socket

LOOPBACK = "127.0.0.1"
# Below the range that the kernel gives to outgoing connections: one of those could take the port while its server
# is being restarted, and a client that tries again and again could even connect to itself.
_FIRST, _LAST = 20_000, 29_999


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free(count: int) -> list[int]:
    """Return different ports, at random so that two stacks starting at once hardly ever meet."""
    found: list[int] = []
    for port in random.sample(range(_FIRST, _LAST + 1), _LAST - _FIRST + 1):
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    return found


def first_free(usual: int, other: int) -> int:
    return usual if is_free(usual) else other
