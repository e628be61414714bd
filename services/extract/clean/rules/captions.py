"""Captions are known by their credit: a credit word, a copyright sign, or an agency after a slash."""

import re
from collections.abc import Iterable, Sequence

from services.extract.clean.rules.agencies import Agencies
from services.extract.clean.rules.vocabulary import Vocabulary
from services.extract.clean.text import ends_sentence, looks_like_names, tokens
from shared.messages import Caption

_MAX_WORDS, _MAX_CHARS = 70, 600
_MAX_CREDIT_WORDS = 14
_BRACKETED = re.compile(r"[(\[]\s*(?P<credit>[^()\[\]]{2,90}?)\s*[)\]]?\s*\.?$")
_SIGN = re.compile(r"©\s*(?P<credit>[^©]{2,90})$")
_SEPARATORS = " ,;|([{（［【〈—–-•+"
_JOINING = frozenset({"by", "of", "von", "de", "di", "van"})
_BOUNDARY = re.compile(r"[.!?:|)\]”\"»…]\s*(?=[^\W\d_])")
_PARTS = re.compile(r"\s*[/,;|]\s*|\s+(?:[Vv]ia|VIA)\s+")
_BRACKETS = ("(", "[", "（", "［", "【")
_MARK_APART = re.compile(r"[.!?:|)\]”\"»…]\s*$")
_YEARS = re.compile(r"\b(?:19|20)\d\d\b")


class Credits:
    """What credits of pictures look like, compiled from the vocabulary and the names of agencies."""

    def __init__(self, vocabulary: Vocabulary, agencies: Agencies) -> None:
        self._agencies = agencies
        credit, marks = vocabulary.credit, _any_of(vocabulary.marks)
        words = _any_of(credit)
        joined = _any_of(text for text in credit if text.split()[-1] in _JOINING or text.endswith("."))
        before = r"(?:^|(?<=\W)|(?<=[a-z.]))"
        after_sentence = r"(?:^\W*|[.!?|()\[\]–—•”\"»]\s*)"
        # "Picture: NAME" anywhere and "Photo by NAME" after a sentence; the name runs to the end
        self._credit_word = re.compile(
            rf"(?:{before}(?i:{words})\s*[:：=]\s*|{after_sentence}(?i:{joined})\s+)(?P<credit>\S.{{0,119}})$",
        )
        photo = r"(?:\s+(?i:photos?|file|files|images?|pool|pictures?|handout|foto|bild|video))*"
        self._agency = re.compile(rf"{agencies.name.pattern}{photo}")
        # a line that says itself that it belongs to a picture
        self._marked = re.compile(
            rf"^\W*(?i:{marks})\s*[:–—-]\s*(?P<after>.+)$|^(?P<before>.*?)[\s(\[—–-]+(?i:{marks})\W*$"
        )
        self._agency_last = re.compile(
            rf"(?:/|\bvia |\bVIA )\s*{agencies.name.pattern}(?:\s+(?i:file|images?|pool|photo))?\W*$"
        )
        # a line with a credit has at least one of these; the end of a sentence may be stuck to what it begins with
        self._signals = agencies.last_words | {tokens(text)[0] for text in (*credit, *vocabulary.marks)}
        self._begins = tuple({tokens(text)[0] for text in credit})

    def caption_in(self, text: str, found: Sequence[str]) -> Caption | None:
        """Return the caption and its credit, if the line has a credit; the text is empty where only the credit stands.

        ``found`` are the tokens of the text.
        """
        if len(found) > _MAX_WORDS or len(text) > _MAX_CHARS or (self._signals.isdisjoint(found) and "©" not in text):
            return None
        credited = any(word.endswith(self._begins) for word in found)  # asked first: the pattern has 200 words to try
        by_word = self._by_credit_word(text) if credited else None
        return by_word or self._by_sign(text) or self._by_agency(text) or self._by_mark(text)

    def _by_credit_word(self, text: str) -> Caption | None:
        found = self._credit_word.search(text, max(0, len(text) - 200))
        if found is None:
            return None
        credit = _bare(found["credit"])
        if self._is_credit(credit):
            return Caption(text=_before(text, found.start() + (text[found.start()] in ".!?")), credit=credit)
        if found.start() == 0 and ":" in text[: found.start("credit")]:
            return self._by_credit_word(found["credit"]) or Caption(text=found["credit"].strip())
        return None

    def _by_sign(self, text: str) -> Caption | None:
        found = _SIGN.search(text)
        if found is None or _YEARS.search(found["credit"]) or not self._is_credit(_bare(found["credit"])):
            return None
        return Caption(text=_before(text, found.start()), credit=_bare(found["credit"]))

    def _by_agency(self, text: str) -> Caption | None:
        """Recognise "(Jane Doe/AFP)", "Jane Doe / AFP" and "via Getty Images" at the end of a line."""
        found = _BRACKETED.search(text)
        if found and self._agencies.name.search(found["credit"]) and not self._agencies.named_by(found["credit"]):
            credit = _bare(found["credit"])
            if not self._is_credit(credit) or not self._names_agency(credit, in_sentence=text.endswith(".")):
                return None
            return Caption(text=_before(text, found.start()), credit=credit)
        if not self._agency_last.search(text, max(0, len(text) - 80)):
            return None
        start = max((boundary.end() for boundary in _BOUNDARY.finditer(text)), default=0)
        credit = _bare(text[start:])
        return Caption(text=_before(text, start), credit=credit) if self._is_credit(credit) else None

    def _names_agency(self, credit: str, *, in_sentence: bool) -> bool:
        """Tell whether one of the parts of a credit is an agency, and in a sentence the others are people's names.

        "(Alma Reed/AP)" and "(AP Photo/Alma Reed)" are credits; "(D-PA)", "(PA Consulting)" and, behind a poll,
        "(Reuters/Ipsos)." are none.
        """
        parts = [part for part in _PARTS.split(credit) if part]
        others = [part for part in parts if not self._agency.fullmatch(part)]
        if len(others) == len(parts):
            return False
        return not in_sentence or all(len(part.split()) > 1 or part.isupper() for part in others)

    def _by_mark(self, text: str) -> Caption | None:
        found = self._marked.match(text)
        if found and found["before"] is not None and ends_sentence(text) and not _MARK_APART.search(found["before"]):
            sentence = text[len(found["before"]) :].lstrip()
            return None if sentence[:1] not in _BRACKETS else Caption(text=found["before"].strip(_SEPARATORS))
        return Caption(text=found["after"] or found["before"].strip(_SEPARATORS)) if found else None

    def _is_credit(self, text: str) -> bool:
        plain = self._agencies.name.sub("A", text)  # some agencies write themselves in lower case
        return 0 < len(text.split()) <= _MAX_CREDIT_WORDS and looks_like_names(plain)


def _any_of(texts: Iterable[str]) -> str:
    """Return a pattern of the texts that tries each first letter once: they are many, and few letters begin one."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[0], []).append(re.escape(text[1:]).replace(r"\ ", r"\s+"))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items())


def _bare(credit: str) -> str:
    """Return the credit without the full stop and the bracket that close the line."""
    credit = credit.rstrip(". ")
    for opening, closing in ("()", "[]", "（）", "［］", "【】"):
        if credit.endswith(closing) and credit.count(opening) < credit.count(closing):
            credit = credit[:-1].rstrip(". ")
    return credit.strip()


def _before(text: str, end: int) -> str:
    """Return the caption that stands before its credit, with the full stop it has."""
    return text[:end].rstrip(_SEPARATORS)
