"""JSON-LD of a page: its objects, the one that describes this page's article, and texts behind ``@id`` references."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from services.extract.clean.html.elements import Element

Node = Mapping[str, Any]

MAX_TEXTS = 20  # of one value
_MAX_NODES = 2000  # a page that lists its whole site has some hundred
_MAX_DEPTH = 20
_MAX_JSON = 1_000_000  # characters of one script; what is longer is no JSON once it is cut
_MAX_REFERENCES = 5  # from one object to the next
_WRAPPING = re.compile(r"^\s*(?:<!--|//<!\[CDATA\[|/\*.*?\*/)|(?:-->|//\]\]>)\s*+;?\s*+$")
_ARTICLE = re.compile(r"(?:Article|BlogPosting|Report|Review)$")
_PAGE = re.compile(r"WebPage$")
_WALKED = ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item")


@dataclass(frozen=True)
class LinkedData:
    """The objects of a page in document order, and those that have an ``@id`` by it."""

    nodes: Sequence[Node] = ()
    by_id: Mapping[str, Node] = field(default_factory=dict)

    def article(self, address: str | None, confirms: Callable[[str], bool]) -> Node:
        """Return the object that describes this page's article, or an empty one.

        One whose ``url`` or ``mainEntityOfPage`` is this page's comes first. One that gives another page is not taken,
        unless the page ``confirms`` its headline.
        """
        wanted = _comparable(address)
        ranked: list[tuple[tuple[bool, bool, int], Node]] = []
        for node in self.nodes:
            if not _is_of(node, _ARTICLE):
                continue
            given = {_comparable(text) for text in self._addresses(node)} - {None}
            here = wanted in given
            said = any(confirms(text) for text in self.texts(node.get("headline")) + self.texts(node.get("name")))
            if here or said or not (given and wanted):
                ranked.append(((here, said, bool(node.get("headline")) + bool(node.get("datePublished"))), node))
        return max(ranked, key=lambda entry: entry[0], default=((), {}))[1]

    def page(self, address: str | None) -> Node:
        """Return the object that describes the page itself, or an empty one."""
        pages = [node for node in self.nodes if _is_of(node, _PAGE)]
        wanted = _comparable(address)
        here = [node for node in pages if wanted in {_comparable(text) for text in self._addresses(node)}]
        return here[0] if here else pages[0] if len(pages) == 1 else {}

    def texts(self, value: object, depth: int = 0) -> list[str]:
        """Return the text or texts of a value, which may be a list, wrapped in an object, or a reference to one."""
        if isinstance(value, str):
            return [value]
        if isinstance(value, list):
            return [text for item in value[:MAX_TEXTS] for text in self.texts(item, depth)]
        if isinstance(value, dict) and depth < _MAX_REFERENCES:
            if said := value.get("name") or value.get("@value"):
                return self.texts(said, depth + 1)
            other = self.by_id.get(value["@id"]) if isinstance(value.get("@id"), str) else None
            return self.texts(other.get("name"), depth + 1) if other else []
        return []

    def _addresses(self, node: Node) -> list[str]:
        found = []
        for value in (node.get("url"), node.get("mainEntityOfPage"), node.get("@id")):
            for one in value if isinstance(value, list) else [value]:
                address = (one.get("@id") or one.get("url")) if isinstance(one, dict) else one
                if isinstance(address, str) and "//" in address:
                    found.append(address)
        return found


@dataclass(frozen=True)
class Statements:
    """What a page says of itself in data: JSON-LD, its objects of the article and the page, meta elements, address."""

    data: LinkedData
    article: Node
    page: Node
    meta: Mapping[str, Sequence[str]]
    url: str | None

    def in_meta(self, names: Iterable[str]) -> list[str]:
        """Return the contents of these meta elements, in the order of the names."""
        return [content for name in names for content in self.meta.get(name, ())]


def linked_data(tree: Element) -> LinkedData:
    """Read every script of JSON-LD; what cannot be read is passed over."""
    scripts = [script for script in tree.iter("script") if "ld+json" in (script.get("type") or "").lower()]
    loaded = [_loaded(script.text or "") for script in scripts]
    by_id: dict[str, Node] = {}
    for node in _objects(loaded, None):
        if isinstance(node.get("@id"), str) and node.get("name"):
            by_id.setdefault(node["@id"], node)
    nodes = list(_objects(loaded, _WALKED))
    return LinkedData(nodes, by_id)


def _loaded(text: str) -> object:
    text = text.strip().rstrip(";")[:_MAX_JSON]
    if text.startswith(("<!--", "//", "/*")) or "-->" in text or "//]]>" in text:
        text = _WRAPPING.sub("", text)
    try:
        return json.loads(text, strict=False)  # real pages have line breaks inside of strings
    except (ValueError, RecursionError):
        return None


def _objects(value: object, walked: Sequence[str] | None) -> Iterator[Node]:
    """Yield the objects in a value in document order, through these keys or through all; no more than _MAX_NODES."""
    left, waiting = _MAX_NODES, [(value, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            continue
        if isinstance(value, list):
            inner = value
        elif isinstance(value, dict) and left:
            left -= 1
            yield value
            inner = list(value.values()) if walked is None else [value.get(name) for name in walked]
        else:
            continue
        waiting += [(item, depth + 1) for item in reversed(inner) if isinstance(item, (dict, list))]


def _is_of(node: Node, kind: re.Pattern[str]) -> bool:
    said = node.get("@type")
    return any(isinstance(text, str) and kind.search(text) for text in (said if isinstance(said, list) else [said]))


def _comparable(address: str | None) -> tuple[str, str] | None:
    """Return host and path, as far as two addresses of one page agree on them."""
    try:
        parts = urlsplit((address or "").strip())
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    return (host, parts.path.rstrip("/")) if host else None
