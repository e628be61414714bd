"""Hard-wrapped plain text: which lines continue the paragraph of the line before.

A line break is *forced* where the next word would not have fitted into the column that the text was wrapped at. Text
was wrapped if nearly every break inside of a sentence is forced; text with one paragraph a line has hardly any.
Some programs break lines before they are full, to make them of one length. That is recognised where blank lines tell
the paragraphs apart: inside of these most breaks are then followed by a small letter.
"""

import re
from collections.abc import Sequence

_MIN_COLUMN, _USUAL_COLUMN, _MAX_COLUMN = 40, 82, 130
_LONGER = 0.05  # of the lines may stick out of the column, as a heading does
_FORCED = 0.9  # of the breaks inside of sentences
_MANY, _MANY_FORCED = 20, 0.75  # of so many breaks fewer need to be: titles in a list are no sentences
_UNFINISHED = 0.3  # of the breaks behind long lines are inside of sentences, where the script has no small letters
_SURE, _HARDLY = 0.15, 0.05  # of the breaks behind long lines are followed by a small letter
_MIN_BREAKS = 3
_EVEN = 0.4  # of the breaks inside of paragraphs are followed by a small letter, where lines are not filled;
_EVEN_LENGTH = 0.7  # of the longest is what the others have
_EVEN_COLUMNS = range(60, _MAX_COLUMN + 1)  # the lines of a poem are shorter
_CLOSING = r"(?:\s?[\"'”’»)\]])*"
_ENDS_SENTENCE = re.compile(rf"[.!?:…。！？؟।]{_CLOSING}$")
_INSIDE_END = re.compile(rf"[^\W\d_]{{2}}[.!?…]{_CLOSING}\s+[\"'“‘«„(¿¡]*[^\W\d_a-z]")
# how captions end: a word, a colon and names, or an agency and a name in brackets
_CREDIT_ENDS = re.compile(
    r"\w\s?:\s(?:[^\W\d_a-z][\w.'’-]*[ /]+){1,4}[^\W\d_]+$|\([^():/]+\s?[:/]\s?[^\W\d_a-z][^()]*\)$"
)
_LEADS = (":", "：")
_ANY_WORD, _SMALL_WORD = re.compile(r"\w"), re.compile(r"\s[^\W\d_A-Z]")


def continuations(lines: Sequence[str], begins: Sequence[bool], *, whole: bool = True) -> list[bool]:
    """Tell for each line whether it continues the paragraph of the line before it.

    ``begins`` is true where the layout tells that a paragraph begins: behind a blank line, or indented. ``whole`` is
    false for a part of a page, which may be a listing or a poem: of that more lines must look wrapped.
    """
    breaks = [at for at in range(1, len(lines)) if not begins[at]]
    column = _column(lines, whole=whole) if breaks else None
    found = [False] * len(lines)
    if column is not None:
        for at in breaks:
            found[at] = _is_forced(lines[at - 1], lines[at], column)
        told_apart = _told_apart(begins, found)
        if _is_wrapped(lines, breaks, found, column, told_apart=told_apart, whole=whole):
            return found if told_apart else _taken_apart(lines, found)
        found = [False] * len(lines)
    if whole and _is_even(lines, breaks):
        longest = max(map(len, lines))
        for at in breaks:
            found[at] = len(lines[at - 1]) >= _EVEN_LENGTH * longest
    return found


def _told_apart(begins: Sequence[bool], continues: Sequence[bool]) -> bool:
    """Tell whether the layout marks most beginnings of paragraphs, so that a line it does not mark begins none."""
    ends = [at for at in range(1, len(begins)) if not continues[at]]
    return 2 * sum(begins[at] for at in ends) > len(ends)


