"""Normalised forms of names: equal keys for equal names, parts of a person's name, acronyms, variants of places."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from unicodedata import combining, normalize

from services.extract.entities.spans import UnionFind

PLACES = ("GPE", "LOC")
_FORMS = {
    "united states": ("us", "u.s.", "u.s", "usa", "u.s.a.", "america", "united states of america"),
    "united kingdom": ("uk", "u.k.", "britain", "great britain"),
    "united nations": ("un", "u.n."),
    "european union": ("eu", "e.u."),
    "united arab emirates": ("uae", "u.a.e."),
    "washington": ("washington, d.c.", "washington d.c.", "washington dc", "d.c.", "district of columbia"),
}
_STATES = {
    "Ala.": "Alabama", "Ariz.": "Arizona", "Ark.": "Arkansas", "Calif.": "California", "Colo.": "Colorado",
    "Conn.": "Connecticut", "Del.": "Delaware", "Fla.": "Florida", "Ga.": "Georgia", "Ill.": "Illinois",
    "Ind.": "Indiana", "Kan.": "Kansas", "Ky.": "Kentucky", "La.": "Louisiana", "Md.": "Maryland",
    "Mass.": "Massachusetts", "Mich.": "Michigan", "Minn.": "Minnesota", "Miss.": "Mississippi", "Mo.": "Missouri",
    "Mont.": "Montana", "N.C.": "North Carolina", "N.D.": "North Dakota", "N.H.": "New Hampshire",
    "N.J.": "New Jersey", "N.M.": "New Mexico", "N.Y.": "New York", "Neb.": "Nebraska", "Nev.": "Nevada",
    "Okla.": "Oklahoma", "Ore.": "Oregon", "Pa.": "Pennsylvania", "R.I.": "Rhode Island", "S.C.": "South Carolina",
    "S.D.": "South Dakota", "Tenn.": "Tennessee", "Tex.": "Texas", "Va.": "Virginia", "Vt.": "Vermont",
    "W.Va.": "West Virginia", "Wash.": "Washington state", "Wis.": "Wisconsin", "Wyo.": "Wyoming",
}  # fmt: skip
_SAME: Mapping[str, str] = MappingProxyType(
    {form: name for name, forms in _FORMS.items() for form in forms}
    | {form.casefold(): name.casefold() for form, name in _STATES.items()}
)
# further acronyms of countries: none of an organisation
_COUNTRY_ACRONYMS = frozenset(_SAME) | {"prc", "roc", "drc", "dprk", "rok", "ussr", "gdr", "ksa", "nz", "png", "rsa"}
# countries and states that are surnames or first names too
_NAMESAKES_WORDS = """
argentina armenia austria bolivia brazil chad china cuba cyprus denmark egypt england france georgia germany ghana
greece guinea holland hungary iceland india iran iraq ireland israel italy jamaica japan jordan kenya lebanon libya
mali malta mexico monaco morocco nepal niger norway oman panama peru poland portugal qatar romania russia scotland
senegal somalia spain sudan sweden syria taiwan togo tunisia turkey uganda ukraine venezuela vietnam wales yemen
zambia alabama alaska arizona california carolina colorado dakota delaware florida hawaii idaho indiana iowa kansas
kentucky louisiana maine maryland michigan minnesota mississippi missouri montana nebraska nevada ohio oklahoma
oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming
"""
_NAMESAKES = frozenset(_NAMESAKES_WORDS.split())
STATE = re.compile(rf"(?:{'|'.join(map(re.escape, _STATES))})$")


def same_place(name: str) -> str:
    """Return the full form of a folded name, or the name itself."""
    return _SAME.get(name, name)


def needs_full_stop(name: str) -> bool:
    """Whether the name is the short form of a state without the full stop that belongs to it."""
    return f"{name}." in _STATES


def is_country_acronym(name: str) -> bool:
    """Whether the name, as it is written, is the acronym of a country or of a union of countries: US, U.K., UN, EU."""
    return name.replace(".", "").isupper() and name.casefold() in _COUNTRY_ACRONYMS


def is_namesake(name: str) -> bool:
    """Whether a word that may be a person's name is also a country, a state of the United States or their capital."""
    return name.casefold() in _NAMESAKES


def join_towns(keys: Sequence[str], groups: UnionFind) -> None:
    """Join a town that is named with its country or state to the town: Northmoor, Estovia."""
    known = frozenset(keys)
    for key in filter(groups.is_root, keys):
        town, comma, _ = key.partition(", ")
        if comma and town in known:
            groups.join(key, town)


