"""Hard-wrapped plain text: which lines continue the paragraph of the line before.

A line break is *forced* where the next word would not have fitted into the column that the text was wrapped at. Text
was wrapped if nearly every break inside of a sentence is forced; text with one paragraph a line has hardly any.
"""

import re
from collections.abc import Sequence

_MIN_COLUMN, _MAX_COLUMN = 40, 130
_LONGER = 0.05  # of the lines may stick out of the column, as a pasted link or a heading does
_FORCED = 0.9  # of the breaks inside of sentences
_UNFINISHED = 0.3  # of all breaks are inside of sentences, where the script has no small letters to tell it
_SURE = 0.15  # of the breaks behind long lines are followed by a small letter
_MIN_BREAKS = 3
_ENDS_SENTENCE = re.compile(r"[.!?:…。！？؟।][\"'”’»)\]]*$")


def continuations(lines: Sequence[str], begins: Sequence[bool]) -> list[bool]:
    """Tell for each line whether it continues the paragraph of the line before it.

    ``begins`` is true where the layout tells that a paragraph begins: behind a blank line, or indented.
    """
    breaks = [at for at in range(1, len(lines)) if not begins[at]]
    column = _column(lines, breaks)
    found = [False] * len(lines)
    if column is not None:
        for at in breaks:
            found[at] = _is_forced(lines[at - 1], lines[at], column)
    return found


def _column(lines: Sequence[str], breaks: Sequence[int]) -> int | None:
    """Return the column a text was wrapped at, in characters; None if it was not wrapped."""
    lengths = sorted(len(line.lstrip()) for line in lines if len(line) >= _MIN_COLUMN)
    if len(breaks) < _MIN_BREAKS or not lengths:
        return None
    column = lengths[-1 - int(len(lengths) * _LONGER)]
    if column > _MAX_COLUMN:
        return None
    unfinished = [at for at in breaks if not _ENDS_SENTENCE.search(lines[at - 1])]
    forced = {at for at in breaks if _is_forced(lines[at - 1], lines[at], column)}
    long = {at for at in breaks if 2 * len(lines[at - 1]) > column}
    small = [at for at in unfinished if at in long and lines[at][0].islower()]
    by_case = len(small) >= max(_MIN_BREAKS, _SURE * len(long)) and _mostly(small, forced)
    by_breaks = len(unfinished) >= max(_MIN_BREAKS, _UNFINISHED * len(breaks)) and _mostly(unfinished, forced)
    return column if by_case or by_breaks else None


def _mostly(breaks: Sequence[int], forced: set[int]) -> bool:
    return sum(at in forced for at in breaks) >= _FORCED * len(breaks)


def _is_forced(text: str, following: str, column: int) -> bool:
    """Tell whether the next word did not fit; a short line ends as it was meant to, also before an endless link."""
    return 2 * len(text) > column and len(text) + 1 + len(following.split(" ", 1)[0]) > column
