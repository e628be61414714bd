"""What a message costs to parse, told by a few passes over its bytes before it is parsed.

A parser makes an object of each value and an error of each that is wrong: four megabytes of short ones take ten
seconds, four megabytes of text a few milliseconds.
"""

import re
from itertools import accumulate
from typing import NamedTuple

from shared.errors import Reason, Rejected

_DEEPEST = 200  # what pydantic's parser takes; a message of ours has five levels
_LOOKED_AT = 64 * 1024  # bytes from the beginning
_BRACKETS = re.compile(rb"[^\[\]{}]+")


class Shape(NamedTuple):
    """How many strings a message may have, keys among them, and how many bytes that are in none."""

    strings: int
    structure: int


_BEGIN = 100  # bytes; who puts more space in front has it counted
_COSTLY = frozenset({b"{", b"[", b""})
FLAT = Shape(strings=2_000, structure=16_384)  # a submission has ten fields and at most a hundred tags
NESTED = Shape(strings=150_000, structure=1_000_000)  # names of some 10,000 different things, each with its place


def check_shape(data: bytes, most: Shape) -> None:
    """Refuse what has more strings, or more beside strings; what is no JSON may pass, a parser sees that at once."""
    begin = data[:_BEGIN].lstrip()[:1]
    if len(data) <= most.strings or begin not in _COSTLY:
        return
    if begin == b"[":
        raise Rejected(Reason.NOT_JSON, f"the message is {len(data)} bytes that begin with [, and no object")
    bare = data
    if b"\\" in bare:
        bare = bare.replace(b"\\\\", b"").replace(b'\\"', b"")  # in this order what is left escapes no quote
    _check_depth(bare)
    strings = (bare.count(b'"') + 1) // 2
    if strings > most.strings:
        raise Rejected(Reason.TOO_LARGE, f"the message has {strings} keys and texts, at most {most.strings} are taken")
    structure = sum(map(len, bare.split(b'"')[::2]))
    if structure > most.structure:
        detail = f"the message has {structure} bytes outside of texts, at most {most.structure} are taken"
        raise Rejected(Reason.TOO_LARGE, detail)


def _check_depth(bare: bytes) -> None:
    """Name it as the parser would: what begins with so many levels is no JSON to it, however large it is."""
    brackets = _BRACKETS.sub(b"", b"".join(bare[:_LOOKED_AT].split(b'"')[::2]))
    if max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0) > _DEEPEST:
        raise Rejected(Reason.NOT_JSON, f"it is nested more than {_DEEPEST} levels deep")
