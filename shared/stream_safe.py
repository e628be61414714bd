"""Bounds how many marks stand in a row: putting a run of them into canonical order takes the square of its length.

After UAX #15, "Stream-Safe Text Format": at most 30 non-starters in a row. Real text stays far below; a megabyte of
them kept one call of ``normalize`` busy for half an hour. The standard puts a joiner into a longer run; here what is
beyond it goes, so that whatever else is done with marks is bounded too.
"""

import unicodedata
from functools import lru_cache

MOST_MARKS = 30
_STEP = MOST_MARKS + 1  # a longer run has a character at a multiple of this, so only those are looked at


def stream_safe(text: str) -> str:
    """Return the text with at most 30 marks or joiners in a row; ordinary text is returned as it is."""
    if text.isascii():
        return text
    sample = text[::_STEP]
    marks = {char for char in set(sample) if is_mark(char)}
    if not marks:
        return text
    pieces, kept, done = [], 0, 0
    for at, char in zip(range(0, len(text), _STEP), sample, strict=True):
        if char not in marks or at < done:
            continue
        start, done = _run(text, at, done)
        if done - start > MOST_MARKS:
            pieces.append(text[kept : start + MOST_MARKS])
            kept = done
    return "".join([*pieces, text[kept:]]) if pieces else text


@lru_cache(4096)
def is_mark(char: str) -> bool:
    """Tell whether it is a mark, an invisible joiner, or becomes nothing but marks when it is decomposed."""
    if unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"} or unicodedata.combining(char):
        return True
    return all(map(unicodedata.combining, unicodedata.normalize("NFKD", char)))


def _run(text: str, at: int, after: int) -> tuple[int, int]:
    """Return where the run of marks around a place starts, not before ``after``, and where it ends."""
    start, end = at, at + 1
    while start > after and is_mark(text[start - 1]):
        start -= 1
    while end < len(text) and is_mark(text[end]):
        end += 1
    return start, end