def _taken_apart(lines: Sequence[str], continues: Sequence[bool]) -> list[bool]:
    """Part paragraphs that only look like one, because the last line of the upper one is full by chance.

    So is one of ten, and as many ends of sentences inside of paragraphs are at the end of a line. Those are fewer where
    more sentences end a paragraph than stand inside of one. What is no sentence and continues nothing is a label, and
    below the credit of a picture begins a paragraph.
    """
    found = list(continues)
    ended = [_ENDS_SENTENCE.search(line) is not None and not line.endswith(_LEADS) for line in lines]
    for at, line in enumerate(lines):
        if continues[at] and _may_begin(line):
            label = ended[at - 1] and not ended[at] and _is_last(continues, at)
            found[at] = not (label or (_CREDIT_ENDS.search(lines[at - 1]) and _SMALL_WORD.search(line)))
    ends = sum(ended[at] and _is_last(found, at) for at in range(len(lines)))
    if ends > sum(len(_INSIDE_END.findall(line)) for line in lines):
        for at, line in enumerate(lines):
            found[at] = found[at] and not (ended[at - 1] and _may_begin(line))
    return found


def _may_begin(line: str) -> bool:
    """Tell whether a paragraph may begin with a line: not with a small letter, nor with nothing but a closing mark."""
    return not line[0].islower() and _ANY_WORD.search(line) is not None


def _is_last(continues: Sequence[bool], at: int) -> bool:
    return at + 1 == len(continues) or not continues[at + 1]


def _column(lines: Sequence[str], *, whole: bool) -> int | None:
    """Return the column that a text would have been wrapped at, in characters; None if its lines are too long."""
    wide = [line.lstrip() for line in lines if len(line) >= _MIN_COLUMN]
    parted = [line for line in wide if " " in line]  # a link is as long as it is
    lengths = sorted(map(len, parted if whole and 2 * len(parted) > len(wide) else wide))
    if not lengths:
        return None
    column = lengths[-1 - int(len(lengths) * _LONGER)]
    return column if column <= _MAX_COLUMN else None


def _is_wrapped(
    lines: Sequence[str], breaks: Sequence[int], forced: Sequence[bool], column: int, *, told_apart: bool, whole: bool
) -> bool:
    """Tell whether the breaks inside of sentences are forced: those followed by a small letter, else all of them.

    One such break is enough where all lines are as short as wrapped ones: few paragraphs of articles are.
    """
    usual = whole and column <= _USUAL_COLUMN
    least, sure = (1, _HARDLY) if usual else (_MIN_BREAKS, _SURE)
    long = [at for at in breaks if 2 * len(lines[at - 1]) > column]
    some = long if whole else breaks  # a listing has short lines too, of which none ends a sentence
    small = [at for at in long if lines[at][0].islower() and not _ENDS_SENTENCE.search(lines[at - 1])]
    if len(small) >= max(least, sure * len(long)) and _mostly(small, forced, whole=whole):
        return True
    unfinished = [at for at in some if not _ENDS_SENTENCE.search(lines[at - 1])]
    enough = max(least if told_apart else _MIN_BREAKS, _UNFINISHED * len(some))
    return len(unfinished) >= enough and _mostly(unfinished, forced, whole=whole)


def _mostly(breaks: Sequence[int], forced: Sequence[bool], *, whole: bool) -> bool:
    share = _MANY_FORCED if whole and len(breaks) >= _MANY else _FORCED
    return sum(forced[at] for at in breaks) >= share * len(breaks)


def _is_even(lines: Sequence[str], breaks: Sequence[int]) -> bool:
    """Tell whether paragraphs that blank lines tell apart were broken into lines of about one length."""
    longest = max(map(len, lines), default=0)
    told_apart = len(lines) - 1 - len(breaks)
    if len(breaks) < _MIN_BREAKS or not told_apart or longest not in _EVEN_COLUMNS:
        return False
    small = [at for at in breaks if lines[at][0].islower() and not _ENDS_SENTENCE.search(lines[at - 1])]
    even = sum(len(lines[at - 1]) >= _EVEN_LENGTH * longest for at in small)
    return len(small) >= _EVEN * len(breaks) and even >= _FORCED * len(small)


def _is_forced(text: str, following: str, column: int) -> bool:
    """Tell whether the next word did not fit; a short line ends as it was meant to, also before an endless link."""
    return 2 * len(text) > column and len(text) + 1 + len(following.split(" ", 1)[0]) > column
