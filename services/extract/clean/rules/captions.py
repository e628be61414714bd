"""Captions are known by their credit: a credit word, a copyright sign, or an agency after a slash."""

import re
from collections.abc import Iterable, Sequence

from services.extract.clean.rules.agencies import agencies_in, last_words, name_pattern
from services.extract.clean.rules.packs import from_packs
from services.extract.clean.rules.vocabulary import vocabulary
from services.extract.clean.text.words import looks_like_names, tokens
from shared.messages import Caption

_MAX_WORDS, _MAX_CHARS = 70, 600
_MAX_CREDIT_WORDS = 14
_BRACKETED = re.compile(r"[(\[]\s*(?P<credit>[^()\[\]]{2,90}?)\s*[)\]]?\s*\.?$")
_SIGN = re.compile(r"©\s*(?P<credit>[^©]{2,90})$")
_SEPARATORS = " ,;|([{（［【〈—–-•+"  # noqa: RUF001 - the dashes are meant; what stands between a caption and its credit
_JOINING = frozenset({"by", "of", "von", "de", "di", "van"})
_BOUNDARY = re.compile(r"[.!?:|)\]”\"»…]\s*(?=[^\W\d_])")
_YEARS = re.compile(r"\b(?:19|20)\d\d\b")


@from_packs
def _credit_word() -> re.Pattern[str]:
    """Return the pattern of "Picture: NAME" anywhere and "Photo by NAME" after a sentence; the name runs to the end."""
    words = _any_of(vocabulary().credit)
    joined = _any_of(text for text in vocabulary().credit if text.split()[-1] in _JOINING or text.endswith("."))
    before = r"(?:^|(?<=\W)|(?<=[a-z.]))"
    after_sentence = r"(?:^\W*|[.!?|()\[\]–—•”\"»]\s*)"  # noqa: RUF001
    return re.compile(
        rf"(?:{before}(?i:{words})\s*[:：=]\s*|{after_sentence}(?i:{joined})\s+)(?P<credit>\S.{{0,119}})$",  # noqa: RUF001 - the colon of Chinese and Japanese is meant
    )


@from_packs
def _marked() -> re.Pattern[str]:
    """Return the pattern of a line that says itself that it belongs to a picture."""
    marks = _any_of(vocabulary().marks)
    return re.compile(rf"^\W*(?i:{marks})\s*[:–—-]\s*(?P<after>.+)$|^(?P<before>.*?)[\s(\[—–-]+(?i:{marks})\W*$")  # noqa: RUF001


def _any_of(texts: Iterable[str]) -> str:
    """Return a pattern of the texts that tries each first letter once: they are many, and few letters begin one."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[0], []).append(re.escape(text[1:]).replace(r"\ ", r"\s+"))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items())


@from_packs
def _agency_last() -> re.Pattern[str]:
    return re.compile(rf"(?:/|\bvia |\bVIA )\s*{name_pattern().pattern}(?:\s+(?i:file|images?|pool|photo))?\W*$")


@from_packs
def _signals() -> frozenset[str]:
    """Return the words of which a line with a credit has at least one."""
    return last_words() | {tokens(text)[0] for text in (*vocabulary().credit, *vocabulary().marks)}


@from_packs
def _credit_begins() -> tuple[str, ...]:
    """Return the words that credits begin with; the end of a sentence may be stuck to them."""
    return tuple({tokens(text)[0] for text in vocabulary().credit})


def caption_in(text: str, found: Sequence[str]) -> Caption | None:
    """Return the caption and its credit, if the line has a credit; the text is empty where only the credit stands."""
    if len(found) > _MAX_WORDS or len(text) > _MAX_CHARS or (_signals().isdisjoint(found) and "©" not in text):
        return None
    credited = any(word.endswith(_credit_begins()) for word in found)  # asked first: the pattern has 200 words to try
    return (_by_credit_word(text) if credited else None) or _by_sign(text) or _by_agency(text) or _by_mark(text)


def _by_credit_word(text: str) -> Caption | None:
    found = _credit_word().search(text, max(0, len(text) - 200))
    if found is None:
        return None
    credit = _bare(found["credit"])
    if _is_credit(credit):
        return Caption(text=_before(text, found.start() + (text[found.start()] in ".!?")), credit=credit)
    if found.start() == 0 and ":" in text[: found.start("credit")]:
        return _by_credit_word(found["credit"]) or Caption(text=found["credit"].strip())
    return None


def _by_sign(text: str) -> Caption | None:
    found = _SIGN.search(text)
    if found is None or _YEARS.search(found["credit"]) or not _is_credit(_bare(found["credit"])):
        return None
    return Caption(text=_before(text, found.start()), credit=_bare(found["credit"]))


def _by_agency(text: str) -> Caption | None:
    """Recognise "(Jane Doe/AFP)", "Jane Doe / AFP" and "via Getty Images" at the end of a line."""
    found = _BRACKETED.search(text)
    if found and name_pattern().search(found["credit"]) and not agencies_in(found["credit"]):
        credit = _bare(found["credit"])
        return Caption(text=_before(text, found.start()), credit=credit) if _is_credit(credit) else None
    if not _agency_last().search(text, max(0, len(text) - 80)):
        return None
    start = max((boundary.end() for boundary in _BOUNDARY.finditer(text)), default=0)
    credit = _bare(text[start:])
    return Caption(text=_before(text, start), credit=credit) if _is_credit(credit) else None


def _by_mark(text: str) -> Caption | None:
    found = _marked().match(text)
    return Caption(text=found["after"] or found["before"].strip(_SEPARATORS)) if found else None


def _is_credit(text: str) -> bool:
    plain = name_pattern().sub("A", text)  # some agencies write themselves in lower case
    return 0 < len(text.split()) <= _MAX_CREDIT_WORDS and looks_like_names(plain)


def _bare(credit: str) -> str:
    """Return the credit without the full stop and the bracket that close the line."""
    credit = credit.rstrip(". ")
    for opening, closing in ("()", "[]", "（）", "［］", "【】"):  # noqa: RUF001 - as wide as the letters around them
        if credit.endswith(closing) and credit.count(opening) < credit.count(closing):
            credit = credit[:-1].rstrip(". ")
    return credit.strip()


def _before(text: str, end: int) -> str:
    """Return the caption that stands before its credit, with the full stop it has."""
    return text[:end].rstrip(_SEPARATORS)
