"""What a check found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """A problem keeps something from working; a warning will, or makes a figure wrong."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One check; ``todo`` is empty where nothing is to be done."""

    check: str
    state: State
    found: str
    todo: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, State.OK, found)


def warning(check: str, found: str, todo: str) -> Finding:
    return Finding(check, State.WARNING, found, todo)


def problem(check: str, found: str, todo: str) -> Finding:
    return Finding(check, State.PROBLEM, found, todo)


def clock(check: str, seconds: float, other: str) -> Finding:
    """Judge by how much another machine's clock is ahead of ours: ages and `--since` are counted by both."""
    found = f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} this machine"
    todo = f"Synchronise the clocks of this machine and of {other}: ages and --since are wrong by as much."
    if abs(seconds) > 60:  # noqa: PLR2004 - a minute
        return problem(check, found, todo)
    return warning(check, found, todo) if abs(seconds) > 2 else ok(check, found)  # noqa: PLR2004 - what NTP always holds
