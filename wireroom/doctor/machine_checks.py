"""This machine: Python, the models, the folder and the disk of the one-machine stack, and its services."""

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from services.extract.settings import ExtractSettings
from shared.errors import WrongSetting
from shared.limits import Limits
from shared.observability.healthcheck import why
from shared.topology import buckets, streams
from wireroom.doctor.findings import Finding, ok, problem, warning
from wireroom.local import stack_state

_GB = 1024**3
_OLDEST = (3, 11)
_MONGO_ROOM = 2 * _GB  # below it MongoDB stops before long


def look(data: Path) -> Iterator[Finding]:
    """Look at what is here, without connecting to anything but the health ports of this machine."""
    found = platform.python_version()
    if sys.version_info < _OLDEST:
        yield problem("Python", found, "Install 3.11 or newer.")
    else:
        yield ok("Python", found)
    yield from _models()
    yield from _folder(data)
    if running := stack_state.running(data):
        for name, port in running.health_ports.items():
            causes = why(port)
            check = f"service {name}"
            if causes:
                yield problem(check, f"port {port}: {'; '.join(causes)}", f"Look into {data}/logs/{name}.log.")
            else:
                yield ok(check, f"port {port}: it can take work")


def _models() -> Iterator[Finding]:
    """Whether each model is there, for its language and for this spaCy; `wireroom models check` also runs it."""
    import spacy  # noqa: PLC0415 - it takes a second

    from services.extract.entities.ner.models import find_model, install_command, meta_of, serves  # noqa: PLC0415

    try:
        models = ExtractSettings().models
    except WrongSetting as wrong:
        yield problem("settings of extract", str(wrong), "See there.")
        return
    yield ok("spaCy", version("spacy"))
    for language, name in sorted(models.items()):
        check = f"model for {language}"
        path = find_model(name)
        if path is None:
            yield problem(check, f"{name} is not installed", f"Run `{install_command(name)}`.")
            continue
        meta = meta_of(path)
        if not serves(meta["lang"], language):
            todo = f"Name a model for {language!r} in WIREROOM_EXTRACT_MODELS."
            yield problem(check, f"{name} is for {meta['lang']!r}", todo)
        elif not spacy.util.is_compatible_version(version("spacy"), meta["spacy_version"]):
            todo = "Install the model of this spaCy's release."
            yield warning(check, f"{name} is made for spaCy {meta['spacy_version']}", todo)
        else:
            yield ok(check, f"{name} {meta['version']}")


def _folder(data: Path) -> Iterator[Finding]:
    """Who can read the folder of the one-machine stack, and whether this user can write it."""
    check = "data folder"
    if not data.exists():
        yield ok(check, f"{data} is not there; `wireroom up` makes it")
        return
    owner, mode = data.stat().st_uid, stat.S_IMODE(data.stat().st_mode)
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield problem(check, f"{data} cannot be written by this user", "Run as its owner, or name another with --data.")
        return
    if mode & 0o077:
        yield warning(check, f"others can reach {data} (mode {mode:o})", f"Run `chmod 700 {data}`.")
    elif owner != os.geteuid():
        yield warning(
            check, f"{data} belongs to user {owner}", "Run as its owner: the files of two users block each other."
        )
    else:
        yield ok(check, f"{data}, of this user alone")


def disk(data: Path, limits: Limits) -> Finding:
    """Whether the disk has room for what the streams may keep; what they keep already is on it."""
    kept = sum(path.stat().st_size for path in (data / "nats").rglob("*.blk"))
    limit = sum(stream.max_bytes or 0 for stream in streams(limits))
    limit += sum(bucket.max_bytes or 0 for bucket in buckets(limits))
    free, needed = shutil.disk_usage(data).free, max(0, limit - kept)
    found = f"{free / _GB:.1f} GB free; the streams may take {needed / _GB:.1f} GB more"
    if free < _MONGO_ROOM:
        return problem("disk", found, "Make room: a full disk stops the broker and the database.")
    if free < needed + _MONGO_ROOM:
        return warning("disk", found, "Make room or lower what the streams keep, before the disk is full.")
    return ok("disk", found)
