"""URL canonicalisation: one form for all links to an article. The form is for identity; it need not be fetchable.

A link is read as browsers read it (WHATWG URL standard, by ada). What differs between links to one article goes:
scheme, ``www.``, mobile and AMP hosts and paths, print versions, session ids, user and password, trackers, fragment.
What may name another article stays: every other parameter, the bytes of a path, a port, a route behind ``#/``.
docs/identity.md has the rule and its price.
"""

import re
import unicodedata
from collections.abc import Iterator
from html.entities import html5
from itertools import starmap
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from ada_url import URL

from services.ingest.tracking_parameters import belongs_to, is_tracking
from shared.errors import Reason, Rejected

Pair = tuple[str, str]

_LINE_BREAKS = re.compile(r"[\t\n\r]+")
_INVISIBLE = " \t\n\r\f\v\u00a0\u00ad\u200b\u2060\ufeff"
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]")
_ADDRESS = re.compile(r"(?:https?:)?[/\\]{2,}([^/\\?#]*)", re.IGNORECASE)
_LONGEST_AUTHORITY = 512  # characters; a host name has 253 at most, and longer ones take the square of it to encode

_AMPERSAND = re.compile(r"&(?:(?:amp|#0*38|#x0*26);)+", re.IGNORECASE)  # escaped once, or again by the next system
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]*);", re.IGNORECASE)
_HIGHEST = 0x10FFFF

_DEFAULT_PORTS = {"", "80", "443"}  # of either scheme, since the two are one
_OTHER_HOST = re.compile(r"www\d*|m|mobi|mobile|touch|wap|amp")
_FEWEST_LABELS = 2  # of a host: m.me and amp.dev are names of their own

_AMP_CACHE = re.compile(
    r"(?:[^/]+\.cdn\.ampproject\.org/[a-z]+|[^/]+\.bing-amp\.com/[a-z]+|(?:www\.)?google(?:\.[a-z]{2,3}){1,2}/amp)"
    r"/(?:s/)?(?=[^/]+\.)"
)
# Host and path of a service that sends on to another address, and the parameter with that address.
_REDIRECT = re.compile(
    r"google(?:\.[a-z]{2,3}){1,2}/url|bing\.com/news/apiclick\.aspx|lm?\.(?:facebook|instagram)\.com(?:/l\.php)?"
    r"|out\.reddit\.com(?:/.*)?|linkedin\.com/redir/redirect|vk\.com/away\.php|getpocket\.com/redirect"
    r"|t\.umblr\.com/redirect|[a-z0-9]+\.safelinks\.protection\.outlook\.com"
)
_REDIRECT_PARAMETERS = ("url", "u", "q", "to", "z")

_AMP_SUFFIX = re.compile(r"(?:[.~!]amp)+(?=\.\w+$|$)")
_PRINT = re.compile(r"(?:print|printable|printversion|drucken|druck|druckversion|imprimir|imprimer|stampa)(?:\.html?)?")
_INDEX = re.compile(r"index\.(?:[sx]?html?|php\d?|aspx?|jsp)|default\.aspx?")
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sessionid)(?:=[^;]*)?|;sid=[0-9a-z]{26,}", re.IGNORECASE)
_ASP_SESSION = re.compile(
    r"\((?:[AFSX]\([^()]*\))+\)", re.IGNORECASE
)  # a segment, such as (S(lit3py55t21z5v55vlm25s55))
_SESSION = re.compile(
    r"jsessionid|phpsessid|php_?session_?id|aspsessionid\w*|asp\.net_sessionid|sess(?:ion)?_?id|oscsid|zenid|cftoken",
    re.IGNORECASE,
)
_SESSION_ID = re.compile(r"(?=.*\d)[0-9a-z]{26,}", re.IGNORECASE)  # PHP's have 26 or 32 characters

