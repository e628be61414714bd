"""Logs: lines a person reads on a terminal, JSON objects a machine reads everywhere else.

What is logged may come from outside. One record is one line: what would begin another, or be obeyed by a terminal, is
escaped; the lines of a traceback are indented, so that none of them can be taken for a record.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from shared.sanitizing import escaped, escaped_json

_BEFORE_TRACEBACK = "  | "


class PlainLine(logging.Formatter):
    """A line for a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return escaped(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is logging's
        return _indented(super().formatException(ei))  # type: ignore[arg-type] # a tuple of three, as logging has it

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the name is logging's
        return _indented(stack_info)


class JsonLine(logging.Formatter):
    """An object for a machine, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "component": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "article", {})  # id, source, outcome and milliseconds of an article that was answered
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return escaped_json(json.dumps(line, ensure_ascii=False))


def configure(level: str) -> None:
    """Set up logging of this process on standard error; articles' texts are never logged, only ids and lengths."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLine() if sys.stderr.isatty() else JsonLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("uvicorn", "uvicorn.access", "faststream"):
        logger = logging.getLogger(noisy)
        logger.handlers.clear()  # FastStream brings one of its own, which escapes nothing
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs each address, which may have a secret in its query


def _indented(text: str) -> str:
    return "\n".join(_BEFORE_TRACEBACK + escaped(line) for line in text.split("\n"))
