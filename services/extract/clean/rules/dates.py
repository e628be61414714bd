"""The day that a line names, where it can be read in one way only."""

import re
from datetime import UTC, datetime

_NAMES = (
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia",
    "february feb februar février févr febrero febbraio fevereiro fev februari lutego",
    "march mar märz mär mars marzo março maart mrt marca",
    "april apr avril avr abril abr aprile kwietnia",
    "may mai mayo maggio mag maio mei maja",
    "june jun juni juin junio giugno giu junho czerwca",
    "july jul juli juillet juil julio luglio lug julho lipca",
    "august aug août agosto ago augustus sierpnia",
    "september sep sept septembre septiembre setiembre settembre set setembro września",
    "october oct oktober okt octobre octubre ottobre ott outubro out października",
    "november nov novembre noviembre novembro listopada",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro grudnia",
)
_MONTHS = {name: month for month, names in enumerate(_NAMES, 1) for name in names.split()}
_YEAR = r"(?P<year>(?:19|20)\d\d)(?!\d)"
_MONTH = r"(?P<month>[^\W\d_]{3,12})\.?"
_DAY = r"(?<!\d)(?P<day>\d\d?)(?:st|nd|rd|th|er|º|\.)?"
_FORMS = (
    re.compile(r"(?<!\d)" + _YEAR + r"\s?[-/.年년]\s?(?P<month>\d\d?)\s?[-/.月월]\s?(?P<day>\d\d?)(?!\d)"),
    re.compile(_DAY + r"[\s-]+(?:de\s+)?" + _MONTH + r",?[\s-]+(?:de\s+)?" + _YEAR),
    re.compile(_MONTH + r"\s+" + _DAY + r",?\s+" + _YEAR),
    # with slashes it may be the other way round
    re.compile(r"(?<!\d)(?P<day>\d\d?)\.\s?(?P<month>\d\d?)\.\s?" + _YEAR),
)


def day_in(text: str) -> datetime | None:
    """Return the beginning of the first day that the text names with its year, in UTC."""
    text = text.casefold()
    for form in _FORMS:
        for found in form.finditer(text):
            month = _MONTHS.get(found["month"]) or (int(found["month"]) if found["month"].isdecimal() else 0)
            try:
                return datetime(int(found["year"]), month, int(found["day"]), tzinfo=UTC)
            except ValueError:
                continue
    return None
