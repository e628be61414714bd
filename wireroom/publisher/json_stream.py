"""JSON Lines, arrays and pretty-printed objects as a stream of values, each with its bytes unchanged.

The memory taken is that of one value: a line or an element longer than the limit is told and not kept.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import orjson

from shared.errors import Reason, Rejected

_ARRAY = re.compile(rb"\s*\[\s*(?:\{|\]|$)")  # and not a text that begins with a bracket
_OBJECT = re.compile(rb'\s*\{\s*(?:"|\}|$)')
_READ_AT_ONCE = 64 * 1024  # characters


@dataclass(frozen=True)
class Found:
    """``number`` is the line, or in an array and among pretty-printed objects the number of the value, from 1."""

    number: int
    data: bytes
    refusal: Rejected | None = None


def looks_like_json(head: bytes) -> bool:
    """Tell whether an input that begins so is JSON of any kind."""
    return bool(_ARRAY.match(head) or _OBJECT.match(head))


def values(chunks: Iterable[bytes], most: int, *, named_lines: bool = False) -> Iterator[Found]:
    """Yield the values of JSON Lines, of an array, or of objects over several lines, whichever it is.

    ``named_lines``: the name says JSON Lines, so only what cannot be that is read as something else.
    What is no JSON on its line is yielded as it is; in an array nothing can be told of what follows it.
    """
    chunks = iter(chunks)
    head = b""
    while not head.strip() and (chunk := next(chunks, b"")):
        head += chunk
    chunks = chain([head], chunks)
    if _ARRAY.match(head):
        yield from documents(chunks, most)
        return
    numbered = lines(chunks, most)
    begin: list[Found] = []
    if _is_over_lines(begin, numbered, named_lines=named_lines):
        yield from documents((found.data + b"\n" for found in chain(begin, numbered)), most)
    else:
        yield from (line for line in chain(begin, numbered) if line.refusal or line.data.strip())


def _is_over_lines(begin: list[Found], numbered: Iterator[Found], *, named_lines: bool) -> bool:
    """Tell whether an object goes over several lines; puts the lines that were read for it into ``begin``."""
    for first in numbered:
        begin.append(first)
        if first.refusal or first.data.strip():
            break
    if not begin or first.refusal or _is_json(first.data) or not _OBJECT.match(first.data):
        return False
    if named_lines:
        return first.data.strip() == b"{"
    begin.extend(islice(numbered, 1))
    return not _is_object(begin[-1].data)


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_object(data: bytes) -> bool:
    return data.lstrip().startswith(b"{") and _is_json(data)


def lines(chunks: Iterable[bytes], most: int) -> Iterator[Found]:
    """Yield the lines with their numbers; of one that is too long only its size is known."""
    number, pending, size = 1, bytearray(), 0
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            yield _line(number, pending, piece, size + len(piece), most)
            number, size = number + 1, 0
            pending.clear()
        size += len(rest)
        if size <= most:
            pending += rest
        else:
            pending.clear()
    if size:
        yield _line(number, pending, b"", size, most)


def _line(number: int, pending: bytearray, piece: bytes, size: int, most: int) -> Found:
    if size > most:
        return Found(number, b"", Rejected(Reason.TOO_LARGE, f"{size:,} bytes in one line; at most {most:,} are read"))
    return Found(number, bytes(pending) + piece if pending else piece)


def documents(chunks: Iterable[bytes], most: int) -> Iterator[Found]:
    """Yield the elements of an array, or of one value after another; the first that is no JSON ends it."""
    text, number = _Text(chunks, most), 0
    in_array = text.next_char() == "["
    if in_array:
        text.skip()
    while (char := text.next_char()) and not (in_array and char == "]"):
        number += 1
        try:
            data = text.take()
        except Rejected as refusal:
            yield Found(number, b"", refusal)
            return
        yield Found(number, data)
        if text.next_char() == ",":
            text.skip()
    if in_array and not char:
        yield Found(number + 1, b"", Rejected(Reason.NOT_JSON, "the array has no end: the input is cut"))


class _Text:
    """Decoded input, of which as much is in memory as one value needs; bytes that are no UTF-8 survive."""

    def __init__(self, chunks: Iterable[bytes], most: int) -> None:
        self._chunks, self._most = iter(chunks), most
        self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._json = json.JSONDecoder(strict=False)  # which characters a string may hold is for the services to say
        self._text, self._at, self._ended = "", 0, False

    def next_char(self) -> str:
        """Return the character after white space, and "" at the end."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._fill(1)

    def skip(self) -> None:
        self._at += 1

    def take(self) -> bytes:
        """Return the value that begins here; raises Rejected where there is none."""
        while True:
            try:
                end = self._json.raw_decode(self._text, self._at)[1]
            except (ValueError, RecursionError) as error:
                here = len(self._text) - self._at
                if self._ended or here > self._most:
                    raise self._refusal(error) from None
                self._fill(max(2 * here, _READ_AT_ONCE))  # twice as much: a long value is not parsed for each chunk
            else:
                taken, self._at = self._text[self._at : end], end
                return taken.encode("utf-8", "surrogateescape")

    def _refusal(self, error: Exception) -> Rejected:
        if not self._ended and isinstance(error, ValueError):
            said = f"no JSON, or a value of more than {self._most:,} characters; what follows it is not read"
            return Rejected(Reason.NOT_JSON, said)
        cause = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        return Rejected(Reason.NOT_JSON, f"{cause}; what follows it is not read")

    def _fill(self, characters: int) -> None:
        """Read until so many characters are there, as far as the input has them."""
        parts, size = [self._text[self._at :]], len(self._text) - self._at
        while size < characters and not self._ended:
            chunk = next(self._chunks, None)
            self._ended = chunk is None
            parts.append(self._utf8.decode(chunk or b"", final=self._ended))
            size += len(parts[-1])
        self._text, self._at = "".join(parts), 0
