"""Collections of the article database as files of BSON documents, which MongoDB's own tools read too, and back."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure

from shared.errors import Unavailable
from wireroom.ops.backups.backup_manifest import SavedCollection, writing

Documents = Database[dict[str, Any]]


class Incomplete(Exception):  # noqa: N818 - what it is, to whoever catches it
    """What was restored is not what the backup has."""


_AT_ONCE = 500  # documents of one insertion
_LENGTH = 4  # bytes that begin a document and say how long it is
_SNAPSHOT_TOO_OLD = 239
_RAW = CodecOptions(document_class=RawBSONDocument)
_ID_INDEX = "_id_"  # that every collection has by itself


def save_all(database: Documents, folder: Path) -> tuple[SavedCollection, ...]:
    """Write every collection as it was at one moment; raises Unavailable where MongoDB keeps that for too short."""
    known = _ours(database)
    with database.client.start_session(snapshot=True) as session:
        try:
            return tuple(_save(database, found, folder, session) for found in known)
        except OperationFailure as error:
            if error.code != _SNAPSHOT_TOO_OLD:
                raise
            longer = "set its parameter minSnapshotHistoryWindowInSeconds to as long as a backup takes"
            raise Unavailable("MongoDB", database.name, f"it keeps no moment for so long; {longer}") from None


def not_empty(database: Documents) -> list[str]:
    """Return which collections hold something."""
    return [found["name"] for found in _ours(database) if database[found["name"]].find_one({}, {"_id": 1})]


def drop_all(database: Documents) -> None:
    for found in _ours(database):
        database.drop_collection(found["name"])


def _ours(database: Documents) -> list[Mapping[str, Any]]:
    """Return the collections that the server does not keep for itself, by name."""
    found = (each for each in database.list_collections() if each["type"] == "collection")
    return sorted((each for each in found if not each["name"].startswith("system.")), key=lambda each: each["name"])


def _save(database: Documents, found: Mapping[str, Any], folder: Path, session: ClientSession) -> SavedCollection:
    name, count = str(found["name"]), 0
    path = folder / SavedCollection.file_name(name)
    with writing(path) as writer:
        batches = cast("Iterable[bytes]", database[name].find_raw_batches({}, session=session))
        for batch in batches:
            writer.write(batch)
            count += _documents(batch)
    indexes = [dict(index) for index in database[name].list_indexes() if index["name"] != _ID_INDEX]
    return SavedCollection(
        name=name,
        options=_as_json(found.get("options", {})),
        indexes=[_as_json(index) for index in indexes],
        documents=count,
        file=writer.saved,
    )


def _documents(batch: bytes) -> int:
    """Return how many documents stand one behind the other."""
    count = place = 0
    while place < len(batch):
        place += int.from_bytes(batch[place : place + _LENGTH], "little")
        count += 1
    return count


def restore(database: Documents, saved: SavedCollection, folder: Path) -> None:
    """Make a collection that is not there from its file, with its validator and its indexes; raises Incomplete."""
    database.create_collection(saved.name, **_from_json(saved.options))
    collection = database[saved.name].with_options(codec_options=_RAW, write_concern=WriteConcern("majority", j=True))
    with saved.path(folder).open("rb") as file:
        documents = _read(file)
        while some := list(islice(documents, _AT_ONCE)):
            # what an older release wrote may not be what today's validator takes
            collection.insert_many(some, ordered=False, bypass_document_validation=True)
    if (count := collection.count_documents({})) != saved.documents:
        raise Incomplete(f"collection {saved.name} has {count} documents instead of {saved.documents}")
    if saved.indexes:
        database.command("createIndexes", saved.name, indexes=[_from_json(index) for index in saved.indexes])


def _read(file: Any) -> Iterator[RawBSONDocument]:  # noqa: ANN401 - an open file
    while size := file.read(_LENGTH):
        yield RawBSONDocument(size + file.read(int.from_bytes(size, "little") - _LENGTH))


def _as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS))
    return found


def _from_json(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json_util.loads(json.dumps(value))
    return found
