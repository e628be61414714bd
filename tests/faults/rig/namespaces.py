"""Hosts of their own on one machine: network namespaces behind a bridge, so that one can be cut off from the others."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

_NET = "10.213.77"
_BRIDGE = "wrtest0"
_FORWARD = f"FORWARD -i {_BRIDGE} -o {_BRIDGE} -j ACCEPT"


@contextmanager
def hosts(count: int) -> Iterator[dict[str, str]]:
    """Yield addresses by namespace, reachable from here and from each other; skips where that is not allowed."""
    names = {f"wrtest{number}": f"{_NET}.{number}" for number in range(1, count + 1)}
    if os.geteuid() or not shutil.which("ip") or not shutil.which("iptables") or not _try("ip", "netns", "list"):
        pytest.skip("network namespaces need root, ip and iptables")
    try:
        _run(f"ip link add {_BRIDGE} type bridge")
        _run(f"ip addr add {_NET}.254/24 dev {_BRIDGE}")
        _run(f"ip link set {_BRIDGE} up")
        _run(f"iptables -w -I {_FORWARD}")  # where Docker has been, what crosses a bridge is dropped by default
        for name, address in names.items():
            _run(f"ip netns add {name}")
            _run(f"ip link add v{name} type veth peer name eth0 netns {name}")
            _run(f"ip link set v{name} master {_BRIDGE} up")
            _run(f"ip -n {name} addr add {address}/24 dev eth0")
            _run(f"ip -n {name} link set eth0 up")
            _run(f"ip -n {name} link set lo up")
        yield names
    finally:
        for name in names:
            with suppress(subprocess.CalledProcessError):
                _run(f"ip netns delete {name}")
        for undo in (f"ip link delete {_BRIDGE}", f"iptables -w -D {_FORWARD}"):
            with suppress(subprocess.CalledProcessError):
                _run(undo)


@contextmanager
def cut_off(name: str, names: dict[str, str]) -> Iterator[None]:
    """Drop every packet between one host and the other hosts; who is on this side of the bridge reaches all."""
    others = [address for other, address in names.items() if other != name]
    rules = [
        f"{chain} {side} {address} -j DROP" for address in others for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d"))
    ]
    try:
        for rule in rules:
            _run(f"ip netns exec {name} iptables -w -I {rule}")
        yield
    finally:
        for rule in rules:
            _run(f"ip netns exec {name} iptables -w -D {rule}")


def inside(name: str, command: tuple[str, ...]) -> tuple[str, ...]:
    return (shutil.which("ip") or "ip", "netns", "exec", name, *command)


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True, timeout=20)


def _try(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 0
