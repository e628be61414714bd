"""Ports for the one-machine stack."""

import socket
from pathlib import Path

import pytest

from wireroom.local import ports

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_free_ports_are_different_and_can_be_listened_on() -> None:
    found = ports.free(5)
    assert len(set(found)) == 5
    servers = [socket.create_server((ports.LOOPBACK, port)) for port in found]
    for server in servers:
        server.close()


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.first_free(port, 1) == 1


def test_the_usual_port_is_used_when_it_is_free() -> None:
    [usual] = ports.free(1)
    assert ports.first_free(usual, 1) == usual


@pytest.mark.skipif(not RANGE.exists(), reason="only Linux says which ports it gives to outgoing connections")
def test_no_outgoing_connection_can_take_a_port_while_its_server_is_restarted() -> None:
    lowest = int(RANGE.read_text().split()[0])
    if lowest < 30_000:
        pytest.skip(f"this machine gives out ports from {lowest}")
    assert max(ports.free(100)) < lowest
