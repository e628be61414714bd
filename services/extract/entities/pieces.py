"""Cuts very long texts: the model's memory grows with the longest text of a batch."""

from collections.abc import Iterator

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
