"""How many words a line has and whether it ends a sentence, also where words are not set apart by spaces."""

import re

# Han, kana, Thai, Lao, Burmese and Khmer are written without spaces; about two characters make a word
_UNSPACED_RANGES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_UNSPACED = re.compile(f"[{_UNSPACED_RANGES}]")
_HANGUL_RANGE = "\uac00-\ud7af"
_HANGUL = re.compile(f"[{_HANGUL_RANGE}]")  # has spaces, but what stands between two of them says more than a word
_OTHERWISE_COUNTED = re.compile(f"[{_UNSPACED_RANGES}{_HANGUL_RANGE}]")
_CHARACTERS_PER_WORD = 2
_TOKEN = re.compile(f"[^\\W_{_UNSPACED_RANGES}]+|[{_UNSPACED_RANGES}]")
_CLOSERS = " \"'”’»«“‘)]}』」】）*_"  # noqa: RUF001 - the quotes of several languages are meant
_FULL_STOPS = tuple(".!?。！？؟۔।॥።։;؛．｡")  # noqa: RUF001 - the full stops of several scripts are meant
_INNER_END = re.compile(r"[^\W\d_]{3,}[)\"'”’»]*[.!?]\s+[\"'“‘«„(]*[^\W\d_a-z]\w*\s+\w")  # noqa: RUF001
_INNER_END_UNSPACED = re.compile("[。！？][」』”）]*[^\\s」』”）]")  # noqa: RUF001
_CUT_OFF = ("...", "…", "[…]", "[...]")  # how teasers of other articles end
_SMALL_IN_NAMES = frozenset(
    "a al and ap ben bin da das de del della der des di do dos du e ed el en et for i ibn la las le les los of och "  # noqa: SIM905 - a list of quoted words is no clearer
    "oraz san und the van vom von via y zu zum zur".split()
)


def tokens(text: str) -> list[str]:
    """Return the words in lower case; every number is ``#``, so that "3 comments" and "12 comments" are one.

    Where words are not set apart by spaces each character is one.
    """
    return [
        f"#{word.lstrip('0123456789')}" if word[0].isdecimal() else word for word in _TOKEN.findall(text.casefold())
    ]


def count(text: str, found: int) -> int:
    """Return the number of words as languages with spaces and short words have them, given that of the tokens."""
    if text.isascii() or not _OTHERWISE_COUNTED.search(text):
        return found
    unspaced = len(_UNSPACED.findall(text))
    return max(found - unspaced + unspaced // _CHARACTERS_PER_WORD, len(_HANGUL.findall(text)) // _CHARACTERS_PER_WORD)


def ends_sentence(text: str) -> bool:
    """Tell whether the line ends as a sentence does; a teaser that was cut off does not."""
    text = text.rstrip(_CLOSERS)
    return text.endswith(_FULL_STOPS) and not text.endswith(_CUT_OFF)


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
