"""The shared tables: one key for each source, changed only by whoever has seen its last state."""

from collections.abc import AsyncIterator, Callable

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from pydantic import TypeAdapter

from services.extract.boilerplate.line_table import Table
from shared.broker.kv import Bucket, is_deleted
from shared.errors import Unavailable
from shared.messages import Source
from shared.topology import BOILERPLATE

_SOURCE = TypeAdapter[str](Source)
_TRIES = 20  # against other replicas; each failure is another's success


def _table(key: str, data: bytes) -> tuple[str, Table]:
    return _SOURCE.validate_python(key), Table.model_validate_json(data)


TABLES = Bucket(BOILERPLATE, _table)


async def change(js: JetStreamContext, source: str, edit: Callable[[Table], Table]) -> Table:
    """Edit a source's table and return it; the edit is made anew on what others wrote in between."""
    bucket = await TABLES.open(js)
    for _ in range(_TRIES):
        found, revision = await TABLES.get(bucket, source)
        table = found or Table()
        edited = edit(table)
        if edited == table:
            return table
        try:
            await _put(bucket, source, edited, revision)
        except KeyWrongLastSequenceError:
            continue
        return edited
    raise Unavailable("NATS bucket", f"{BOILERPLATE}.{source}", f"others changed it {_TRIES} times in between")


async def tables(js: JetStreamContext) -> AsyncIterator[tuple[str, Table]]:
    """Yield every source with its table."""
    await TABLES.open(js)
    async for message in TABLES.messages(js):
        if (found := parse(message)) is not None:
            yield found


def parse(message: Msg) -> tuple[str, Table] | None:
    """Return a source and its table; None where the key was deleted, or holds what no release of ours wrote."""
    return None if is_deleted(message) else TABLES.entry(message)


async def _put(bucket: KeyValue, source: str, table: Table, revision: int) -> None:
    data = table.model_dump_json(exclude_defaults=True).encode()
    await bucket.update(source, data, last=revision)