_YES = {"", "1", "true", "yes", "on"}
_SWITCHES = re.compile(r"_?amp|is_?amp|mobi|(?:is)?mobile|druck(?:en)?|print\w*|imprimir", re.IGNORECASE)
_CHOICES = re.compile(r"format|layout|mode|output_?(?:type)?|pagewanted|template|type|version|view", re.IGNORECASE)
_OTHER_FORM = re.compile(r"amp|mobile|print\w*|druck\w*", re.IGNORECASE)

_DOTS = {"", ".", ".."}
_SAFE = "!$'()*,@+="  # in a path, beside letters, digits and -._~


class Place(NamedTuple):
    """The parts of a canonical link."""

    host: str
    path: str
    query: list[Pair]
    route: str

    def __str__(self) -> str:
        query = "&".join(starmap(_parameter, self.query))
        return f"https://{self.host}{self.path}{'?' if query else ''}{query}{self.route}"


def without_line_breaks(url: str) -> str:
    """Return a link as it was sent, without the line breaks and blanks that a feed put around and into it."""
    return "".join(part.strip(_INVISIBLE) for part in _LINE_BREAKS.split(url.strip(_INVISIBLE)))


def canonical_url(url: str) -> str:
    """Return the one form of a link; raises Rejected for what is no absolute http or https address."""
    try:
        place, inner = _read(without_line_breaks(_unescaped(url)))
    except ValueError as error:
        raise Rejected(Reason.BAD_URL, f"url {url[:200]!r} {error}") from None
    while inner:  # each is shorter than the one before
        try:
            place, inner = _read(inner)
        except ValueError:
            break
    return str(place)


def _read(given: str) -> tuple[Place, str | None]:
    """Return the canonical parts of a link, and the link within it if it only leads there."""
    parsed = _parsed(given)
    host = _host(parsed)
    if not host:
        raise ValueError("has no host")
    place = Place(host, _path(parsed.pathname), _query(parsed.search[1:]), _route(parsed.hash[1:]))
    return place, _cached(parsed.hostname + parsed.pathname, parsed) or _cached(host + place.path, parsed) or _sent_to(
        place
    )


def _parsed(given: str) -> URL:
    address = _ADDRESS.match(given)
    if _CONTROL.search(given) or not address:
        raise ValueError("is not an absolute http or https address")
    if len(address[1]) > _LONGEST_AUTHORITY:
        raise ValueError(f"has a host of {len(address[1])} characters")
    try:
        return URL(given if given[0] in "hH" else f"https:{given}")
    except ValueError:
        raise ValueError("is not an absolute http or https address") from None


def _unescaped(url: str) -> str:
    """Replace character references that end in a semicolon: ``&region=`` is a parameter and not ``®``."""
    return _REFERENCE.sub(lambda found: _character(found[0]), _AMPERSAND.sub("&", url))


def _character(reference: str) -> str:
    name = reference[1:]
    if name[0] != "#":
        return html5.get(name, reference)
    number = int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1])
    return chr(number) if number <= _HIGHEST else reference


def _cached(address: str, parsed: URL) -> str | None:
    """Return the link whose AMP page a cache has under this address."""
    cache = _AMP_CACHE.match(address)
    return f"https://{address[cache.end() :]}{parsed.search}{parsed.hash}" if cache else None


def _sent_to(place: Place) -> str | None:
    """Return the link to which a service that counts clicks sends on."""
    if not _REDIRECT.fullmatch(place.host + place.path):
        return None
    found = {name: value for name, value in place.query if _ADDRESS.match(value)}
    link = next((found[name] for name in _REDIRECT_PARAMETERS if name in found), None)
    return _quoted(link, safe="".join(map(chr, range(0x21, 0x7F)))) if link else None


def _host(parsed: URL) -> str:
    labels = parsed.hostname.strip(".").split(".")
    while len(labels) > _FEWEST_LABELS and _OTHER_HOST.fullmatch(labels[0]):
        del labels[0]
    if len(labels) > _FEWEST_LABELS + 1 and labels[1] == "m":  # de.m.example.org
        del labels[1]
    host = ".".join(labels)
    return host if parsed.port in _DEFAULT_PORTS or not host else f"{host}:{parsed.port}"


