"""Bytes of a text file to text: UTF-8, else what the bytes prove, else windows-1252.

Proof is, in this order: a byte order mark, valid UTF-8, a declaration (HTML meta, XML) that the bytes do not
contradict, UTF-8 with some invalid bytes, and a score: the share of the characters beyond ASCII that the letters of
one language explain. Another encoding than windows-1252 needs a high score and a clear lead, because a short text fits
several (docs/decisions/0022).
"""

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from shared.web.charset_tables import LABELS, LANGUAGES, PUNCTUATION, Language, common_east_asian

_DEFAULT = "cp1252"
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "charmap"})
_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED_WITHIN = 4096  # bytes; browsers look at 1024
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})|<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")  # 7 bits with escape sequences, so it passes for UTF-8
_SAMPLE = 16 * 1024  # bytes of words beyond ASCII: enough for any score
_MIN_SCORE = 0.9
_MIN_LEAD = 0.1
_MIN_CHARACTERS = 4  # beyond ASCII; fewer prove nothing
_MAX_INVALID = 0.1  # of the characters beyond ASCII in a declared encoding
_MAX_INVALID_DECLARED = 0.5  # where UTF-8 is declared, too, what is valid of it is no accident
_MAX_INVALID_UTF8 = 0.4  # hardly any of another encoding's text is valid UTF-8
_KANA = re.compile("[\u3041-\u30fa]")
_BEYOND_ASCII = range(0x80, 0x100)
_UNUSED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)  # by windows-1252; as in browsers they are control characters
_MAX_UNUSED = 0.02  # of the bytes beyond ASCII
_MIN_NULS = 0.3  # of the bytes on one side: UTF-16 of a text with some ASCII
_MIN_FREQUENT = 0.4  # of the letters are one of the ten most frequent; read in a wrong encoding fewer are
_RARE = 0.2  # what a rare letter counts less, so that of two readings the likelier wins
_WORD = re.compile(rb"[^\s<>]+")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[^\w\s\u2019'\xad\xb7.,-](?=[^\W\d_])")
_WINDOWS_1252 = {byte: bytes([byte]).decode(_DEFAULT, "ignore") or chr(byte) for byte in range(0x80, 0xA0)}


@dataclass(frozen=True)
class Scored:
    """How well a language in an encoding explains a text, from 0 to 1, by how many characters beyond ASCII."""

    codec: str
    score: float
    characters: int


def decode_text(data: bytes, label: str | None = None) -> str:
    """Return the text of a file; never fails, what is invalid in its encoding becomes U+FFFD.

    ``label`` is the charset that a server declares beside the bytes; it comes before what the bytes declare.
    """
    return _decoded(data, label).removeprefix("\ufeff")


def _decoded(data: bytes, label: str | None) -> str:
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return data.decode(codec, "replace")
    if _ISO_2022_JP.search(data):
        return data.decode("iso2022_jp", "replace")
    if utf_16 := _utf_16(data):
        return data.decode(utf_16, "replace")
    with suppress(UnicodeDecodeError):
        return data.decode()
    return _read(data, _proven(data, label))


def _proven(data: bytes, label: str | None) -> str:
    """Return the codec of bytes that are not UTF-8 throughout."""
    sample = _sample(data)
    declared = _codec(label) or _declared(data)
    if declared and _few_invalid(sample, declared, _MAX_INVALID_DECLARED if declared == "utf-8" else _MAX_INVALID):
        return declared
    if _few_invalid(sample, "utf-8", _MAX_INVALID_UTF8):
        return "utf-8"
    codec = _likeliest(sample)
    return "utf-8" if codec == _DEFAULT and _is_binary(sample) else codec


def _utf_16(data: bytes) -> str | None:
    """Return the codec of UTF-16 without a byte order mark: half of the bytes of its ASCII characters are zero."""
    sample = data[:_SAMPLE]
    half = max(len(sample) // 2, 1)
    high, low = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if max(low, high) < _MIN_NULS or min(low, high) > 0:
        return None
    return "utf-16-le" if low else "utf-16-be"


def _declared(data: bytes) -> str | None:
    """Return the codec that a page declares, as browsers read its name; None of one that nobody knows."""
    if not (found := _DECLARED.search(data[:_DECLARED_WITHIN])):
        return None
    return _codec((found[1] or found[2]).decode("ascii"))


def codec_of(charset: str) -> str | None:
    """Return the name of Python's codec of a charset as it is; None of one that no text is written in.

    Python's ``punycode`` takes the square of the length, and ``undefined`` raises an error of its own.
    """
    try:
        codec = codecs.lookup(charset).name
        "".encode(codec)  # Python has codecs that are no encodings of text
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    return None if codec in _NO_CHARSETS else codec


def _codec(label: str | None) -> str | None:
    """Return the codec of a label as browsers read it."""
    label = (label or "").strip().lower()
    return codec_of(LABELS.get(label, label)) if label else None


def _is_binary(sample: bytes) -> bool:
    """Tell whether bytes that windows-1252 leaves out are too many for a text."""
    return sum(map(sample.count, _UNUSED)) > _MAX_UNUSED * sum(map(_BEYOND_ASCII.__contains__, sample))


def _few_invalid(sample: bytes, codec: str, most: float) -> bool:
    """Tell whether little enough of what is beyond ASCII is invalid in this encoding."""
    text = _read(sample, codec)
    return text.count("\ufffd") <= most * sum(not char.isascii() for char in text)


def _read(data: bytes, codec: str) -> str:
    if codec == _DEFAULT:
        return data.decode("latin-1").translate(_WINDOWS_1252)
    return data.decode(codec, "replace")


def _likeliest(sample: bytes) -> str:
    """Return windows-1252 unless another encoding is proven by the letters it makes."""
    default = max(scored.score for scored in _scores(sample, _DEFAULT))
    others = (scored for codec in LANGUAGES if codec != _DEFAULT for scored in _scores(sample, codec))
    best = max(others, key=lambda scored: scored.score)
    proven = best.score >= _MIN_SCORE and best.score - default >= _MIN_LEAD
    return best.codec if proven and best.characters >= _MIN_CHARACTERS else _DEFAULT


def _sample(data: bytes) -> bytes:
    """Return words with bytes beyond ASCII; no encoding uses a space or an angle bracket within a character."""
    words, size = [], 0
    for found in _WORD.finditer(data):
        if found[0].isascii():
            continue
        words.append(found[0][:_SAMPLE])
        size += len(words[-1])
        if size > _SAMPLE:
            break
    return b" ".join(words)


def _scores(sample: bytes, codec: str) -> list[Scored]:
    text = _read(sample, codec)
    beyond = [char for char in text if not char.isascii()]
    count = max(len(beyond), 1)
    return [Scored(codec, _explained(text, beyond, language) / count, len(beyond)) for language in LANGUAGES[codec]]


def _explained(text: str, beyond: list[str], language: Language) -> float:
    """Return how many of the characters beyond ASCII a language explains, less those that contradict it."""
    letters = _letters(language)
    explained = sum(char in letters or char in PUNCTUATION for char in beyond)
    if (language.must_occur and letters.isdisjoint(beyond)) or (language.has_kana and not _KANA.search(text)):
        return 0
    if language.frequent:
        return explained - _unlike(text, language)
    return explained - (0 if language.east_asian else _signs_in_words(text))


@lru_cache(64)
def _letters(language: Language) -> frozenset[str]:
    if language.east_asian:
        return common_east_asian(language.east_asian)
    return frozenset(language.letters + language.letters.upper())


def _signs_in_words(text: str) -> int:
    """Count signs between two letters: a £ or ³ there is a letter of another encoding."""
    return sum(not sign.isascii() for sign in _SIGN_IN_WORD.findall(text))


def _unlike(text: str, language: Language) -> float:
    """Return what speaks against a reading: capitals behind small letters, and rare letters; all if they prevail."""
    alphabet = _letters(language)
    letters = [char for char in text.lower() if char in alphabet]
    rare = sum(char not in language.frequent for char in letters)
    if rare > (1 - _MIN_FREQUENT) * len(letters):
        return len(text)
    return _RARE * rare + sum(one.islower() and other.isupper() for one, other in pairwise(text))
