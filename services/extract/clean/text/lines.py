"""From a body to numbered lines of visible text; hard-wrapped paragraphs become one line each."""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from shared.errors import Reason, Rejected
from shared.stream_safe import stream_safe

MAX_LINES = 20_000  # each line costs an object downstream; what has more lines is a table or an attack

_BREAK = re.compile("\r\n|[\r\n\u2028\u2029]")
# C0 and C1 controls except tab, soft hyphen, zero width space, bidi marks, word joiner, BOM, lone surrogates
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_MIN_WIDTH, _MAX_WIDTH = 40, 130
_LONGER_THAN_WRAPPED = 0.05  # a pasted link or heading may stick out of a wrapped text
_FORCED = 0.9
_UNFINISHED = 0.3
_MIN_BREAKS = 3
_ENDS_SENTENCE = re.compile(r"[.!?:…。！？؟।][\"'”’»)\]]*$")  # noqa: RUF001 - full-width punctuation is meant


@dataclass(frozen=True, slots=True)
class Line:
    """A line with text: its number in the body from 1, what stands before it, and whether markup calls it a caption."""

    number: int
    text: str
    after_blank: bool = False
    caption: bool = False


def split(body: str) -> list[Line]:
    """Return the lines that hold text, in order, without invisible characters."""
    raw = _BREAK.split(body)
    lines = []
    blank = False
    for number, piece in enumerate(raw, 1):
        text = visible(piece)
        if text:
            lines.append(Line(number, text, blank))
        blank = not text
    return rejoin(limited(lines))


def limited(lines: list[Line]) -> list[Line]:
    """Return the lines; refuse what has too many."""
    if len(lines) > MAX_LINES:
        raise Rejected(Reason.TOO_LARGE, f"the text has {len(lines)} lines, at most {MAX_LINES} are an article")
    return lines


def visible(text: str) -> str:
    """Return the text as a reader sees it: composed, with single spaces, without control or endless marks."""
    text = stream_safe(text)
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    shown = " ".join(text.split())
    return shown if shown.isprintable() else " ".join(without_invisible(text).split())


def without_invisible(text: str) -> str:
    """Drop control characters, direction marks and lone surrogates; line breaks stay."""
    return _INVISIBLE.sub("", text)


def rejoin(lines: list[Line]) -> list[Line]:
    """Join the lines of each paragraph, if the text was wrapped at a fixed width; else leave it as it is."""
    width = _wrap_width(lines)
    if width is None:
        return lines
    joined = lines[:1]
    for before, line in pairwise(lines):
        if line.after_blank or not _is_forced(before.text, line.text, width):
            joined.append(line)
        else:
            head = joined[-1]
            joined[-1] = Line(head.number, f"{head.text} {line.text}", head.after_blank)
    return joined


def _wrap_width(lines: list[Line]) -> int | None:
    """Return the width a text was wrapped at: nearly every break inside a paragraph was forced by it."""
    pairs = [(a.text, b.text) for a, b in pairwise(lines) if not b.after_blank]
    if len(pairs) < _MIN_BREAKS:
        return None
    lengths = sorted(len(line.text) for line in lines)
    width = lengths[-1 - int(len(lengths) * _LONGER_THAN_WRAPPED)]
    if not _MIN_WIDTH <= width <= _MAX_WIDTH:
        return None
    unfinished = [pair for pair in pairs if not _ENDS_SENTENCE.search(pair[0])]
    forced = sum(_is_forced(*pair, width) for pair in unfinished)
    enough = len(unfinished) >= max(_MIN_BREAKS, _UNFINISHED * len(pairs))
    return width if enough and forced >= _FORCED * len(unfinished) else None


def _is_forced(text: str, following: str, width: int) -> bool:
    return len(text) + 1 + len(following.split(" ", 1)[0]) > width
