"""How much of the processor a process and its children have used, where the system tells it."""

import os
from pathlib import Path

from wireroom.local.memory import descendants

_PROC = Path("/proc")


def seconds(pid: int) -> float:
    """Return the processor time of a process, of those it started, and of those of them that have ended."""
    return sum(map(_own, [pid, *descendants(pid)]))


def _own(pid: int) -> float:
    try:
        fields = (_PROC / f"{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # own time and that of ended children
