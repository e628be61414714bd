"""Places that papers write in several ways: the countries that have acronyms, and the states of one of them."""

import re
from collections.abc import Mapping
from types import MappingProxyType

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
STATE = re.compile(rf"(?:{'|'.join(map(re.escape, _STATES))})$")


def same_place(name: str) -> str:
    """Return the full form of a folded name, or the name itself."""
    return _SAME.get(name, name)


def needs_full_stop(name: str) -> bool:
    """Whether the name is the short form of a state without the full stop that belongs to it."""
    return f"{name}." in _STATES
