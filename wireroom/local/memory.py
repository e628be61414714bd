"""The resident memory of a process, where the system tells it."""

import os
from pathlib import Path


def resident(pid: int) -> int | None:
    """Return bytes in memory, or None for a process that is gone or a system without ``/proc``."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
