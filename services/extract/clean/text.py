"""Plain text: a body's lines, hard-wrapped paragraphs rejoined, and their words, in scripts with and without spaces."""

import re
import unicodedata
from dataclasses import dataclass, replace

from services.extract.clean.hard_wraps import continuations
from shared.errors import Reason, Rejected
from shared.stream_safe import stream_safe

MAX_LINES = 20_000  # each line costs an object downstream; what has more lines is a table or an attack

_BREAK = re.compile("\r\n|[\r\n\u2028\u2029]")
# C0 and C1 controls except tab, soft hyphen, zero width space, bidi marks, word joiner, BOM, lone surrogates
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_MAX_INDENT = 8  # columns; what is further in is centred
_HYPHENATED = re.compile(r"[^\W\d_]-$")

# Han, kana, Thai, Lao, Burmese and Khmer are written without spaces; about two characters make a word
_UNSPACED_RANGES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_UNSPACED = re.compile(f"[{_UNSPACED_RANGES}]")
_HANGUL_RANGE = "\uac00-\ud7af"
_HANGUL = re.compile(f"[{_HANGUL_RANGE}]")  # has spaces, but what stands between two of them says more than a word
_OTHERWISE_COUNTED = re.compile(f"[{_UNSPACED_RANGES}{_HANGUL_RANGE}]")
_CHARACTERS_PER_WORD = 2
_TOKEN = re.compile(f"[^\\W_{_UNSPACED_RANGES}]+|[{_UNSPACED_RANGES}]")
_SPACED_TOKEN, _ASCII_TOKEN = re.compile(r"[^\W_]+"), re.compile("[0-9a-z]+")  # the same, in less time
_DECIMAL = re.compile(r"\d")
_CLOSERS = " \"'”’»«“‘)]}』」】）*_"
_FULL_STOPS = tuple(".!?。！？؟۔।॥።։;؛．｡")
_THAI_AND_LAO = frozenset(map(chr, range(0x0E00, 0x0F00)))  # sentences have no full stop
_GREEK = frozenset(map(chr, (*range(0x0370, 0x0400), *range(0x1F00, 0x2000))))  # asks with a semicolon
_QUESTION = ("?", "？", "؟", "か。", "까.")
# a word in brackets behind the end of a sentence, such as an agency or "(laughs)"
_NOTE = re.compile(r"(?<=[.!?。！？…।\"'”’»」])\s*[(\[（［【][^\s()\[\]（）［］【】]{1,24}[)\]）］】]$")
_CLOSING_BRACKETS, _NOTE_CHARS = (")", "]", "）", "］", "】"), 30
_UNPOINTED = 40  # characters from which a line of these is taken for a sentence
_INNER_END = re.compile(r"[^\W\d_]{3,}[)\"'”’»]*[.!?]\s+[\"'“‘«„(]*[^\W\d_a-z]\w*\s+\w")
_INNER_END_UNSPACED = re.compile("[。！？][」』”）]*[^\\s」』”）]")
_CUT_OFF = ("...", "…", "[…]", "[...]")  # how teasers of other articles end
_SMALL_IN_NAMES = frozenset(
    "a al and ap ben bin da das de del della der des di do dos du e ed el en et for i ibn la las le les los of och "  # noqa: SIM905 - a list of quoted words is no clearer
    "oraz san und the van vom von via y zu zum zur".split()
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line with text: its number in the body from 1, what stands before it, and whether markup calls it a caption."""

    number: int
    text: str
    after_blank: bool = False
    caption: bool = False
    indent: int = 0  # columns that it is indented by, where that marks the beginning of a paragraph


def split(body: str, *, whole: bool = True) -> list[Line]:
    """Return the lines that hold text, in order, without invisible characters; those of a wrapped paragraph as one.

    ``whole`` is false for a text that is only a part of a page.
    """
    raw = _BREAK.split(body)
    if len(raw) > MAX_LINES:  # most of a very long text is refused before anything is made of its lines
        _limit(sum(not piece.isspace() for piece in raw if piece))
    lines = []
    blank = False
    for number, piece in enumerate(raw, 1):
        text = visible(piece)
        if text:
            lines.append(Line(number, text, blank, indent=_indentation(piece)))
        blank = not text
    least = min((line.indent for line in lines), default=0)  # as all of a quoted text is indented
    lines = limited([replace(line, indent=min(line.indent - least, _MAX_INDENT)) for line in lines])
    return rejoin(lines, whole=whole)


def limited(lines: list[Line]) -> list[Line]:
    """Return the lines; refuse what has too many."""
    _limit(len(lines))
    return lines


def _limit(count: int) -> None:
    if count > MAX_LINES:
        raise Rejected(Reason.TOO_LARGE, f"the text has {count} lines, at most {MAX_LINES} are an article")


def visible(text: str) -> str:
    """Return the text as a reader sees it: composed, with single spaces, without control or endless marks."""
    if not text.isascii():
        text = stream_safe(text)
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
    shown = " ".join(text.split())
    return shown if shown.isprintable() else " ".join(without_invisible(text).split())


def without_invisible(text: str) -> str:
    """Drop control characters, direction marks and lone surrogates; line breaks stay."""
    return _INVISIBLE.sub("", text)


def rejoin(lines: list[Line], *, whole: bool = True) -> list[Line]:
    """Join the lines of each paragraph, if the text was wrapped at a fixed column; else leave it as it is.

    ``whole`` is false for lines that are only a part of a page.
    """
    begins = [line.after_blank or line.indent > 0 for line in lines]
    written = [" " * line.indent + line.text for line in lines]
    joined: list[Line] = []
    for line, continues in zip(lines, continuations(written, begins, whole=whole), strict=True):
        if continues:
            head = joined[-1]
            between = "" if _HYPHENATED.search(head.text) else " "
            joined[-1] = replace(head, text=f"{head.text}{between}{line.text}")
        else:
            joined.append(line)
    return joined


def _indentation(raw: str) -> int:
    """Return by how many columns a line is indented, 0 for one; a tab counts as eight."""
    shown = raw.lstrip(" \t\u3000\xa0")
    columns = len(raw[: len(raw) - len(shown)].expandtabs())
    return columns if columns > 1 or raw.startswith("\u3000") else 0


def tokens(text: str) -> list[str]:
    """Return the words in lower case; every number is ``#``, so that "3 comments" and "12 comments" are one.

    Where words are not set apart by spaces each character is one.
    """
    text = text.casefold()
    if text.isascii():
        found = _ASCII_TOKEN.findall(text)
    else:
        found = (_TOKEN if _UNSPACED.search(text) else _SPACED_TOKEN).findall(text)
    if not _DECIMAL.search(text):
        return found
    return [f"#{word.lstrip('0123456789')}" if word[0].isdecimal() else word for word in found]


def count(text: str, found: int) -> int:
    """Return the number of words as languages with spaces and short words have them, given that of the tokens."""
    if text.isascii() or not _OTHERWISE_COUNTED.search(text):
        return found
    unspaced = len(_UNSPACED.findall(text))
    return max(found - unspaced + unspaced // _CHARACTERS_PER_WORD, len(_HANGUL.findall(text)) // _CHARACTERS_PER_WORD)


def ends_sentence(text: str) -> bool:
    """Tell whether the line ends as a sentence does; a teaser that was cut off does not."""
    if text.endswith(_CLOSING_BRACKETS) and (note := _NOTE.search(text, max(0, len(text) - _NOTE_CHARS))):
        text = text[: note.start()]
    text = text.rstrip(_CLOSERS)
    if text and text[-1] in _THAI_AND_LAO:
        return len(text) >= _UNPOINTED
    return (text.endswith(_FULL_STOPS) and not text.endswith(_CUT_OFF)) or _asks_in_greek(text)


def asks(text: str) -> bool:
    """Tell whether a line ends as a question does."""
    return text.endswith(_QUESTION) or _asks_in_greek(text)


def _asks_in_greek(text: str) -> bool:
    return text.endswith(";") and not _GREEK.isdisjoint(text[-4:])


def holds_sentences(text: str) -> bool:
    """Tell whether a sentence ends inside the line and another one begins."""
    return _INNER_END.search(text) is not None or _INNER_END_UNSPACED.search(text) is not None


def looks_like_names(text: str) -> bool:
    """Tell whether nearly all words begin with a capital, as in a list of people and agencies."""
    found = [word for word in _TOKEN.findall(text) if word not in _SMALL_IN_NAMES]
    small = sum(word[0].islower() for word in found)
    return bool(found) and small * 5 <= len(found)


def roughly(text: str) -> int:
    """Return about how many words a text has, without looking for each."""
    spaces = text.count(" ") + 1
    return spaces if text.isascii() else max(spaces, len(_UNSPACED.findall(text)) // _CHARACTERS_PER_WORD)