def _path(path: str) -> str:
    return "".join(f"/{_quoted(segment)}" for segment in _main_version(_segments(path)))


def _segments(path: str) -> list[str]:
    return [segment for segment in map(_decoded, path.split("/")) if segment not in _DOTS]


def _main_version(segments: list[str]) -> list[str]:
    """Remove from a path what names a session or another form of the same article, until nothing is left to remove."""
    while True:
        found = [_PATH_SESSION.sub("", segment) for segment in segments if not _ASP_SESSION.fullmatch(segment)]
        if len(found) > 1:
            found = found[found[:2] == ["platform", "amp"] :]
            found = [segment for segment in found if segment.lower() != "amp"] or found[:1]
        if found:
            found[-1] = _without_trackers(_AMP_SUFFIX.sub("", found[-1]))
            if _INDEX.fullmatch(found[-1]) or (len(found) > 1 and _is_other_form(found[-1])):
                del found[-1]
        found = [segment for segment in found if segment not in _DOTS]
        if found == segments:
            return found
        segments = found


def _is_other_form(segment: str) -> bool:
    return bool(_PRINT.fullmatch(segment)) or segment == "amp.html"


def _without_trackers(segment: str) -> str:
    """Remove parameters that were added with ``&`` to a path that has no ``?``."""
    first, *rest = segment.split("&")
    return "&".join([first, *(part for part in rest if not is_tracking(*_split(part)))])


def _query(query: str) -> list[Pair]:
    """Return the parameters that say what is read, each once, by name; those of one name in their order."""
    pairs = list(dict.fromkeys(_pairs(query)))
    dropped = {name.lower() for name, value in pairs if _is_dropped(name, value)}
    kept = (pair for pair in pairs if not _is_dropped(*pair) and not belongs_to(pair[0], dropped))
    return sorted(kept, key=lambda pair: pair[0])


def _pairs(query: str) -> Iterator[Pair]:
    for part in query.replace("+", " ").split("&"):
        name, value = map(_decoded, _split(part))
        before, mark, more = value.partition("?")  # a second ? where an & is meant
        if mark and is_tracking(*_split(more)):
            value = before
        if (name := name.lstrip("?")) or value:
            yield name, value


def _is_dropped(name: str, value: str) -> bool:
    if is_tracking(name, value) or _SESSION.fullmatch(name):
        return True
    if _SWITCHES.fullmatch(name):
        return value.lower() in _YES or bool(_OTHER_FORM.fullmatch(value))
    if _CHOICES.fullmatch(name):
        return bool(_OTHER_FORM.fullmatch(value))
    return name.lower() == "sid" and bool(_SESSION_ID.fullmatch(value))


def _route(fragment: str) -> str:
    """Return a fragment that a page's script reads as a path, such as ``#/news/1`` or ``#!/news/1``; else nothing."""
    mark = "!" if fragment.startswith("!") else ""
    if not fragment.startswith(("/", "!")):
        return ""
    path, _, query = fragment.partition(":~:")[0][len(mark) :].partition("?")
    segments, pairs = _segments(path), _query(query)
    if not segments and not pairs:
        return ""
    return f"#{mark}/{'/'.join(map(_quoted, segments))}{'?' if pairs else ''}{'&'.join(starmap(_parameter, pairs))}"


def _parameter(name: str, value: str) -> str:
    return f"{_quoted(name, safe='')}{'=' if value else ''}{_quoted(value, safe='')}"


def _split(parameter: str) -> Pair:
    name, _, value = parameter.partition("=")
    return name, value


def _decoded(part: str) -> str:
    """Return what percent-encoding stands for, composed (NFC); bytes that are not UTF-8 stay apart as surrogates."""
    return unicodedata.normalize("NFC", unquote_to_bytes(part).decode("utf-8", "surrogateescape"))


def _quoted(text: str, *, safe: str = _SAFE) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"), safe=safe)
