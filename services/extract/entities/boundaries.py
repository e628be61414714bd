"""Corrects the boundaries of what the model found, and drops what is no name, each with the rule that says so."""

import re
from collections.abc import Iterable, Iterator

from services.extract.entities.aliases import DEFAULT, Aliases, Options
from services.extract.entities.names import PLACES, STATE, fold, needs_full_stop
from services.extract.entities.spans import Dropped, Span, our_label

LABEL_NOT_KEPT = "label_not_kept"

_SPACE = " \t\n\r\f\v\u00a0\u2002\u2003\u2009\u200b\u202f\u3000"
_QUOTES = "\"'“”‘’«»`「」『』《》〈〉"  # noqa: RUF001 - all of them are meant
_OTHERS = "-–—•*([{)]}|<>:;,/\\#@_=+~!?（）【】、。，：；！？·،؛؟।"  # noqa: RUF001 - the dashes and marks of all scripts
_LEFT = _SPACE + _QUOTES + _OTHERS + "."
_RIGHT = _SPACE + _QUOTES + _OTHERS  # no full stop: that one may belong
_DETERMINERS_WORDS = """
the a an this that these those its his her their our my
"""
_DETERMINERS = frozenset(_DETERMINERS_WORDS.split())
_DETERMINER = re.compile(rf"({'|'.join(sorted(_DETERMINERS))})\s+(?=\S)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(?<=.)['’‘`]s$", re.IGNORECASE)  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"(?:\b(?:[^\W\d_]\.)+|\b(?:Inc|Corp|Cos?|Ltd|Bros|Jr|Sr|St|No|Mt|Ft|vs|Dr|Mrs?|Ms)\.)$",
)
_NO_NAME = re.compile(r"https?:|www\.|@\w|\.(?:com|org|net)/", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*[^\s][^\n]*")
# what never follows a possessive, so that the 's before it belongs to the name: at Sotheby's on Monday
_NO_POSSESSIVE = re.compile(
    r"['’]s(?=\s*(?:[.,;:!?)]|$|\n)|\s+(?:and|or|in|on|at|to|by|for|from|with|said|says|is|was|has|had|will|would|can"  # noqa: RUF001
    r"|could|did|does|after|before|when|because|which|who)\b)"
)
_FIRMS = ("ORG", "FAC", "PRODUCT")
_IN_SENTENCE = re.compile(r"[a-z,] ")
_WITH_ARTICLE = frozenset({"the hague"})
_PERSONAL_TITLE = re.compile(
    r"(?:(?:prime|foreign|vice|deputy|former) )*(?:archbishop|bishop|ayatollah|rabbi|senator|governor"
    r"|congress(?:wo)?man|president|minister|professor|mayor|sergeant|lieutenant|colonel|captain|sen\.|rep\.|gov\.|prof\.|dr\.?|mrs?\.?"
    r"|ms\.?|rev\.|sgt\.|lt\.|col\.|capt\.|gen\.) (?=(?:[A-Z][\w.'’-]+ ){1,3}[A-Z][a-z'’-]+$)",  # noqa: RUF001
    re.IGNORECASE,
)
_NO_SURNAME = re.compile(
    r"\b(?:of|for|and|the|inc|corp|ltd|foundation|institute|university|school|college|center|centre|library|museum"
    r"|hospital|committee|council|office|fund|trust|group|house|airport|park|award|prize|church|street|road)\b",
    re.IGNORECASE,
)


def names_in(text: str, found: Iterable[Span], options: Options = DEFAULT) -> tuple[list[Span], list[Dropped]]:
    """Return what remains once labels, edges and junk are dealt with, in the order of the text, and what went."""
    names, dropped = [], []
    for start, end, own_label in found:
        label = our_label(own_label)
        if label not in options.labels:
            dropped.append(Dropped(start, end, label, LABEL_NOT_KEPT))
            continue
        span = Span(start, end, label)
        name, rule = _name(text, span, options)
        if name:
            names.append(name)
        else:
            dropped.append(Dropped(*span, rule))
    return sorted(names), dropped


def _name(text: str, span: Span, options: Options) -> tuple[Span | None, str]:
    """Return the name a span holds, or the rule by which it holds none."""
    line = within_one_line(text, span)
    if line is None:
        return None, "crosses_lines"
    if not _is_plain(text[line.start : line.end]) and _NO_NAME.search(text, line.start, line.end):
        return None, "link"
    if options.aliases and (known := _as_written(text, line, options.aliases)):
        return known, ""
    name = without_title(text, trim(text, line))
    if span.label in PLACES and text.startswith(".", name.end) and needs_full_stop(text[name.start : name.end]):
        name = name._replace(end=name.end + 1)
    rule = no_name(text[name.start : name.end], options.longest_name)
    return (None, rule) if rule else (name, "")


def _as_written(text: str, span: Span, aliases: Aliases) -> Span | None:
    """Return the longest stretch that stands in the alias file: with the article before, or the 's behind, or bare."""
    bare = trim(text, span)
    starts, ends = [bare.start], [bare.end, bare.end + 1]
    if text[max(0, bare.start - 4) : bare.start].casefold() == "the ":
        starts.insert(0, bare.start - 4)
    if fold(text[bare.end : bare.end + 2]) == "'s":
        ends.insert(0, bare.end + 2)
    stretches = [Span(start, end, span.label) for start in starts for end in ends]
    return next((one for one in stretches if aliases.has(text[one.start : one.end])), None)


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
        if _is_plain(name) and name.partition(" ")[0].casefold() not in _DETERMINERS:
            break
        right = _trim_right(name, text, span.label)
        left = _trim_left(right, text, span.label)
        start += len(right) - len(left)
        if left == name:
            break
        name = left
    end = start + len(name)
    if span.label in _FIRMS and text[end + 1 : end + 2] == "s" and text[end] in "'’" and has_own_possessive(text, name):  # noqa: RUF001
        end += 2
    return Span(start, end, span.label)


def _is_plain(name: str) -> bool:
    """Whether it is words of letters, with nothing at its edges that could be taken off but an article."""
    return name.replace(" ", "").isalpha() and name[0] != " " != name[-1]


def _trim_left(name: str, text: str, label: str) -> str:
    name = name.lstrip(_LEFT)
    determiner = _DETERMINER.match(name)
    if determiner is None or (name[0].isupper() and _has_own_article(name, determiner, text, label)):
        return name
    return name[determiner.end() :]


def _has_own_article(name: str, determiner: re.Match[str], text: str, label: str) -> bool:
    """Whether a determiner with a capital is part of the name: An Se-jin, The Hague, also inside a sentence."""
    if label == "PERSON" and determiner[1] == "An" and name[determiner.end()].casefold() not in "aeiou":
        return True
    if label not in ("PERSON", *PLACES) or determiner[1] not in ("The", "A", "An"):
        return False
    whole = name.rstrip(_RIGHT)
    return fold(whole) in _WITH_ARTICLE or any(
        _IN_SENTENCE.match(text, at - 2) for at in _places(text, whole) if at > 1
    )


def _trim_right(name: str, text: str, label: str) -> str:
    name = name.rstrip(_SPACE)
    if (possessive := _POSSESSIVE.search(name)) and not (
        label in _FIRMS and has_own_possessive(text, name[: possessive.start()])
    ):
        name = name[: possessive.start()]
    name = name.rstrip(_RIGHT)
    if name.endswith(".") and not _ABBREVIATION.search(name) and not STATE.match(name):
        name = name[:-1]
    bracket = name.rfind("(")
    return name[:bracket] if bracket > 0 and ")" not in name[bracket:] else name  # "Name (ABC": its end was cut off


def has_own_possessive(text: str, name: str) -> bool:
    """Whether the 's behind a name is part of it: it stands where nothing is owned, and the name never without it."""
    own = name.lstrip(_LEFT)
    if not own:
        return False
    ends = [at + len(own) for at in _places(text, own) if not text[at + len(own) : at + len(own) + 1].isalnum()]
    return all(fold(text[end : end + 2]) == "'s" for end in ends) and any(
        _NO_POSSESSIVE.match(text, end) for end in ends
    )


def _places(text: str, name: str) -> Iterator[int]:
    start = text.find(name)
    while start >= 0:
        yield start
        start = text.find(name, start + len(name))


def without_title(text: str, span: Span) -> Span:
    """Make a person of what the model took for an organisation, but is a title and a name: Archbishop Mara Quill."""
    if span.label != "ORG":
        return span
    name = text[span.start : span.end]
    title = _PERSONAL_TITLE.match(name)
    if title is None or _NO_SURNAME.search(name, title.end()):
        return span
    return Span(span.start + title.end(), span.end, "PERSON")


def no_name(name: str, longest: int) -> str | None:
    """Return the rule by which it is no name: those have two code points up to a line, and a capital where there are.

    Letters of scripts without capitals are their own title case, also those of Georgian (capitals in headings only).
    """
    if len(name) <= 1:
        return "too_short"
    if len(name) > longest:
        return "too_long"
    return None if name[0].isupper() or any(char.isalpha() and char == char.title() for char in name) else "no_capital"
