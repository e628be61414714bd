"""Jinja templates with escaping always on; `services.desk.access` adds the headers that forbid foreign content."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from services.desk.pages.page_query import entity_path
from shared import __version__
from shared.sanitizing import harmless

LABELS: Mapping[str, str] = {
    "PERSON": "people",
    "ORG": "organisations",
    "GPE": "countries, cities",
    "LOC": "regions, waters",
    "FAC": "buildings, roads",
    "NORP": "nationalities, parties",
    "EVENT": "events",
    "PRODUCT": "products",
    "LAW": "laws",
    "WORK_OF_ART": "works",
    "LANGUAGE": "languages",
    "MISC": "other names",
}
OTHER = "OTHER"  # class of a label that is none of these
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


class Renderer:
    """Renders templates; every text that a template prints is escaped, and control characters are replaced."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("services.desk.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_printable,
        )
        self._environment.globals |= {"labels": LABELS, "version": __version__, "entity_path": entity_path}
        self._environment.filters |= {
            "age": age,
            "commands": commands,
            "label_class": label_class,
            "moment": moment,
            "number": number,
            "outbound": outbound,
            "segment": lambda text: quote(text, safe=""),
            "size": size,
        }

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401 - of a template
        """Return a page."""
        return HTMLResponse(self._environment.get_template(template).render(values), status)


def _printable(value: object) -> object:
    """Replace control characters of plain text; markup of ours is another type."""
    return harmless(value) if type(value) is str else value


def label_class(label: str) -> str:
    """Return the class of a label: one of ours, so that no label from outside becomes part of the markup."""
    return label if label in LABELS else OTHER


def commands(text: str) -> Markup:
    """Return a sentence of ours with what stands in backquotes as code; all of it escaped."""
    parts = (escape(part) for part in harmless(text).split("`"))
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )


def outbound(url: str | None) -> str | None:
    """Return an http or https address that a page may link to; None for any other."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.netloc else None


def moment(at: datetime | None, pattern: str = "%Y-%m-%d %H:%M") -> str:
    """Return a time in UTC as lists show it."""
    return "" if at is None else at.astimezone(UTC).strftime(pattern)


def number(value: float, rate: int = 1) -> str:
    """Return a number with its thousands apart; small fractions keep one digit.

    ``rate``: it was estimated from one article in so many, so it has two digits and a sign that says so.
    """
    if rate > 1:
        return f"\N{ALMOST EQUAL TO}\N{NO-BREAK SPACE}{float(f'{value:.2g}'):,.0f}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"  # noqa: PLR2004


def age(seconds: float | None) -> str:
    """Return a length of time as a table shows it."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 1:
        return "< 1 s"
    found = next(((length, unit) for length, unit in _UNITS if seconds >= 2 * length), None)
    return f"{seconds / found[0]:.0f} {found[1]}" if found else f"{seconds:.0f} s"


def size(count: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
