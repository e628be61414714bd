# ruff: noqa: RUF001 - letters of every alphabet
"""What tells legacy encodings apart: the letters beyond ASCII of their languages, and how pages name them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

PUNCTUATION = frozenset(
    "\u00a0\u00ad«»‹›“”„‘’‚–—…•·§°€£©®™´×½¼¾²³¿¡№\u3000、。，！？：；（）《》「」『』【】・ー〜～０１２３４５６７８９"
)


@dataclass(frozen=True)
class Language:
    """``letters`` are those beyond ASCII, small ones; ``east_asian`` names a set that is computed from its encoding.

    ``frequent`` are the ten most frequent letters of an alphabet that fills its code page: any bytes are letters there.
    """

    letters: str = ""
    frequent: str = ""
    east_asian: str = ""
    must_occur: bool = True  # without one of its letters nothing is proven
    has_kana: bool = False  # without any a text is not in this language


_COMMON = "оеаинтсрвл"  # in all languages that are written in Cyrillic
_RUSSIAN = Language("абвгдежзийклмнопрстуфхцчшщъыьэюяё", _COMMON)
_UKRAINIAN = Language("абвгдежзийклмнопрстуфхцчшщьюяєіїґ", _COMMON)
_BELARUSIAN = Language("абвгдежзйклмнопрстуфхцчшыьэюяёіў", _COMMON)
_SERBIAN = Language("абвгдежзиклмнопрстуфхцчшђјљњћџ", _COMMON)
_CYRILLIC = (_RUSSIAN, _UKRAINIAN, _BELARUSIAN, _SERBIAN)
_CENTRAL = (
    Language("ąćęłńóśźż"),  # Polish
    Language("áčďéěíňóřšťúůýž"),  # Czech
    Language("áäčďéíĺľňóôŕšťúýž"),  # Slovak
    Language("áéíóöőúüű"),  # Hungarian
    Language("ăâîşţ"),  # Romanian
    Language("čćđšž"),  # Croatian, Bosnian, Slovene
)
_WESTERN = tuple(
    Language(letters, must_occur=False)
    for letters in (
        "äöüß",  # German
        "àâæçéèêëîïôœùûüÿ",  # French
        "áéíñóúü",  # Spanish
        "àáâãçéêíóôõúü",  # Portuguese
        "àèéìíîòóùú",  # Italian
        "àçèéíïòóúü",  # Catalan
        "æøåéèêóòôäö",  # Danish, Norwegian
        "åäöéüà",  # Swedish, Finnish
        "áàäçéèêëíïóöúüû",  # Dutch
        "áæéíðóöúýþ",  # Icelandic
        "äõöüšž",  # Estonian
    )
)
LANGUAGES: dict[str, tuple[Language, ...]] = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859_2": _CENTRAL,
    "cp1251": _CYRILLIC,
    "koi8_r": (_RUSSIAN,),
    "koi8_u": (_UKRAINIAN,),
    "iso8859_5": _CYRILLIC,
    "cp866": (_RUSSIAN,),
    "cp1253": (Language("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ", "αοιετσνηυρ"),),
    "cp1254": (Language("çğıöşüâîûİ"),),
    "cp1257": (Language("ąčęėįšųūž"), Language("āčēģīķļņšūž")),  # Lithuanian, Latvian
    "cp1255": (Language("אבגדהוזחטיךכלםמןנסעףפץצקרשת", "יהולאתרבשמ"),),
    "cp1256": (Language("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيًٌٍَُِّْ،؛؟ـ", "اليمنترهوبع"),),
    "cp874": (Language("".join(map(chr, (*range(0x0E01, 0x0E3B), *range(0x0E40, 0x0E5A)))), "านรอกเงมยลวทสตด่้ัีิ"),),
    "cp949": (Language(east_asian="euc_kr"),),  # these two before Chinese, whose common characters are in more places
    "euc_jp": (Language(east_asian="shift_jis", has_kana=True),),
    "gb18030": (Language(east_asian="gb2312"),),
    "big5hkscs": (Language(east_asian="big5"),),
    "cp932": (Language(east_asian="shift_jis", has_kana=True),),
}
# https://encoding.spec.whatwg.org/#names-and-labels, where that is not what Python makes of a name
LABELS = {
    **dict.fromkeys(
        ("iso-8859-1", "iso8859-1", "iso_8859-1", "iso88591", "latin1", "latin-1", "l1", "ascii", "us-ascii"), "cp1252"
    ),
    **dict.fromkeys(("windows-1252", "x-cp1252", "ansi"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "iso8859-9", "latin5", "l5"), "cp1254"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80", "chinese"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "ks_c_5601-1989", "ksc5601", "korean", "windows-949"), "cp949"),
    **dict.fromkeys(("big5", "big5-hkscs", "cn-big5", "x-x-big5"), "big5hkscs"),
    **dict.fromkeys(("iso-8859-11", "tis-620", "windows-874", "dos-874"), "cp874"),
    **dict.fromkeys(("x-mac-roman", "macintosh", "mac"), "mac_roman"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be", "unicode", "x-user-defined"), "utf-8"),  # it was read as ASCII
}


@lru_cache(16)
def common_east_asian(name: str) -> frozenset[str]:
    """Return the characters that running text is made of: the standards order them by use, the first part is common."""
    match name:
        case "gb2312":
            return _characters("gb2312", range(0xB0, 0xD8))
        case "big5":
            return _characters("big5", range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
        case "euc_kr":
            return _characters("euc_kr", range(0xB0, 0xC9))
        case _:  # of Japanese, kana and the common kanji
            return _characters("euc_jp", (0xA4, 0xA5, *range(0xB0, 0xD0)))


def _characters(codec: str, leads: Iterable[int], trails: Iterable[int] = range(0xA1, 0xFF)) -> frozenset[str]:
    trails = tuple(trails)
    decoded = (bytes((lead, trail)).decode(codec, "ignore") for lead in leads for trail in trails)
    return frozenset(char for char in decoded if char)
