"""Decompression of gzip and deflate in pieces, bounded by output size and by ratio: a bomb is never expanded."""

import zlib

MAX_RATIO = 200  # text has 3 to 10, a bomb 1,000
RATIO_COUNTS_FROM = 1024 * 1024  # bytes; a short text of one letter has a great ratio and harms nobody
_GZIP, _ZLIB, _RAW = 31, 15, -15  # window bits of zlib
_PIECE = 256 * 1024  # bytes of output between two checks
_MAX_MEMBERS = 1_000  # of one gzip file
_DEFLATED = 8  # method in the low half of the first byte of a zlib stream


class TooLarge(Exception):  # noqa: N818 - it describes the bytes
    """More bytes than the limit; ``bomb``: more than the ratio allows."""

    def __init__(self, said: str, *, bomb: bool = False) -> None:
        super().__init__(said)
        self.bomb = bomb


class NotDecodable(ValueError):  # noqa: N818 - it describes the bytes
    """The bytes are not in this encoding, or end before they should."""


class BoundedInflate:
    """Decodes one body: ``encoding`` is gzip, deflate or identity; ``limit`` is in bytes of output."""

    def __init__(self, encoding: str, limit: int, *, max_ratio: int = MAX_RATIO) -> None:
        if encoding not in {"gzip", "deflate", "identity"}:
            raise NotDecodable(f"encoding {encoding[:40]!r} is not read")
        self._encoding, self._limit, self._ratio = encoding, limit, max_ratio
        self._inflate = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
        self._members = 1
        self.received = self.made = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return the output of a chunk of input; raises TooLarge and NotDecodable."""
        self.received += len(chunk)
        if self._encoding == "identity":
            self._count(len(chunk))
            return chunk
        if self._inflate is None and chunk:
            self._inflate = zlib.decompressobj(_ZLIB if _is_zlib(chunk) else _RAW)
        made, more = bytearray(), bool(chunk)
        while more and self._inflate:
            most = min(_PIECE, self._limit + 1 - self.made)
            try:
                part = self._inflate.decompress(chunk, most)
            except zlib.error as error:
                raise NotDecodable(f"the body is no {self._encoding}: {error}") from None
            self._count(len(part))
            made += part
            if self._inflate.eof:
                chunk, more = self._next_member(self._inflate.unused_data), False
            else:
                chunk, more = self._inflate.unconsumed_tail, len(part) == most  # it may hold output back
            more = more or bool(chunk)
        return bytes(made)

    def end(self) -> None:
        """Raise NotDecodable where the input ended too early."""
        if self._inflate and not self._inflate.eof:
            raise NotDecodable(f"the {self._encoding} of the body is cut")

    def _next_member(self, rest: bytes) -> bytes:
        """Return what is left to read: another gzip member; anything else behind the end is ignored, as by gzip."""
        if self._encoding != "gzip" or not rest.startswith(b"\x1f\x8b"):
            return b""
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise TooLarge(f"more than {_MAX_MEMBERS:,} gzip members", bomb=True)
        self._inflate = zlib.decompressobj(_GZIP)
        return rest

    def _count(self, size: int) -> None:
        self.made += size
        if self._encoding != "identity" and self.made > max(RATIO_COUNTS_FROM, self._ratio * self.received):
            raise TooLarge(f"more than {self._ratio} times its {self._encoding}", bomb=True)
        if self.made > self._limit:
            raise TooLarge(f"more than {self._limit:,} bytes")


def _is_zlib(chunk: bytes) -> bool:
    """Tell a zlib stream, as RFC 9110 has deflate, from the raw one that some servers send."""
    return chunk[0] & 0x0F == _DEFLATED and (len(chunk) == 1 or int.from_bytes(chunk[:2], "big") % 31 == 0)


def inflated(data: bytes, limit: int) -> bytes:
    """Return a whole gzip file decompressed; raises TooLarge and NotDecodable."""
    inflate = BoundedInflate("gzip", limit)
    made = b"".join(inflate.feed(data[at : at + 65_536]) for at in range(0, len(data), 65_536))
    inflate.end()
    return made
