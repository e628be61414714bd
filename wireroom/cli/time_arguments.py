"""Points in time as people type them, and lengths of time as they read them."""

import re
from datetime import UTC, datetime, timedelta

import typer

_AGO = re.compile(r"(\d+)\s*([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since(text: str) -> datetime:
    """Read ``90s``, ``10m``, ``2h``, ``3d``, ``1w`` as that long ago, else an ISO date or time; for Typer's options."""
    if match := _AGO.match(text.strip()):
        try:
            return datetime.now(UTC) - _length(match)
        except OverflowError:
            raise typer.BadParameter(f"{text!r} is too long ago") from None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither like 10m, 2h or 3d nor an ISO date") from None
    return moment if moment.tzinfo else moment.astimezone()


def duration(text: str | float) -> float:
    """Read ``5s`` or ``2m``, or a number of seconds; returns seconds."""
    if not isinstance(text, str):
        return text  # Typer sends defaults through here as well
    if match := _AGO.match(text.strip()):
        return _length(match).total_seconds()
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no duration such as 5s or 2m") from None


def _length(match: re.Match[str]) -> timedelta:
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise typer.BadParameter(f"{match[0]!r} is too long") from None


def age(seconds: float | None) -> str:
    """Return a length of time as hours, minutes and seconds, nothing for None."""
    return "" if seconds is None else str(timedelta(seconds=int(seconds)))
