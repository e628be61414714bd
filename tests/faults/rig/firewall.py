"""Faults of the network on one port of the loopback interface: packets dropped, lost or answered with a reset."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

Rule = tuple[str, ...]
_DROP = ("-j", "DROP")
TO: Rule = ("--dport", *_DROP)
FROM: Rule = ("--sport", *_DROP)
LOSS: Rule = ("--dport", "-m", "statistic", "--mode", "random", "--probability", "0.3", *_DROP)
RESET: Rule = ("--dport", "-j", "REJECT", "--reject-with", "tcp-reset")


def needed() -> None:
    """Skip a test where packets cannot be filtered."""
    if os.geteuid() or not shutil.which("iptables") or _iptables("-L", "INPUT", "-n", check=False):
        pytest.skip("filtering packets needs root and iptables")


@contextmanager
def rules(port: int, *wanted: Rule) -> Iterator[None]:
    """Apply the rules to one port of loopback until the block ends."""
    applied: list[tuple[str, ...]] = []
    try:
        for side, *rest in wanted:
            rule = ("INPUT", "-i", "lo", "-p", "tcp", side, str(port), *rest)
            _iptables("-I", *rule)
            applied.append(rule)
        yield
    finally:
        for rule in applied:
            _iptables("-D", *rule)


def _iptables(*arguments: str, check: bool = True) -> int:
    command = [shutil.which("iptables") or "iptables", "-w", *arguments]
    return subprocess.run(command, check=check, capture_output=True, timeout=20).returncode