_TITLE = re.compile(
    r"(?:mr|mrs|ms|miss|dr|prof|professor|sir|dame|lord|lady|baron|baroness|count|duke|duchess|king|queen|prince"
    r"|princess|emperor|empress|sheikh|pope|cardinal|archbishop|bishop|rev|reverend|rabbi|imam|ayatollah|saint"
    r"|(?:vice |deputy |former |acting |prime |foreign |home |attorney |first |co-)*(?:president|premier|chancellor"
    r"|minister|secretary|general|ambassador|chairman|chairwoman|chair|chief|founder|mayor)"
    r"|sen|senator|rep|representative|congressman|congresswoman|gov|governor|councillor|commissioner|judge|justice"
    r"|gen|maj|major|col|colonel|capt|captain|sgt|sergeant|lt|lieutenant|cmdr|commander|adm|admiral|officer|detective"
    r"|sheriff|superintendent|coach|herr|frau|monsieur|madame|mme|m|señor|señora|signor|signora)\b\.?\s+(?=\S)",
    re.IGNORECASE,
)
_GENERATION = re.compile(r",?\s+(jr|sr|ii|iii|iv|vii|viii|ix|xii|xiii|xiv|xv|xvi{1,3})\.?$")
_NICKNAME = re.compile(r"\s+[\"'“‘(]([^\"'”’()]{2,24})[\"'”’)](?=\s)")  # noqa: RUF001 - the quotes are meant
_COMPANY = re.compile(
    r"[,\s]+(?:inc|corp|corporation|co|company|companies|cos|ltd|limited|llc|llp|lp|plc|group|holdings?|ag|sa|nv|gmbh"
    r"|spa|se|bhd)\.?$"
)
_INITIAL = re.compile(r"\b([^\W\d_])\.")
_INITIALS = re.compile(r"(?:[^\W\d_]\.){2,}|(?<![^\s])[B-DF-HJ-NP-TV-Z]{2}(?=\s)")  # J.K., and JK without a vowel
_NO_SUFFIX = frozenset({"PERSON", "GPE", "NORP"})
_OPENING = "\"'“‘("  # noqa: RUF001 - the quotes are meant
_SMALL = frozenset({"of", "and", "the", "for", "&"})
_MAX_ACRONYM = 8
_LONG = 6  # letters of a word in which one may be wrong
_MALE = frozenset({"mr", "sir", "lord", "baron", "king", "prince", "herr", "monsieur", "señor", "signor"})
_FEMALE = frozenset(
    {"mrs", "ms", "miss", "lady", "dame", "baroness", "duchess", "queen", "princess", "frau", "madame", "mme"}
    | {"señora", "signora"}
)
# titles in front of a first name alone, which is the whole name: no surname of anybody else
_REGNAL = frozenset({"king", "queen", "prince", "princess", "pope", "emperor", "empress"})
_ROMAN = frozenset("ivx")
# romanised family names that stand in front of the given name
_FAMILY_FIRST_WORDS = """
an bae bai bui cai cao chae chang chen cheng cho choe choi chu chung cui dang deng ding do dong doan duan fan fang
feng fu gao gu guo han hao he ho hoang hong hou hu huang hwang jang jeon jeong ji jia jiang jin jo jung kang kim ko
kong kwon lai le lei li liang liao lim lin liu lu luo luong lyu ma mao meng mo moon ngo nguyen oh pan park peng pham
phan qian qin qiu ren ryu seo shao shen shi shin sima son song su sun tan tang tao tian tran trinh truong vo vu wan
wang wei wen woo wu xi xia xiao xie xu xue yan yang yao ye yi yin yoo yoon yu yuan yun zeng zhang zhao zheng zhong
zhou zhu zou
"""
_FAMILY_FIRST = frozenset(_FAMILY_FIRST_WORDS.split())


@lru_cache(4096)
def fold(name: str) -> str:
    """Return the name without regard to case, kind of apostrophe and width of spaces."""
    return " ".join(name.replace("’", "'").casefold().split())  # noqa: RUF001 - the apostrophe is meant


def plain(folded: str) -> str:
    """Return the name without accents, hyphens and the full stops of initials, which writers set as they like."""
    letters = folded.replace("-", " ")
    if not letters.isascii():
        letters = "".join(char for char in normalize("NFKD", letters) if not combining(char))
    return " ".join(_INITIAL.sub(r"\1", letters).split())


class PersonName(NamedTuple):
    """The parts of a person's name, folded and without accents."""

    title: str  # the last word of all titles, "" without one
    words: tuple[str, ...]  # first, middle and last names; an initial is one letter
    generation: str = ""  # jr, sr, ii …
    nickname: str = ""  # what stands in quotes or brackets between the names

    @property
    def is_regnal(self) -> bool:
        """Whether it is a first name with the title or the number of a monarch, prince or pope."""
        return len(self.words) == 1 and (self.title in _REGNAL or self.generation[:1] in _ROMAN)

    @property
    def is_family_first(self) -> bool:
        """Whether the family name stands first, as in Chinese, Korean and Vietnamese names."""
        return len(self.words) > 1 and self.words[0] in _FAMILY_FIRST

    @property
    def key(self) -> str:
        """Return what is equal for the same name, whatever its title; King and Prince make a name of their own."""
        prefix = ("regnal",) if self.is_regnal else ()
        return " ".join((*prefix, *self.words, *((self.generation,) if self.generation else ())))


