"""Framing between the service, the template and its workers: JSON packets, and length-prefixed lists of byte strings.

Never objects: what comes from a worker, where parsers run, is only data.
"""

import struct
from collections.abc import Sequence

FORK, END = b"fork", b"end "  # requests to the template
PACKET = 4096  # bytes; they and their answers are far shorter
MOST = 256 * 1024 * 1024  # bytes; the service's own memory is bounded too
_LENGTH = struct.Struct(">I")
HEADER = _LENGTH.size  # bytes before the body, which hold its length


class TooLong(Exception):  # noqa: N818 - what is wrong with a frame
    """A frame is longer than the one who waits for it takes."""


def packed(parts: Sequence[bytes]) -> bytes:
    """Return the frame of some parts; raise TooLong where it would not be taken."""
    size = sum(HEADER + len(part) for part in parts)
    if size > MOST:
        raise TooLong(f"{size} bytes are more than {MOST}")
    return b"".join([_LENGTH.pack(size), *(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))])


def body_size(header: bytes) -> int:
    """Return how many bytes follow the header; raise TooLong where they are not wanted."""
    size: int = _LENGTH.unpack(header)[0]
    if size > MOST:
        raise TooLong(f"{size} bytes are more than {MOST}")
    return size


def unpacked(body: bytes) -> list[bytes]:
    """Return the parts of a frame's body."""
    parts, at = [], 0
    while at < len(body):
        end = at + HEADER + _LENGTH.unpack_from(body, at)[0]
        parts.append(body[at + HEADER : end])
        at = end
    return parts
