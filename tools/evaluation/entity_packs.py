"""Packs of articles whose names are known, as ``python -m tools.evaluation entities`` reads them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tools.evaluation.entity_scores import Named

_ARTICLE = re.compile(r"(?:the|an?)\s+", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\s?['’]s?$")  # noqa: RUF001 - the apostrophe papers print
_SMALL = frozenset({"of", "and", "the", "for", "in", "on", "at", "to", "de", "la", "van", "von", "der", "al", "&", "-"})
_KINDS = frozenset({"person", "organization", "place"})
_PRONOUNS = frozenset(
    ("i", "he", "she", "it", "we", "you", "they", "his", "her", "its", "their", "this", "that", "who")
)


class Article(NamedTuple):
    """A text and the names it is known to have."""

    text: str
    names: Sequence[Named]


def article_of(record: Mapping[str, Any]) -> Article:
    """Return what a record expects; raises KeyError, TypeError or ValueError where it is no record of ours."""
    text = record["text"]
    if "ments" in record:
        return Article(text, list(dict.fromkeys(_names_among(text, record["ments"]))))
    named = (Named((start, end), label or "", entity or None) for start, end, label, entity in record["ents"])
    return Article(text, list(named))


def _names_among(text: str, mentions: list[Any]) -> Iterator[Named]:
    """Coreference has pronouns and descriptions too; a name has a capital in all but its small words."""
    for start, end, label, entity, *_ in mentions:
        name = _POSSESSIVE.sub("", text[start:end])
        article = _ARTICLE.match(name)
        begin = start + article.end() if article else start
        name = text[begin : start + len(name)]
        if label in _KINDS and _is_name(name):
            yield Named((begin, begin + len(name)), label, entity)


def _is_name(name: str) -> bool:
    words = name.split()
    great = [word for word in words if word not in _SMALL]
    if len(words) == 1 and name.lower() in _PRONOUNS:
        return False
    return bool(great) and words[0] in great and all(word[0].isupper() or word[0].isdigit() for word in great)
