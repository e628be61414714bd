"""How much of the processor a process and its children have used, where the system tells it."""

import os
from collections.abc import Mapping
from pathlib import Path

from wireroom.local.process_memory import descendants

_PROC = Path("/proc")


def seconds(pid: int) -> float:
    """Return the processor time of a process, and of those it started that have ended."""
    try:
        fields = (_PROC / f"{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def by_process(processes: Mapping[str, int]) -> dict[str, float]:
    """Return the seconds of each by its name, and as its workers those of all it started."""
    spent = {}
    for name, pid in processes.items():
        spent[name] = seconds(pid)
        if workers := descendants(pid):
            spent[f"{name}, its workers"] = sum(map(seconds, workers))
    return spent


def occupied(pid: int) -> float:
    """Return the seconds in which what a process started ran or waited for a core: it had something to do."""
    return sum(map(_occupied, descendants(pid)))


def _occupied(pid: int) -> float:
    try:
        ran, waited, _ = (_PROC / f"{pid}/schedstat").read_text("ascii").split()
    except OSError:
        return 0.0
    return (int(ran) + int(waited)) / 1e9
