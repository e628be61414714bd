"""``wireroom backup`` and ``wireroom restore``: all that broker and database hold, to a folder and back."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from nats.js.errors import APIError

from shared.errors import Unavailable
from shared.limits import Limits, size_text
from shared.settings import Settings, named_in
from wireroom.cli.connections import EX_UNAVAILABLE, mongo_articles, nats_connection
from wireroom.cli.output import counted, fail, say, tell
from wireroom.local import stack_state
from wireroom.local.server_binaries import Missing
from wireroom.local.supervisor import NotStarted
from wireroom.ops.backups import backup_manifest, backup_run, collection_files
from wireroom.ops.backups.backup_manifest import DamagedBackup, Manifest
from wireroom.ops.backups.collection_files import Incomplete
from wireroom.ops.backups.stream_snapshots import Refused

EX_CHECK = 1
EX_DATA = 65
EX_CANNOT_CREATE = 73
EX_IO = 74
_SERVERS = frozenset({"WIREROOM_NATS_URL", "WIREROOM_MONGO_URL"})
_SHOWN = 5  # names of streams, collections and readers


def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet, or is empty.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Save all that broker and database hold into a new folder, while everything goes on.

    Every stream with its consumers' positions, every collection with its indexes, and a manifest with versions,
    counts and checksums. What was acknowledged before it began is in it. Passwords and settings are not.

    Examples: `wireroom backup /srv/backups/2026-03-01`, `wireroom backup backup --json`
    """
    with _told(folder):
        backup_run.new_folder(folder)
        manifest = asyncio.run(_backup(Settings(), folder))
    tell(f"backed up {_content(manifest)}, in {folder}", _numbers(manifest), as_json=as_json)


def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Of `wireroom backup`.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what broker and database hold; else nothing may be there.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare every file with its checksum.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Put a backup into an empty broker and database, while no service runs; every file is checked first.

    Without addresses in the environment it is the one-machine stack of the --data folder, which must not run. Then the
    numbers of INBOX go on above what is stored, as after `wireroom setup --restored`.

    Examples: `wireroom restore /srv/backups/2026-03-01`, `wireroom restore backup --replace`
    """
    with _told(folder):
        manifest = backup_manifest.load(folder)
        if check:
            tell(f"{folder} is whole: {_content(manifest)}", _numbers(manifest), as_json=as_json)
            return
        asyncio.run(_restore(context, manifest, folder, replace=replace))
    tell(f"restored {_content(manifest)}", _numbers(manifest), as_json=as_json)


async def _backup(settings: Settings, folder: Path) -> Manifest:
    async with nats_connection(settings.nats_url) as connection:
        broker = await backup_run.save_broker(connection, folder, say)
    with mongo_articles(settings) as database:
        return await asyncio.to_thread(backup_run.save_database, broker, database, folder, say)


async def _restore(context: typer.Context, manifest: Manifest, folder: Path, *, replace: bool) -> None:
    data: Path = context.find_root().params["data"]
    from_stack: frozenset[str] = context.find_root().obj
    if from_stack:
        fail(EX_CHECK, f"The stack of {data} runs. Stop it first: `wireroom down`.")
    named = _SERVERS & named_in(os.environ)
    if stack_state.FOLDER_OF_CONTAINERS in os.environ:
        known = stack_state.credentials_folder(data)  # of users who may make streams, and write articles
        nats, mongo = (path.read_text("utf-8") for path in (known / "setup/nats_url", known / "store/mongo_url"))
        await _restore_into(Settings(nats_url=nats, mongo_url=mongo), manifest, folder, replace=replace)
    elif named == _SERVERS:
        await _restore_into(Settings(), manifest, folder, replace=replace)
    elif named:
        fail(EX_CHECK, f"{' and '.join(sorted(named))} is set alone. Set both, or none for the stack of {data}.")
    else:
        from wireroom.local import local_stack  # noqa: PLC0415 - it takes half a second to import

        say(f"Starting broker and database of {data}")
        async with local_stack.servers(data, say) as settings:
            await _restore_into(settings, manifest, folder, replace=replace)


async def _restore_into(settings: Settings, manifest: Manifest, folder: Path, *, replace: bool) -> None:
    from services.setup.preparation import Wish, setup  # noqa: PLC0415 - the service frameworks are slow to import

    async with nats_connection(settings.nats_url) as connection:
        js = connection.jetstream(timeout=10)
        if reading := await backup_run.in_use(js, manifest):
            fail(EX_CHECK, f"Services read {_some(reading)}. Stop all services first.")
        with mongo_articles(settings) as database:
            held = [
                *await backup_run.held_by_broker(js),
                *await asyncio.to_thread(collection_files.not_empty, database),
            ]
            if held and not replace:
                fail(EX_CHECK, f"There is something in {_some(held)}. --replace deletes all of it first.")
            await asyncio.to_thread(backup_run.restore_database, manifest, database, folder, say)
        await backup_run.restore_broker(connection, manifest, folder, settings.stream_replicas, say)
    for line in await setup(settings, Limits(), Wish(restored=True)):
        say(line)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say what went wrong with a backup, each with its own exit code."""
    try:
        yield
    except DamagedBackup as damage:
        fail(EX_DATA, "\n".join(damage.problems), lines=True)
    except FileExistsError as error:
        fail(EX_CANNOT_CREATE, f"{error}. A backup is written into a new folder.")
    except OSError as error:
        fail(EX_IO, f"{folder}: {error.strerror or error}")
    except (Refused, Incomplete, APIError) as error:
        fail(EX_UNAVAILABLE, f"{error}. What is there now is incomplete; repeat it.")
    except stack_state.AlreadyRunning:
        fail(EX_CHECK, "another `wireroom` is starting or stopping on the same folder. Try again in a few seconds.")
    except (Missing, NotStarted, Unavailable) as error:
        fail(EX_UNAVAILABLE, str(error), lines=True)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _content(manifest: Manifest) -> str:
    messages = f"{counted(manifest.messages, 'message')} of {counted(len(manifest.streams), 'stream')}"
    documents = f"{counted(manifest.documents, 'document')} of {counted(len(manifest.collections), 'collection')}"
    return f"{messages} and {documents}, {size_text(manifest.size)}"


def _numbers(manifest: Manifest) -> dict[str, object]:
    return {
        "began": manifest.began,
        "ended": manifest.ended,
        "bytes": manifest.size,
        "streams": {stream.name: stream.state.get("messages", 0) for stream in manifest.streams},
        "collections": {collection.name: collection.documents for collection in manifest.collections},
    }
