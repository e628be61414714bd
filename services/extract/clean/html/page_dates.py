"""When a page was published and updated: JSON-LD, meta elements, marked-up and visible days, and the page's address."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from services.extract.clean.html.elements import Element
from services.extract.clean.html.jsonld import Statements
from services.extract.clean.html.page_title import Scope, shown_text
from services.extract.clean.rules.dates import day_in, published_day_in

_PUBLISHED = (
    *("article:published_time", "datepublished", "og:article:published_time", "parsely-pub-date", "sailthru.date"),
    *("dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created", "publish-date", "publishdate"),
    *("article:published:time", "article.published", "publication_date", "pubdate", "publish_date", "published"),
    *(
        "published-date",
        "published_time",
        "cxenseparse:recs:publishtime",
        "cxenseparse:publishtime",
        "rnews:datepublished",
    ),
    *("date", "dc.date", "citation_publication_date", "citation_online_date", "prism.publicationdate"),
)
_UPDATED = ("article:modified_time", "datemodified", "og:updated_time", "dcterms.modified", "last-modified", "updated")
_PUBLISHING = re.compile("publi|pubdate|True", re.IGNORECASE)
_DATED = re.compile(r"/((?:19|20)\d\d)[/-](\d\d?)[/-](\d\d?)(?=[/-]|$)")
_SHOWN = re.compile(r"date|publi|posted|time|meta\b|byline|info", re.IGNORECASE)
_UNSEEN = frozenset({"script", "style", "noscript", "template"})
_DATE_CHARS = 60  # of a day with a label, a time and a name beside it
_SHOWN_CHARS = 120  # a longer text tells a story that has a day in it
_DAY_SECONDS = 2 * 86_400
_BELOW, _ABOVE = 80, 25  # elements from the heading within which a visible day is the article's


@dataclass(frozen=True)
class Dates:
    """When a page was published, and when updated.

    A page that tells nothing but the day of its last update has that for both.
    """

    published_at: datetime | None
    updated_at: datetime | None


def dates_of(tree: Element, said: Statements, scope: Scope) -> Dates:
    """Return the dates by the most trusted of what the page says of them."""
    updated = first_moment([said.article.get("dateModified"), *said.in_meta(_UPDATED)])
    published = (
        first_moment([said.article.get("datePublished"), *said.in_meta(_PUBLISHED)])
        or first_moment(_marked(tree, scope))
        or first_moment([said.page.get("datePublished")])
    )
    if published:
        return Dates(published, updated)
    shown, shown_update = _shown(tree, scope)
    return Dates(shown or first_moment([_in_address(said.url)]) or shown_update, updated or shown_update)


def first_moment(said: Iterable[object]) -> datetime | None:
    return next((found for text in said if (found := moment(text))), None)


def moment(text: object) -> datetime | None:
    """Read a time as ISO 8601 or the headers of mail write it, else the day it names in words; UTC without offset."""
    if isinstance(text, list):
        return first_moment(text)
    if not isinstance(text, str):
        return None
    found = _read(re.sub(r"\s+(?=[+-]\d|Z$)", "", text.strip()))
    if found is None:
        return day_in(text[:_SHOWN_CHARS])
    try:
        return found if found.tzinfo and found.utctimetuple() else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _read(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, _day, parsedate_to_datetime):
        try:
            return read(text)
        except (ValueError, OverflowError):
            continue
    return None


def _day(text: str) -> datetime:
    """Read the day that a time in another form begins with; two days run together tell none."""
    if text[10:11].isdecimal():
        raise ValueError(text)
    return datetime.combine(date.fromisoformat(text[:10]), datetime.min.time())


def _marked(tree: Element, scope: Scope) -> Iterator[str]:
    """Yield what elements of the article say of the time of publishing, those marked so before any other time."""
    others: list[str] = []
    seen_heading = False
    for element in tree.iter("h1", "h2", "time", "span", "div", "p", "abbr", "li"):
        seen_heading = seen_heading or element is scope.heading or (scope.heading is None and element.tag == "h1")
        said = element.get("datetime") or element.get("content")
        if not said or not scope.holds(element):
            continue
        marks = f"{element.get('itemprop')} {element.get('class')} {element.get('pubdate')}"
        if _PUBLISHING.search(marks) and not _of_update(element):
            yield _shown_day(element) or said
        elif element.tag == "time" and seen_heading and not others and not _of_update(element):
            others.append(_shown_day(element) or said)
    yield from others


def _shown_day(element: Element) -> str | None:
    """Return the day that a time shows where it differs by its time zone: the publisher's own day counts."""
    shown, said = day_in(shown_text(element, _SHOWN_CHARS)[:_SHOWN_CHARS]), moment(element.get("datetime"))
    if shown and said and shown.date() != said.date() and abs((shown - said).total_seconds()) <= _DAY_SECONDS:
        return shown.isoformat()
    return None


def _of_update(element: Element) -> bool:
    """Tell whether the words before a time, or its names, say that it is that of an update."""
    around = element.getparent()
    before = shown_text(around, _SHOWN_CHARS)[:_SHOWN_CHARS] if around is not None else ""
    marks = f"{element.get('itemprop') or ''} {element.get('class') or ''}".lower()
    return "modif" in marks or "updat" in marks or (day_in(before) is not None and published_day_in(before) is None)


def _shown(tree: Element, scope: Scope) -> tuple[datetime | None, datetime | None]:
    """Return the visible days nearest below the heading, or else above it, of publishing and of an update.

    A text counts that is marked as a date or is little more than one.
    """
    update = None
    if scope.heading is None:
        return None, None
    elements = list(tree.iter("*"))
    at = elements.index(scope.heading)
    for element in (*elements[at + 1 : at + 1 + _BELOW], *reversed(elements[max(0, at - _ABOVE) : at])):
        if element.tag in _UNSEEN:
            continue
        marks = f"{element.tag} {element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''}"
        most = _SHOWN_CHARS if _SHOWN.search(marks) else _DATE_CHARS
        text = shown_text(element, most)
        if len(text) > most:
            continue
        if (day := day_in(text)) and scope.holds(element, boxes=True):
            if not _of_update(element) and (other := published_day_in(text)):
                return other, update
            update = update or day
    return None, update


def _in_address(address: str | None) -> str | None:
    """Return the day in an address, "/2026/11/24/" or "/2026-11-24-"."""
    found = _DATED.search(urlsplit(address).path) if address else None
    return "-".join(f"{int(part):02}" for part in found.groups()) if found else None
