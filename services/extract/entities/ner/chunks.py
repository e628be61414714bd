"""Cuts what the model takes too long for: its memory grows with the longest text, the tokenizer's time with symbols."""

import re
from collections.abc import Iterator
from itertools import pairwise

from shared.stream_safe import is_mark

MOST_SYMBOLS = 40  # in one run without a space; a link has some twenty
MOST_IN_A_ROW = 16  # and of these nothing but symbols
_LONG_RUN = re.compile(rf"\S{{{MOST_SYMBOLS + 1},}}")
_SYMBOL = re.compile(r"[^\w\s]|_")
LONGEST = 60_000  # code points; a long reportage, so that cutting is rare


def pieces(text: str, longest: int = LONGEST) -> Iterator[tuple[int, str]]:
    """Yield each piece with its offset: whole paragraphs where possible, else whole words; joined they are the text."""
    start = 0
    while len(text) - start > longest:
        end = start + longest
        cut = max(text.rfind("\n", start, end), -1) + 1 or text.rfind(" ", start, end) + 1 or end
        yield start, text[start:cut]
        start = cut
    yield start, text[start:]


def bounded_runs(text: str) -> list[str]:
    """Cut what is written without a space wherever it has so many symbols; joined the parts are the text.

    The tokenizer takes one symbol after the other off such a run and searches all of the rest each time: 8 kB of
    apostrophes took it ten seconds. Letters cost nothing, also where a script has no spaces, and marks belong to them.
    """
    cuts = [0]
    for run in _LONG_RUN.finditer(text):
        symbols = in_a_row = end = 0
        for symbol in _SYMBOL.finditer(text, run.start(), run.end()):
            if is_mark(symbol[0]):
                continue
            symbols, in_a_row = symbols + 1, in_a_row + 1 if symbol.start() == end else 1
            end = symbol.end()
            if symbols == MOST_SYMBOLS or in_a_row == MOST_IN_A_ROW:
                cuts.append(end)
                symbols = in_a_row = 0
    if len(cuts) == 1:
        return [text]
    return [text[start:end] for start, end in pairwise([*cuts, len(text)]) if start < end]
