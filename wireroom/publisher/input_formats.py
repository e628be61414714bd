"""Which format an input has: named by the user, by the suffix of its name, or by its first bytes."""

from enum import StrEnum
from pathlib import PurePath


class Format(StrEnum):
    """What `--format` takes."""

    AUTO = "auto"
    TEXT = "text"
    HTML = "html"
    JSON = "json"
    JSONL = "jsonl"
    XML = "xml"  # NITF and NewsML-G2
    CSV = "csv"
    PARQUET = "parquet"
    WARC = "warc"
    EML = "eml"
    MBOX = "mbox"
    ZIP = "zip"


_BY_SUFFIX = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".xhtml": Format.HTML,
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".md": Format.TEXT,
    ".xml": Format.XML,
    ".nitf": Format.XML,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".warc": Format.WARC,
    ".eml": Format.EML,
    ".mbox": Format.MBOX,
    ".zip": Format.ZIP,
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = (
    (b"PK\x03\x04", Format.ZIP),
    (b"PK\x05\x06", Format.ZIP),  # an empty one
    (b"PAR1", Format.PARQUET),
    (b"WARC/", Format.WARC),
)
NEEDS_A_FILE = frozenset({Format.ZIP, Format.PARQUET})  # read from their end, so no pipe and no compression


def by_name(name: str) -> tuple[Format, str]:
    """Return the format that a name says, else AUTO, and its compression: "gzip", "zstd" or ""."""
    path = PurePath(name)
    compression = _COMPRESSIONS.get(path.suffix.lower(), "")
    if compression:
        path = path.with_suffix("")
    return _BY_SUFFIX.get(path.suffix.lower(), Format.AUTO), compression


def by_magic(head: bytes) -> Format:
    """Return the format that the first bytes say, else AUTO."""
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), Format.AUTO)


def compression_by_magic(head: bytes) -> str:
    return "gzip" if head.startswith(b"\x1f\x8b") else "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else ""
