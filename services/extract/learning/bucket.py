"""The shared tables: one key for each source, changed only by whoever has seen its last state."""

from collections.abc import AsyncIterator, Callable

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KV_OP, KeyValue
from pydantic import ValidationError

from services.extract.learning.table import Table
from shared.errors import Unavailable
from shared.reading import all_of
from shared.topology import FURNITURE

SUBJECTS = f"$KV.{FURNITURE}.>"
_STREAM = f"KV_{FURNITURE}"
_TRIES = 20  # against other replicas; each failure is another's success


async def change(js: JetStreamContext, source: str, edit: Callable[[Table], Table]) -> Table:
    """Edit a source's table and return it; the edit is made anew on what others wrote in between."""
    bucket = await _open(js)
    for _ in range(_TRIES):
        table, revision = await _get(bucket, source)
        edited = edit(table)
        if edited == table:
            return table
        try:
            await _put(bucket, source, edited, revision)
        except KeyWrongLastSequenceError:
            continue
        return edited
    raise Unavailable("NATS bucket", f"{FURNITURE}.{source}", f"others changed it {_TRIES} times in between")


async def tables(js: JetStreamContext) -> AsyncIterator[tuple[str, Table]]:
    """Yield every source with its table."""
    await _open(js)
    async for message in all_of(js, _STREAM, SUBJECTS):
        if (found := parse(message)) is not None:
            yield found


def parse(message: Msg) -> tuple[str, Table] | None:
    """Return a source and its table; None where the key was deleted, or holds what no release of ours wrote."""
    if (message.headers or {}).get(KV_OP):
        return None
    try:
        return message.subject.rpartition(".")[2], Table.model_validate_json(message.data)
    except ValidationError:
        return None


async def _open(js: JetStreamContext) -> KeyValue:
    try:
        return await js.key_value(FURNITURE)
    except BucketNotFoundError:
        raise Unavailable("NATS bucket", FURNITURE, "it was never made; run `wireroom setup`") from None


async def _get(bucket: KeyValue, source: str) -> tuple[Table, int | None]:
    try:
        entry = await bucket.get(source)
    except KeyNotFoundError:
        return Table(), None
    try:
        return Table.model_validate_json(entry.value or b""), entry.revision
    except ValidationError:
        return Table(), entry.revision


async def _put(bucket: KeyValue, source: str, table: Table, revision: int | None) -> None:
    data = table.model_dump_json(exclude_defaults=True).encode()
    if revision is None:
        await bucket.create(source, data)
    else:
        await bucket.update(source, data, last=revision)
