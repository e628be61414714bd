"""From what the model found to what is a name: its edges, and whether it is one at all."""

import re
from collections.abc import Iterable

from services.extract.entities.options import DEFAULT, Options
from services.extract.entities.place_variants import PLACES, STATE, needs_full_stop
from services.extract.entities.spans import Dropped, Span, our_label

LABEL_NOT_KEPT = "label_not_kept"

_SPACE = " \t\n\r\f\v\u00a0\u2002\u2003\u2009\u200b\u202f"
_QUOTES = "\"'“”‘’«»`"  # noqa: RUF001 - all of them are meant
_LEFT = _SPACE + _QUOTES + "-–—•*([{)]}|<>:;,./\\#@_=+~!?"  # noqa: RUF001 - the dashes and quotes are meant
_RIGHT = _SPACE + _QUOTES + "-–—•*([{)]}|<>:;,/\\#@_=+~!?"  # noqa: RUF001 - no full stop: that one may belong
_DETERMINER = re.compile(r"(?:the|a|an|this|that|these|those|its|his|her|their|our|my)\s+(?=\S)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(?<=.)['’‘`]s$", re.IGNORECASE)  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"(?:\b(?:[^\W\d_]\.)+|\b(?:Inc|Corp|Cos?|Ltd|Bros|Jr|Sr|St|No|Mt|Ft|vs|Dr|Mrs?|Ms)\.)$",
)
_NO_NAME = re.compile(r"https?:|www\.|@\w|\.(?:com|org|net)/", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*[^\s][^\n]*")


def names_in(text: str, found: Iterable[Span], options: Options = DEFAULT) -> tuple[list[Span], list[Dropped]]:
    """Return what remains once labels, edges and junk are dealt with, in the order of the text, and what went."""
    names, dropped = [], []
    for start, end, own_label in found:
        label = our_label(own_label)
        if label not in options.labels:
            dropped.append(Dropped(start, end, label, LABEL_NOT_KEPT))
            continue
        span = Span(start, end, label)
        name, rule = _name(text, span, options.longest_name)
        if name:
            names.append(name)
        else:
            dropped.append(Dropped(*span, rule))
    return sorted(names), dropped


def _name(text: str, span: Span, longest: int) -> tuple[Span | None, str]:
    """Return the name a span holds, or the rule by which it holds none."""
    line = within_one_line(text, span)
    if line is None:
        return None, "crosses_lines"
    if _NO_NAME.search(text, line.start, line.end):
        return None, "link"
    name = trim(text, line)
    if span.label in PLACES and text.startswith(".", name.end) and needs_full_stop(text[name.start : name.end]):
        name = name._replace(end=name.end + 1)
    rule = no_name(text[name.start : name.end], longest)
    return (None, rule) if rule else (name, "")


def within_one_line(text: str, span: Span) -> Span | None:
    """Cut a span down to its only line with text; over two such lines it joins what does not belong together."""
    if "\n" not in text[span.start : span.end]:
        return span
    lines = list(_LINE.finditer(text, span.start, span.end))
    return Span(lines[0].start(), lines[0].end(), span.label) if len(lines) == 1 else None


def trim(text: str, span: Span) -> Span:
    """Take articles, possessives, quotes and punctuation off both ends; the result may be empty."""
    name = text[span.start : span.end]
    start = span.start
    while True:
        right = _trim_right(name)
        left = _trim_left(right)
        start += len(right) - len(left)
        if left == name:
            return Span(start, start + len(name), span.label)
        name = left


def _trim_left(name: str) -> str:
    name = name.lstrip(_LEFT)
    determiner = _DETERMINER.match(name)
    return name[determiner.end() :] if determiner else name


def _trim_right(name: str) -> str:
    name = _POSSESSIVE.sub("", name.rstrip(_SPACE)).rstrip(_RIGHT)
    if name.endswith(".") and not _ABBREVIATION.search(name) and not STATE.match(name):
        name = name[:-1]
    bracket = name.rfind("(")
    return name[:bracket] if bracket > 0 and ")" not in name[bracket:] else name  # "Name (ABC": its end was cut off


def no_name(name: str, longest: int) -> str | None:
    """Return the rule by which it is no name: those have two code points up to a line, and a capital."""
    if len(name) <= 1:
        return "too_short"
    if len(name) > longest:
        return "too_long"
    return None if any(char.isupper() for char in name) else "no_capital"
