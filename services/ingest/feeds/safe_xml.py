"""XML without document types and entities, read as events: expat that refuses what could expand or lead elsewhere."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

_MAX_DEPTH = 64
_MAX_ELEMENTS = 500_000
_MAX_TEXT = 64 * 1024  # characters of one element
_PROLOG_PART = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[<>]*(.?)", re.IGNORECASE | re.DOTALL)


class XmlRefused(ValueError):  # noqa: N818 - it describes the document
    """A document that is not read: a document type with declarations, too deep, too long, or no XML."""


@dataclass
class Element:
    """An element that has ended: local names of itself and its ancestors, attributes, and its own text."""

    path: tuple[str, ...]
    attributes: Mapping[str, str]
    text: str = ""
    parts: list[str] = field(default_factory=list, repr=False)


def refuse_declarations(text: str) -> None:
    """Raise XmlRefused where the prolog declares a document type with an internal subset, which entities need.

    A document type that is only named, as RSS 0.91 has it, declares nothing: nothing here loads what it names.
    """
    at = 0
    while found := _PROLOG_PART.match(text, at):
        at = found.end()
    if (found := _DOCTYPE.match(text, at)) and found[1] != ">":
        raise XmlRefused("a document type with declarations; entities are not read")


class _Reader:
    def __init__(self) -> None:
        self.ended: list[Element] = []
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS or len(self._open) == _MAX_DEPTH:
            raise XmlRefused(f"more than {_MAX_ELEMENTS:,} elements, or deeper than {_MAX_DEPTH}")
        path = (*(self._open[-1].path if self._open else ()), name.rpartition(" ")[2].lower())
        self._open.append(Element(path, {key.rpartition(" ")[2]: value for key, value in attributes.items()}))

    def text(self, data: str) -> None:
        element = self._open[-1]
        if sum(map(len, element.parts)) + len(data) <= _MAX_TEXT:
            element.parts.append(data)

    def end(self, _name: str) -> None:
        element = self._open.pop()
        element.text = "".join(element.parts).strip()
        self.ended.append(element)


def elements(text: str) -> Iterator[Element]:
    """Yield the elements of a document as they end, children before their parents; raises XmlRefused."""
    parser, reader = expat.ParserCreate(encoding="utf-8", namespace_separator=" "), _Reader()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _no_declarations
    parser.EntityDeclHandler = _no_entities
    try:
        data = text.encode("utf-8", "replace")
        for at in range(0, len(data), 65_536):
            parser.Parse(data[at : at + 65_536])
            yield from reader.ended
            reader.ended.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise XmlRefused(f"no XML: {error}") from None
    yield from reader.ended


def _no_declarations(_name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
    if has_subset:
        raise XmlRefused("a document type with declarations; entities are not read")


def _no_entities(*_declared: object) -> None:
    raise XmlRefused("an entity is declared; entities are not read")
