"""The settings in effect, where each comes from, and whether all that they name can be used."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.desk.settings import DeskSettings
from services.extract.settings import ExtractSettings
from services.ingest.settings import IngestSettings
from shared.errors import WrongSetting
from shared.limits import Limits
from shared.settings import SECRET, Settings, named_in, variable
from wireroom.local import server_binaries

CLASSES = (Settings, Limits, IngestSettings, ExtractSettings, DeskSettings)
_PROGRAMS = {"WIREROOM_NATS_SERVER": server_binaries.nats_server, "WIREROOM_MONGOD": server_binaries.mongod}
_USER = re.compile(r"//.*@")
_SECRET_OPTION = re.compile(r"((?:password|token|secret)[^=:&]*[=:])[^&,]*", re.IGNORECASE)


@dataclass(frozen=True)
class InEffect:
    """One setting; ``origin`` is default, environment, running stack, command line or found."""

    variable: str
    value: object  # of JSON; None where nothing is set
    origin: str


def in_effect(from_stack: frozenset[str]) -> Iterator[InEffect]:
    """Yield every setting of a class, addresses without user and password; raises WrongSetting."""
    named = named_in(os.environ)
    for settings in CLASSES:
        values = settings().model_dump(mode="json")
        for field, value in values.items():
            name = variable(settings, field)
            origin = "running stack" if name in from_stack else "environment" if name in named else "default"
            yield InEffect(name, masked(value) if field in SECRET else value, origin)


def programs() -> Iterator[InEffect]:
    """Yield where the programs of the one-machine stack are; None where they are not installed."""
    for name, find in _PROGRAMS.items():
        origin = "environment" if os.environ.get(name) else "found"
        try:
            yield InEffect(name, str(find()), origin)
        except server_binaries.Missing:
            yield InEffect(name, None, origin)


def check_values() -> None:
    """Raise WrongSetting for a value that some service could not start with."""
    for settings in CLASSES:
        settings()


def problems() -> list[str]:
    """Return a line for each mistake in the settings and in what they name; loads the models, which takes seconds."""
    steps: list[Callable[[], object]] = [*CLASSES, _database, _rules, _names_and_models]
    found: list[str] = []
    for step in steps:
        try:
            step()
        except WrongSetting as wrong:
            found += wrong.lines
    return [*dict.fromkeys(found), *_named_programs()]


def masked(url: str) -> str:
    """Return an address, of one server or of several, with neither user nor password, nor options that are secret."""
    addresses = url.split(",") if url.count("://") > 1 else [url]
    return _SECRET_OPTION.sub(r"\1***", ",".join(_USER.sub("//***@", address) for address in addresses))


def _database() -> None:
    from pymongo import MongoClient  # noqa: PLC0415 - slow to import

    from services.store.mongo_connection import usable  # noqa: PLC0415

    settings = Settings()
    with usable(), MongoClient[dict[str, object]](settings.mongo_url, connect=False) as client:
        _ = client[settings.mongo_database]  # made, which checks the name; it connects at the first question


def _rules() -> None:
    from services.extract.configured import rules  # noqa: PLC0415

    rules(ExtractSettings())


def _names_and_models() -> None:
    from services.extract.tagging import tagger  # noqa: PLC0415 - spaCy takes a second

    tagger(ExtractSettings())


def _named_programs() -> Iterator[str]:
    for name, find in _PROGRAMS.items():
        if os.environ.get(name):
            try:
                find()
            except server_binaries.Missing as missing:
                yield str(missing)
