"""The memory of a process and of those it started, where the system tells it."""

import os
from pathlib import Path

_KB = 1024
_PROC = Path("/proc")


def resident(pid: int) -> int | None:
    """Return bytes in memory, or None for a process that is gone or a system without ``/proc``.

    Of a process with children it is the sum over all of them, each page that several share counted once.
    """
    family = [pid, *descendants(pid)]
    sizes = [size for member in family if (size := size_of(member, shared=len(family) > 1)) is not None]
    return sum(sizes) if sizes else None


def descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs; a child belongs to the thread that made it."""
    found: list[int] = []
    for path in _PROC.glob(f"{pid}/task/*/children"):
        try:
            children = [int(child) for child in path.read_text("ascii").split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def size_of(pid: int, *, shared: bool) -> int | None:
    """Return bytes in memory of one process without its children; ``shared``: its part of pages that several share."""
    try:
        if not shared:
            return int((_PROC / f"{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        lines = (_PROC / f"{pid}/smaps_rollup").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * _KB for line in lines if line.startswith("Pss:"))
    except (OSError, IndexError, ValueError, StopIteration):
        return None
