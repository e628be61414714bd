"""Members of a zip file as streams of chunks, bounded by number, size and ratio; nothing is written to disk."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.errors import Reason, Rejected
from shared.web.bounded_inflate import MAX_RATIO, RATIO_COUNTS_FROM
from wireroom.publisher.archives.decompression import CHUNK
from wireroom.publisher.archives.records import BrokenArchive

_MOST_DIRECTORY = 32 * 1024 * 1024  # bytes; Python keeps some 20 times as much in memory
_END = struct.Struct("<4s4H2LH")  # the end of central directory record
_MOST_COMMENT = 65_535
_KNOWN = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # the others cannot be read in bounded pieces
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error)  # what zipfile raises


@dataclass(frozen=True)
class Member:
    """``chunks`` raises Rejected where the member is a bomb or damaged."""

    name: str
    size: int  # as the directory says it
    chunks: Iterator[bytes]


def members(file: BinaryIO) -> Iterator[Member]:
    """Yield the files of a zip file in its order; raises BrokenArchive."""
    _check_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise BrokenArchive(f"no zip file, or a damaged one: {error}") from None
    with archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield Member(info.filename, info.file_size, _chunks(archive, info))


def _check_directory(file: BinaryIO) -> None:
    """Refuse a directory that is too large before it is read."""
    size = file.seek(0, 2)
    file.seek(max(size - _MOST_COMMENT - _END.size, 0))
    tail = file.read(_MOST_COMMENT + _END.size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise BrokenArchive("no zip file: it has no directory")
    length = _END.unpack_from(tail, at)[5]
    if min(length, size) > _MOST_DIRECTORY:
        raise BrokenArchive(f"its directory is larger than {_MOST_DIRECTORY:,} bytes: split it into several zip files")
    file.seek(0)


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    if info.flag_bits & _ENCRYPTED:
        raise Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, "it is encrypted")
    if info.compress_type not in _KNOWN:
        raise Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, f"compression method {info.compress_type}; deflate is read")
    made, most = 0, max(RATIO_COUNTS_FROM, MAX_RATIO * info.compress_size)
    try:
        with archive.open(info) as member:
            while chunk := member.read(CHUNK):
                made += len(chunk)
                if made > most:
                    said = f"more than {MAX_RATIO} times what is compressed: a compression bomb"
                    raise Rejected(Reason.TOO_LARGE, said)
                yield chunk
    except (*_DAMAGED, zlib.error, EOFError) as error:
        raise Rejected(Reason.SCHEMA, f"it is damaged: {error}") from None
