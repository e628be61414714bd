"""Subjects as people name them: checked before the broker waits in silence, or reads a pattern in them."""

import re
from enum import StrEnum
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from shared.errors import Reason
from shared.messages import Language, Source

_SERVICE = re.compile(r"[A-Za-z0-9_-]+")


class Stage(StrEnum):
    """What can be followed: the name of an event, or the dead letters."""

    RAW = "raw"
    EXTRACTED = "extracted"
    STORED = "stored"
    WITHDRAWN = "withdrawn"
    DEAD = "dead"


STREAMS = {
    Stage.RAW: "RAW",
    Stage.EXTRACTED: "NEWS",
    Stage.STORED: "NEWS",
    Stage.WITHDRAWN: "NEWS",
    Stage.DEAD: "DEAD",
}


def subject(stage: Stage, source: str | None, language: str | None) -> str:
    """Return the subject; the broker filters by it, so that nothing else comes over the network."""
    match stage:
        case Stage.DEAD:
            return "news.dead.>"
        case Stage.RAW | Stage.WITHDRAWN:
            return f"news.v1.{stage}.{source or '*'}"
        case _:
            return f"news.v1.{stage}.{language or '*'}.{source or '*'}"


def source(value: str | None) -> str | None:
    """Return the source, or refuse it; for Typer's options, as the others."""
    return _checked(value, Source, "source: those are lower case letters, digits and dashes")


def user_name(value: str) -> str:
    """Return the name of an account and a durable, or refuse it."""
    return _checked(value, Source, "name of a user: those are lower case letters, digits and dashes") or value


def own_source(value: str) -> str:
    """Return the source that articles of one's own are to have, or refuse it before anything is sent."""
    try:
        return source(value) or value
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{Reason.SCHEMA}: {error.message}") from None


def language(value: str | None) -> str | None:
    return _checked(value, Language, "language such as en or deu")


def service(value: str | None) -> str | None:
    if value is not None and not _SERVICE.fullmatch(value):
        raise typer.BadParameter(f"{value!r} is no service such as ingest or extract")
    return value


def _checked(value: str | None, kind: Any, what: str) -> str | None:  # noqa: ANN401 - an annotated type
    try:
        return value if value is None else str(TypeAdapter(kind).validate_python(value))
    except ValidationError:
        raise typer.BadParameter(f"{value!r} is no {what}") from None
