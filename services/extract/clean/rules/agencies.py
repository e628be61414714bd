"""News agencies: in lines of their own, in credits, in the dateline "CITY (AGENCY) -", in the signature "(AGENCY)"."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.extract.clean.rules.packs import Pack
from services.extract.clean.rules.vocabulary import Vocabulary
from services.extract.clean.text import tokens

_SEPARATOR = r"\s*(?:[/,;|&+–-]|\b(?:and|und|et|y|e|en|with|via)\b)\s*"
_LEAD = r"(?i:(?:with|sources?|quellen?|mit|von|by|bron|źródło|fonte|fuente|com|con|avec|©|\(c\))\s*:?\s*)"
_MAX = 90  # characters; a longer line says more than who wrote it
_DASHES = r"\-–—－"
# each ends where the sentence begins; the agency is looked up, and the place has few words
_FORMS = (
    # (ANSA) - CITY, 12 MAR -
    re.compile(
        rf"\((?P<agency>[^()]{{2,30}})\)\s*[{_DASHES}]\s*(?P<place>[^\W\d_a-z][^\s()]*[^a-z()]{{2,40}}?)\s+[{_DASHES}]\s+(?=\S)"
    ),
    # CITY, March 3 (AGENCY) -, City (Land), 12 mar (AGENCY).-, City [Land], March 12 (AGENCY):, CITY--(AGENCY)--
    re.compile(
        rf"(?P<place>(?:[^()\[\]]|[(\[][^()\[\]]{{2,30}}[)\]](?=,)|\[[^\[\]]{{2,30}}\]){{0,70}}?)[\s,.{_DASHES}]*"
        rf"[(\[](?P<agency>[^()\[\]]{{2,40}})[)\]]\s*(?:[.,:]?\s*[{_DASHES}|]+|:)\s*(?=\S)"
    ),
    # City, Mar 12 (AGENCY) Text, Bern (AGENCY) Text
    re.compile(
        r"(?P<place>[^\W\d_a-z](?:[^(),]{1,40},(?=[^()]*\d)[^()]{2,20}?|[^\W\d_]{2,20}(?:[ /-][^\W\d_]{2,20})?)),?\s*"
        r"\((?P<agency>[^()]{2,30})\)\s+(?=[\"“«„]?[^\W_a-z])"
    ),
    # CITY, March 12, 2026 /AGENCY/ --, ГОРОД, 12 марта. /АГЕНТСТВО/.
    re.compile(
        rf"(?P<place>[^\W\d_a-z][^/]{{1,70}}?)[\s.]*/(?P<agency>[^/]{{2,30}})/\s*(?:[.:]|[{_DASHES}]+)+\s*(?=\S)"
    ),
    # ГОРОД, 12 мар - АГЕНТСТВО., 12 марта. АГЕНТСТВО -
    re.compile(
        rf"(?P<place>[^\W_a-zа-яё][^/()–—]{{0,50}}?\d[^/()–—]{{0,20}}?)[\s.]*(?:\s[{_DASHES}]|\.)\s*"
        rf"(?P<agency>[^\W\d_][\w. ]{{1,25}}?)\s*(?:\s[{_DASHES}]|\.)\s+(?=\S)"
    ),
    # City, AGENCY -
    re.compile(
        rf"(?P<place>[^\W\d_a-z][^\W\d_]{{2,20}}(?: [^\W\d_]{{2,20}})?),\s+"
        rf"(?P<agency>[^\W\d_a-z][^,()]{{1,24}}?)\s+[{_DASHES}]+\s+(?=\S)"
    ),
    # CITY / AGENCY / March 12, 2026 /, CITY - AGENCY - 12 March 2026 -
    re.compile(
        rf"(?P<place>[^\W\d_a-z][^/()]{{2,40}}?)\s+(?P<between>[/{_DASHES}])\s+"
        rf"(?P<agency>[^/(){_DASHES}]{{2,30}}?)\s+(?P=between)\s+"
        r"(?=[^/]*\d)[^/()]{4,24}?\s+(?P=between)\s+(?=\S)"
    ),
    # (도시=통신사) 기자 =, [도시=통신사]
    re.compile(
        r"[(\[]\s*(?P<place>[^()\[\]=＝]{1,20}?)\s*[=＝]\s*(?P<agency>[^()\[\]=＝]{2,14})\s*[)\]]\s*(?:[^=＝.]{2,40}?[=＝]\s*)?(?=\S)"
    ),
    # 新华社北京3月12日电 (记者…)
    re.compile(
        r"(?P<agency>[一-鿿]{2,3}[社网網])(?P<place>[^，。！？、\s]{0,14}?\d{1,2}日)[电電](?:\s*[（(][^（）()]{2,40}[）)])?\s*[:：]?\s*(?=\S)"
    ),
)
# 【東京共同】, 【3月12日 AFP】: the agency is the end of it
_IN_BRACKETS = re.compile(rf"[【［](?P<inner>[^【】［］]{{2,28}})[】］]\s*[{_DASHES}]*\s*(?=\S)")
_SIGN_WITHIN = 181  # characters that what follows looks at
_SIGN = re.compile(rf"[(\[（【［/{_DASHES}电電]|\d \w+\. \w+\.")
_MAY_BEGIN = re.compile(rf"(?:[^.。!?]|\.[^.]){{0,90}}?(?:[(\[（【［/]|[{_DASHES}]|[电電]|\d \w+\. \w+\.)")
_IN_CAPITALS = re.compile(
    r"(?P<place>[^\W\d_a-zà-ÿ](?:[^\W\d_a-zà-ÿ]|[.'’/ -]){2,40}?(?:,[^()–—]{2,30}?)?)\s+(?:--|[-–—])\s+"
    r"(?=[\"“«„]?[^\W_a-zà-ÿ])"
)
_MAX_SIGNATURE = 100  # characters
_MAX_NOTICE_WORDS = 10
_SIGNED_WORDS = 5  # a shorter text is no paragraph that is signed
_UNSPACED_SENTENCE = re.compile("[぀-ヿ一-鿿가-힯]{8}")
# the shortest text behind the last end of a sentence; a bracket, a dash or a sign may begin it
_BEHIND_SENTENCE = re.compile(
    r"[.!?。！？…](?:[\"'”’»)\]」』]|\s[»”])*\s*(?P<behind>(?:[(\[（【©–—/-]\s*)?[^.!?。！？…()\[\]（）【】]{1,80}[)\]）】]?\.?)$"
)
_INITIALS = re.compile(
    r"[(\[](?:[a-zäöüß]{2,4}|[A-ZÄÖÜ]{2,3})(?:\s?[/,+&-]\s?(?:[a-zäöüß]{2,4}|[A-ZÄÖÜ]{2,3})){0,4}[)\]]\.?"
)
_END_MARK = re.compile(
    r"[(（【\[]\s*(?:完|了|終わり|おわり|끝|end|ends|fin|fine|ende|koniec|конец)\s*[)）】\]]|[-–—#*]+\s*(?:end|ends)?\s*[-–—#*]+",
    re.IGNORECASE,
)
_AROUND_PLACE = " ,.-–—　"
_MAX_PLACE_WORDS = 8
_DATELINE_WORDS = 150  # more than any dateline has, in scripts without spaces too
_MAX_DATE_WORDS = 24
_MAX_STRANGE_WORDS = 1


class Agencies:
    """The names of agencies, those of news and those that only credit a picture, compiled from their pack."""

    def __init__(self, pack: Pack) -> None:
        news, pictures = pack["news"], pack["pictures"]
        exact = frozenset(pack["upper_case_only"])
        self.name = re.compile(rf"(?<!\w){_any_of((*news, *pictures), exact)}(?!\w)")  # of any agency, as a whole word
        self.last_words = frozenset(tokens(name)[-1] for name in (*news, *pictures))  # a line without any names none
        called = {name.casefold(): name for name in reversed(news)}
        self.words = frozenset(name for name in exact if not name.isupper())  # that are also names of people
        self._called: dict[str, str] = called | pack["same"]  # in the result, by how it may be written
        name = _any_of(news, exact)
        # "PTI ABC DEF": the editors that saw it
        self._with_initials = re.compile(rf"({name})(?:[ /-][A-Z]{{2,4}}){{1,6}}\.?")
        # "(dpa)", "— Reuters", "dpa/abc": all of what follows the last sentence
        self._signed = re.compile(
            rf"[-–—/(\[（【]*\s*({name}(?:{_SEPARATOR}{name})*)(?:[-/ ][a-z]{{2,5}})*\s*[)\]）】]*\.?"
        )
        self._line = re.compile(rf"\W*{_LEAD}?({name}(?:{_SEPARATOR}{name})*)\W*")

    def may_be_in(self, found: Iterable[str]) -> bool:
        """Tell whether the tokens of a text may name an agency; patterns of all names take far longer."""
        return not self.last_words.isdisjoint(found)

    def named_by(self, text: str) -> str | None:
        """Return the agencies of a line that names nothing else, such as "AFP/Reuters"; None if it says more."""
        if len(text) > _MAX:
            return None
        found = self._line.fullmatch(text)
        if found is None:
            found = self._with_initials.fullmatch(text)
        return self._as_called(found[1]) if found else None

    def signed_by(self, text: str) -> str | None:
        """Return the agencies of a signature, such as "(dpa)", "— Reuters" and "dpa/abc"; None if it is none."""
        found = self._signed.fullmatch(text)
        return self._as_called(found[1]) if found else None

    def _as_called(self, names: str) -> str:
        whole = self._called.get(names.casefold())
        written = (piece.casefold() for piece in re.split(_SEPARATOR, names) if piece)
        return whole or "/".join(dict.fromkeys(self._called.get(piece, piece) for piece in written))

    def before(self, text: str) -> str | None:
        """Return the agencies of a dateline, also as "dpa/abc"."""
        return self.named_by(text.strip()) or self.signed_by(text.strip())


def _any_of(names: Sequence[str], exact: frozenset[str]) -> str:
    """Return a pattern for the names, longest first; case counts only where the name is also a word."""
    ordered = sorted(set(names), key=lambda name: (-len(name), name))
    loose = "|".join(re.escape(name) for name in ordered if name not in exact)
    strict = "|".join(re.escape(name) for name in ordered if name in exact)
    return rf"(?:(?i:{loose})|{strict})"


@dataclass(frozen=True, slots=True)
class Signature:
    """What stands behind the last sentence of a paragraph: the rule that takes it out, and the agency it names."""

    text: str
    rule: str
    agency: str | None = None


def signature_of(text: str, agencies: Agencies, vocabulary: Vocabulary) -> Signature | None:
    """Return what a paragraph is signed with: an agency, initials, a mark of its end or of copyright."""
    found = _BEHIND_SENTENCE.search(text, max(0, len(text) - _MAX_SIGNATURE))
    if found is None:
        return None
    behind = found["behind"].strip()
    before = text[: found.start("behind")]
    if len(before.split()) < _SIGNED_WORDS and not _UNSPACED_SENTENCE.search(before):
        return None
    if agency := agencies.signed_by(behind):
        return Signature(behind, "agency", agency)
    if _INITIALS.fullmatch(behind) or _END_MARK.fullmatch(behind):
        return Signature(behind, "sign_off")
    cues = [cue for cue in vocabulary.cues(tokens(behind)) if cue.rule == "copyright"]
    noticed = any(cue.whole_line for cue in cues) or (bool(cues) and behind.startswith("©") and "©" not in before)
    return Signature(behind, "copyright") if noticed and len(behind.split()) <= _MAX_NOTICE_WORDS else None


@dataclass(frozen=True, slots=True)
class Dateline:
    """The text up to where the sentence begins, and what it says."""

    text: str
    place: str | None
    agency: str | None


def dateline_of(text: str, found: Sequence[str], agencies: Agencies) -> Dateline | None:
    """Return the dateline a paragraph begins with: "CITY, March 3 (AGENCY) -" or "CITY -" in capitals.

    ``found`` are the tokens of the text.
    """
    if not _SIGN.search(text, 0, _SIGN_WITHIN) or not _MAY_BEGIN.match(text):
        return None
    if agencies.may_be_in(found[:_DATELINE_WORDS]) and (dateline := _with_agency(text, agencies)):
        return dateline
    if (capitals := _IN_CAPITALS.match(text)) and _is_place(capitals["place"]):
        place = capitals["place"].strip(" ,")
        agency = agencies.named_by(place)
        return Dateline(capitals[0].rstrip(), None if agency else place, agency)
    return None


def _with_agency(text: str, agencies: Agencies) -> Dateline | None:
    for form in _FORMS:
        found = form.match(text)
        if found and _is_place(found["place"]) and (agency := agencies.before(found["agency"])):
            return Dateline(found[0].rstrip(), found["place"].strip(_AROUND_PLACE) or None, agency)
    if found := _IN_BRACKETS.match(text):
        inner = found["inner"]
        for start in range(len(inner) - 1):
            if agency := agencies.before(inner[start:]):
                return Dateline(found[0].rstrip(), inner[:start].strip(_AROUND_PLACE) or None, agency)
    return None


def _is_place(place: str) -> bool:
    """Tell whether a text is short and does not begin with a small letter; many scripts have neither."""
    return not place or (not place[0].islower() and place[0].isalnum() and len(place.split()) <= _MAX_PLACE_WORDS)


def is_date_line(found: Sequence[str], vocabulary: Vocabulary) -> bool:
    """Tell whether the words of a line are those of a date, a time of day or an age, with a number among them."""
    if not found or len(found) > _MAX_DATE_WORDS or not any(word[0] == "#" for word in found):
        return False
    strange = sum(word not in vocabulary.dates and word[0] != "#" for word in found)
    return strange <= _MAX_STRANGE_WORDS and strange * 4 < len(found) and len(found) > 1
