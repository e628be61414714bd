"""Text from outside, made harmless for terminals and logs: nothing in it is obeyed, hidden, or ends a line.

Escapes write to the clipboard and the window's title, direction marks show other text than there is, separators begin
lines that nobody wrote, and lone surrogates cannot be written at all.
"""

import json
import re

_HARMFUL = (
    *((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F)),  # C0 but tab and line feed, delete, C1 with the next line
    *((0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E)),  # soft hyphen, Arabic letter mark, Mongolian vowel separator
    *((0x200B, 0x200B), (0x200E, 0x200F), (0x2028, 0x202E)),  # zero width space, directions, separators, embeddings
    *((0x2060, 0x206F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF)),  # invisible operators and isolates, surrogates, BOM
    *((0xFFF9, 0xFFFB), (0x13430, 0x13438), (0x1BCA0, 0x1BCA3)),  # annotations, controls of hieroglyphs and shorthand
    *((0x1D173, 0x1D17A), (0xE0000, 0xE007F)),  # controls of music, tags
)  # joiners (U+200C, U+200D) stay, Persian and emoji are written with them; so do the Arabic signs that are seen
_CLASS = "".join(f"{chr(first)}-{chr(last)}" for first, last in _HARMFUL)
_PATTERN = re.compile(f"[{_CLASS}]")
_PATTERN_AND_LINES = re.compile(f"[\n{_CLASS}]")


def harmless(text: str) -> str:
    """Replace what a terminal would obey or hide, one character for one, so that offsets into the text stay true."""
    return _PATTERN.sub("\N{REPLACEMENT CHARACTER}", text)


def harmless_line(text: str) -> str:
    """Do the same with line feeds."""
    return _PATTERN_AND_LINES.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(text: str) -> str:
    """Write what a terminal would obey or hide, and each line feed, as JSON escapes them."""
    return _PATTERN_AND_LINES.sub(_as_json, text)


def escaped_json(text: str) -> str:
    """Return the same JSON with nothing in it that a terminal would obey or hide."""
    return _PATTERN.sub(_as_json, text)


def _as_json(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


_FORMULA = re.compile("[\\s\ufeff]*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def no_formula(text: str) -> str:
    """Return a cell of a table file that no spreadsheet takes for a formula: one that would be has an apostrophe first.

    Full-width signs count too, and signs behind white space, as some programs trim it.
    """
    return f"'{text}" if _FORMULA.match(text) else text
