"""Places written in several ways: acronyms of countries, states of the United States, towns with their country."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from services.extract.entities.union_find import UnionFind

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