@lru_cache(4096)
def person_name(name: str, title: str = "") -> PersonName:
    """Return the parts of a name, with the title that stands before it in the text if it has none of its own."""
    nickname = _NICKNAME.search(name) if any(quote in name for quote in "\"'“‘(") else None  # noqa: RUF001
    if nickname:
        name = name[: nickname.start()] + name[nickname.end() :]
    if not name.isupper():
        name = _INITIALS.sub(lambda match: " ".join(match[0].replace(".", "")) + " ", name)
    folded = fold(name)
    bare = without_title(folded)
    if bare != folded:
        title = folded[: -len(bare)].split()[-1].rstrip(".")
    generation = _GENERATION.search(bare)
    words = plain(bare[: generation.start()] if generation else bare).split() or folded.split()
    return PersonName(
        title, tuple(words), generation[1] if generation else "", plain(fold(nickname[1])) if nickname else ""
    )


def title_before(text: str, start: int) -> str:
    """Return the title of a person, folded, that stands right before a position of the text; else ""."""
    if start < 3 or text[start - 1] != " ":  # noqa: PLR2004 - of "M. "
        return ""
    word = text[max(0, start - 16) : start - 1].rpartition(" ")[2].rpartition("\n")[2]
    return _title_of(word) if word[:1].isupper() or word[:1] in _OPENING else ""


@lru_cache(4096)
def _title_of(word: str) -> str:
    bare = word.lstrip(_OPENING)
    return bare.rstrip(".").casefold() if bare[:1].isupper() and _TITLE.match(f"{bare} x") else ""


def gender(title: str) -> str:
    """Return "m" or "f" for a title that tells it, else ""."""
    return "m" if title in _MALE else "f" if title in _FEMALE else ""


@lru_cache(4096)
def key_of(name: str, label: str) -> str:
    """Return what equals for equal names: no titles, no company forms, one form for the few countries."""
    if label == "PERSON":
        return " ".join(person_name(name).words)
    key = plain(same_place(fold(name).removeprefix("the ")))
    if label not in _NO_SUFFIX:
        while shorter := _COMPANY.sub("", key):
            if shorter == key:
                break
            key = shorter
    return key


def without_title(name: str) -> str:
    """Take titles off the front, several if there are: Prime Minister Dr. Name."""
    while title := _TITLE.match(name):
        name = name[title.end() :]
    return name


def fullest(forms: Sequence[str], label: str) -> str:
    """Return the longest form, of a person preferably one with a first name and without a title."""
    bare = [form for form in forms if " " in form and without_title(form) == form] if label == "PERSON" else []
    return max(bare or forms, key=len)


def is_misspelling(word: str, other: str) -> bool:
    """Whether two long words differ in one letter: left out, put in, taken for another, or swapped with the next.

    Another last letter makes another name, unless it is doubled: Daniel and Daniels, Roberto and Roberti, -ov and -ova.
    """
    if word[0] != other[0] or word == other or min(len(word), len(other)) < _LONG or abs(len(word) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    one, two = word[start:], other[start:]
    if max(len(one), len(two)) == 1:
        return word[-1] == other[-1]  # doubled
    return one[1:] == two[1:] or one[1:] == two or one == two[1:] or (one[:2] == two[1::-1] and one[2:] == two[2:])


def is_acronym(name: str) -> bool:
    """Whether the name may be the initials of another: in capitals, also M&S."""
    letters = name.replace(".", "").replace("&", "")
    return 1 < len(letters) <= _MAX_ACRONYM and letters.isalnum() and letters.isupper()


def acronyms_of(name: str) -> set[str]:
    """Return the acronyms, in capitals, that writers make of a name of several words."""
    words = [word for word in re.split(r"[\s\-]+", name) if word[:1].isalpha() or word == "&"]
    letters = [word for word in words if word != "&"]
    capitals = "".join(word[0] for word in letters if word[0].isupper())
    without_small = "".join(word[0] for word in letters if word[0].isupper() and word.casefold() not in _SMALL)
    made = {capitals, without_small, "".join(word[0] for word in letters).upper()}
    if len(letters) < len(words):
        made.add("".join(word[0] for word in words if word == "&" or word[0].isupper()))
    return {short for short in made if len(short) > 1}
