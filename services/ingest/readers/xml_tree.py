"""XML of any sender to a tree with local names: no entities of its own, no DTD fetched, bounded depth and number.

Expat alone does it: what defines an entity is refused, an external DTD is named and not read, and the entities of HTML
that a DTD would define (``&nbsp;``) are known here. lxml is not among the libraries of ingest.
"""

from html import escape
from html.entities import html5
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from shared.errors import Reason, Rejected

_MOST_DEPTH = 100
_MOST_ELEMENTS = 200_000
_HIDDEN = frozenset({"script", "style", "media-reference", "media-producer", "media-metadata", "object", "iframe"})


def parse(data: bytes) -> Element:
    """Return the root; names are without namespace, attributes too. Raises Rejected."""
    try:
        return _Reader().read(data)
    except expat.ExpatError as error:
        said = f"no XML: {expat.ErrorString(error.code)} in line {error.lineno}"
        raise Rejected(Reason.SCHEMA, said) from None
    except (UnicodeError, LookupError, ValueError) as error:
        raise Rejected(Reason.SCHEMA, f"no XML: {error}") from None


class _Reader:
    def __init__(self) -> None:
        self._tree, self._depth, self._count = TreeBuilder(), 0, 0
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._tree.data
        self._parser.EntityDeclHandler = self._entity
        self._parser.SkippedEntityHandler = self._html_entity
        self._parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def read(self, data: bytes) -> Element:
        self._parser.Parse(data, True)
        return self._tree.close()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _MOST_DEPTH or self._count > _MOST_ELEMENTS:
            raise Rejected(Reason.TOO_LARGE, f"XML of more than {_MOST_DEPTH} levels or {_MOST_ELEMENTS:,} elements")
        self._tree.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._tree.end(_local(name))

    def _entity(self, name: str, *_of_it: object) -> None:
        raise Rejected(Reason.SCHEMA, f"XML that defines an entity ({name[:40]!r}) is not read")

    def _html_entity(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._tree.data(html5.get(f"{name};", "\ufffd"))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def text(root: Element | None, path: str = ".") -> str:
    """Return all text below the first element of a path, on one line; empty where there is none."""
    found = None if root is None else root.find(path)
    return "" if found is None else " ".join("".join(found.itertext()).split())


def attribute(root: Element, path: str, name: str) -> str:
    """Return an attribute of the first element of a path that has it; empty where none has."""
    return next((value for each in root.iterfind(path) if (value := each.get(name, "").strip())), "")


def html(element: Element, names: dict[str, str]) -> str:
    """Return the content of an element as HTML; ``names``: element to what it is called in HTML.

    Of attributes only links stay; elements that HTML would run or that hold no text go.
    """
    return "".join((escape(element.text or "", quote=False), *(_outer(child, names) for child in element)))


def _outer(element: Element, names: dict[str, str]) -> str:
    after = escape(element.tail or "", quote=False)
    if element.tag in _HIDDEN:
        return after
    name, inside = names.get(element.tag, element.tag), html(element, names)
    if not name:
        return inside + after
    link = element.get("href", "")
    shown = f' href="{escape(link)}"' if link and name == "a" else ""
    return f"<{name}{shown}>{inside}</{name}>{after}"
