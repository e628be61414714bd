"""Bounded decompression: gzip and Zstandard files as a stream of chunks, and the content encodings of HTTP.

Every piece of output is asked for by size, so a compression bomb takes no more memory than a chunk.
"""

import zlib
from collections.abc import Iterator

import brotli
import zstandard

from shared.errors import Reason, Rejected
from shared.web.bounded_inflate import MAX_RATIO, RATIO_COUNTS_FROM, BoundedInflate, NotDecodable, TooLarge
from wireroom.publisher.archives.records import BrokenArchive

CHUNK = 64 * 1024  # bytes
_MOST_WINDOW = 128 * 1024 * 1024  # bytes of memory that a Zstandard stream may ask for, as `zstd -d` allows
_MOST_OF_FILE = 1000  # times its size: lines that repeat each other compress well
_FILE_COUNTS_FROM = 1024 * 1024 * 1024  # bytes
_TRANSFER_LINE = 100  # bytes of a chunk's header


def gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what the members of a gzip file hold; raises BrokenArchive."""
    inflate, received, made = zlib.decompressobj(wbits=31), 0, 0
    for chunk in chunks:
        received += len(chunk)
        given = chunk
        while given:
            try:
                part = inflate.decompress(given, CHUNK)
            except zlib.error as error:
                raise BrokenArchive(f"no gzip, or a damaged one: {error}") from None
            made += len(part)
            _check_file(received, made)
            if part:
                yield part
            given = inflate.unconsumed_tail
            if inflate.eof:
                given = inflate.unused_data.lstrip(b"\0")  # padding, as tape drives leave it
                if given:
                    inflate = zlib.decompressobj(wbits=31)
    while part := inflate.decompress(inflate.unconsumed_tail, CHUNK):
        yield part
    if received and not inflate.eof:
        raise BrokenArchive("the gzip file is cut")


def unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what the frames of a Zstandard file hold; raises BrokenArchive."""
    source = _Counted(chunks)
    reader = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).stream_reader(
        source,  # type: ignore[arg-type] # it only reads
        read_across_frames=True,
    )
    made = 0
    while True:
        try:
            part = reader.read(CHUNK)
        except zstandard.ZstdError as error:
            raise BrokenArchive(f"no Zstandard file, or a damaged one: {error}") from None
        if not part:
            return
        made += len(part)
        _check_file(source.received, made)
        yield part


class _Counted:
    """Chunks as a file, for a library that reads one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest, self.received = chunks, b"", 0

    def read(self, size: int = -1) -> bytes:
        given = self._rest or next(self._chunks, b"")
        taken, self._rest = (given, b"") if size < 0 else (given[:size], given[size:])
        self.received += len(taken)
        return taken


def _check_file(received: int, made: int) -> None:
    if made > max(_FILE_COUNTS_FROM, _MOST_OF_FILE * received):
        raise BrokenArchive(f"{made:,} bytes, more than {_MOST_OF_FILE} times what is compressed: a compression bomb")


def http_body(body: bytes, transfer: str, encoding: str, most: int) -> bytes:
    """Return an HTTP body without its transfer and content encodings; raises Rejected beyond ``most`` bytes.

    Crawlers differ in what they keep: a body that is not encoded as its headers say is taken as it is.
    """
    if "chunked" in transfer.lower():
        body = _without_chunks(body)
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        body = _without_encoding(body, name, most)
    if len(body) > most:
        raise Rejected(Reason.TOO_LARGE, f"{len(body):,} bytes; at most {most:,} are read")
    return body


def _without_chunks(body: bytes) -> bytes:
    """Return the body that chunked transfer coding carries, or the same bytes where they are not in chunks."""
    parts, at = list[bytes](), 0
    while at < len(body):
        end = body.find(b"\n", at, at + _TRANSFER_LINE)
        try:
            size = int(body[at:end].partition(b";")[0], 16) if end > 0 else -1
        except ValueError:
            size = -1
        if size < 0:
            return b"".join(parts) if parts else body
        if size == 0:
            break
        parts.append(body[end + 1 : end + 1 + size])
        at = end + 1 + size + 2
    return b"".join(parts)


def _without_encoding(body: bytes, name: str, most: int) -> bytes:
    if body.lstrip()[:1] == b"<":  # no encoding begins so: the crawler has undone it
        return body
    most = min(most, max(RATIO_COUNTS_FROM, MAX_RATIO * len(body)))
    try:
        made = _decoded(body, name.removeprefix("x-"), most)
    except TooLarge as bomb:
        raise Rejected(Reason.TOO_LARGE, f"{bomb}, out of {len(body):,} as {name}") from None
    except (NotDecodable, brotli.error, zstandard.ZstdError):
        return body
    if len(made) > most:
        raise Rejected(Reason.TOO_LARGE, f"more than {most:,} bytes out of {len(body):,} as {name}")
    return made


def _decoded(body: bytes, name: str, most: int) -> bytes:
    """Return at most one byte more than ``most``; what is cut gives what there is."""
    match name:
        case "gzip" | "deflate":
            return BoundedInflate(name, most).feed(body)
        case "br":
            return _brotli(body, most)
        case "zstd":
            reader = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).stream_reader(body)
            return bytes(reader.read(most + 1))
        case _:
            return body


def _brotli(body: bytes, most: int) -> bytes:
    decoder, made, given = brotli.Decompressor(), bytearray(), body
    while len(made) <= most and not decoder.is_finished():
        part = decoder.process(given, output_buffer_limit=CHUNK)
        if not part and not given:
            break  # cut
        made += part
        given = b""
    return bytes(made[: most + 1])
