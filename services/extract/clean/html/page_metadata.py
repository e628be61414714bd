"""What a page says of itself: title, authors, dates and address, from JSON-LD, meta elements and headings."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from itertools import chain, islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from services.extract.clean.html.elements import Element
from services.extract.clean.rules.bylines import is_name
from services.extract.clean.rules.vocabulary import Vocabulary
from services.extract.clean.text import tokens, visible

Node = Mapping[str, Any]

MAX_AUTHORS = 20
_MAX_NODES = 2000  # of JSON-LD; a page that lists its whole site has some hundred
_MAX_DEPTH = 20
_MAX_JSON = 1_000_000  # characters of one script; what is longer is no JSON once it is cut
_MAX_NAMES = 200  # that a page gives as authors: each is compared with every other
_BYLINE_WORDS = 12
_MAX_MARKED = 3
_WRAPPING = re.compile(r"^\s*(?:<!--|//<!\[CDATA\[|/\*.*?\*/)|(?:-->|//\]\]>)\s*+;?\s*+$")
_MARKED = re.compile(r"\b(?:author|byline|writer)(?:name)?\b|(?:author|byline)[_-]+name|author__")
_ALIKE = 0.6  # of the words: a heading that a page's other titles confirm
_ARTICLE = re.compile(r"(?:Article|BlogPosting|Report|Review)$")
_TITLES = ("og:title", "twitter:title", "parsely-title", "sailthru.title", "dc.title", "title")
_AUTHORS = ("author", "parsely-author", "sailthru.author", "byl", "dc.creator", "article:author", "citation_author")
_PUBLISHED = (
    *("article:published_time", "datepublished", "og:article:published_time", "parsely-pub-date", "sailthru.date"),
    *(
        "dc.date.issued",
        "dcterms.created",
        "publish-date",
        "publishdate",
        "article:published:time",
        "publication_date",
        "pubdate",
        "cxenseparse:recs:publishtime",
    ),
    *("date", "dc.date", "citation_publication_date"),
)
_DESCRIPTIONS = ("og:description", "description", "twitter:description")
_UPDATED = ("article:modified_time", "datemodified", "og:updated_time", "dcterms.modified", "last-modified")
_PUBLISHING = re.compile("publi|pubdate|True", re.IGNORECASE)
_DATED = re.compile(r"/((?:19|20)\d\d)[/-](\d\d?)[/-](\d\d?)(?=[/-])")
_BY = re.compile(
    r"^(?:(?:written|story|words|text|reporting|view all posts)\s+by|by|von|par|por|di|door|av|af)"
    r"(?:\s+(?=\w)|\s*:\s*|$)",
    re.IGNORECASE,
)
_ROLE = re.compile(r"\s*[,|(/].*$|\s+-\s.*$")
_LISTED = re.compile(r"\s*(?:[,;&|]|\band\b|\bund\b|\bet\b|\by\b|\be\b|\ben\b)\s*")
_KICKER_WORDS = 3
_BARS = " |–—·•»:-"
_BAR = re.compile(r"\s+(?:[|–—·•»:-]+)\s+")


@dataclass(frozen=True)
class Head:
    """Each field in the order of trust that its function tells; None or empty where the page does not say.

    A time without an offset counts as UTC, and a day as its beginning.
    """

    title: str | None = None
    authors: tuple[str, ...] = ()
    signed: str | None = None  # the site itself, where it says that it is the author
    published_at: datetime | None = None
    updated_at: datetime | None = None
    url: str | None = None
    description: str | None = None
    text: str | None = None  # of the article, as JSON-LD has it: often whole, often cut, sometimes with markup


def head_of(tree: Element, vocabulary: Vocabulary) -> Head:
    """Read the page's own statements; the tree stays as it is."""
    nodes = list(_nodes(tree))
    article = _article(nodes)
    meta = _meta(tree)
    site = _site(article, meta)
    url = _address(tree, meta)
    return Head(
        title=_title(tree, article, meta, site),
        authors=_authors(tree, article, meta, site, vocabulary),
        signed=_signed(article, meta, site),
        published_at=_first_moment(
            chain([article.get("datePublished")], _all(meta, _PUBLISHED), _times(tree), [_dated(url)])
        ),
        updated_at=_first_moment([article.get("dateModified"), *_all(meta, _UPDATED)]),
        url=url,
        description=max(_all(meta, _DESCRIPTIONS), key=len, default=None),
        text=max((text for node in nodes if isinstance(text := node.get("articleBody"), str)), key=len, default=None),
    )


def _nodes(tree: Element) -> Iterator[Node]:
    """Yield every object of the page's JSON-LD; what cannot be read is passed over."""
    left = _MAX_NODES
    for script in tree.iter("script"):
        if "ld+json" not in (script.get("type") or "").lower():
            continue
        for node in _objects(_loaded(script.text or ""), 0):
            if not left:
                return
            left -= 1
            yield node


def _loaded(text: str) -> object:
    text = text.strip().rstrip(";")[:_MAX_JSON]
    if text.startswith(("<!--", "//", "/*")) or "-->" in text or "//]]>" in text:
        text = _WRAPPING.sub("", text)
    try:
        return json.loads(text, strict=False)  # real pages have line breaks inside of strings
    except (ValueError, RecursionError):
        return None


def _objects(value: object, depth: int) -> Iterator[Node]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _objects(item, depth + 1)
    elif isinstance(value, dict):
        yield value
        for name in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"):
            yield from _objects(value.get(name), depth + 1)


def _article(nodes: Iterable[Node]) -> Node:
    """Return the node that describes an article, the first that has both a headline and a date if there are several."""
    articles = [node for node in nodes if any(_ARTICLE.search(kind) for kind in _texts(node.get("@type")))]
    return max(articles, key=lambda node: bool(node.get("headline")) + bool(node.get("datePublished")), default={})


def _texts(value: object) -> list[str]:
    """Return the text or texts of a JSON-LD value, which may be a list and may be wrapped."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value[:MAX_AUTHORS] for text in _texts(item)]
    if isinstance(value, dict):
        return _texts(value.get("name") or value.get("@value"))
    return []


def _meta(tree: Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        content = visible(element.get("content") or "")
        for name in ("property", "name", "itemprop", "http-equiv"):
            if content and (key := element.get(name)):
                found.setdefault(key.strip().lower(), []).append(content)
    return found


def _all(meta: Mapping[str, Sequence[str]], names: Iterable[str]) -> list[str]:
    return [content for name in names for content in meta.get(name, ())]


def _site(article: Node, meta: Mapping[str, Sequence[str]]) -> set[tuple[str, ...]]:
    """Return the names of the site, as words: neither an author nor a part of a title."""
    names = [*_all(meta, ("og:site_name", "application-name", "twitter:site")), *_texts(article.get("publisher"))]
    return {tuple(tokens(name)) for name in names}


def _title(tree: Element, article: Node, meta: Mapping[str, Sequence[str]], site: set[tuple[str, ...]]) -> str | None:
    """Return the visible heading if another title confirms it; else headline, og:title, title."""
    said = [*_texts(article.get("headline")), *_all(meta, _TITLES)]
    said += [text for element in tree.iter("title") if (text := visible(element.text or ""))][:1]
    said = [_without_site(visible(_plain(text)), site) for text in said]
    said = [text for text in said if text and tuple(tokens(text)) not in site]
    headings = [text for element in tree.iter("h1") if (text := visible(" ".join(element.itertext())))]
    for heading in headings:
        if any(_overlap(heading, other) >= _ALIKE or _goes_on(heading, other) for other in said):
            return _without_kicker(heading, said)
    return said[0] if said else (headings[0] if len(headings) == 1 else None)


def _goes_on(heading: str, title: str) -> bool:
    """Tell whether the title is the heading and, behind a bar or a dash, what it is a part of."""
    return (
        len(tokens(heading)) > _KICKER_WORDS and title.startswith(heading) and bool(_BAR.match(title[len(heading) :]))
    )


def _without_kicker(heading: str, said: Iterable[str]) -> str:
    """Cut a few words from the front that another title does not have, as "Opinion"; what a colon follows stays."""
    for title in said:
        kicker = heading.removesuffix(title).rstrip("| ")
        separate = heading[len(kicker) :].startswith((" ", "|")) and not kicker.endswith(":")
        if separate and len(tokens(kicker)) <= _KICKER_WORDS < len(tokens(title)):
            return title
    return heading


def _plain(text: str) -> str:
    from lxml import html  # noqa: PLC0415 - plain text does not need it

    return html.fromstring(f"<p>{text}</p>").text_content() if "<" in text or "&" in text else text


def _without_site(text: str, site: set[tuple[str, ...]]) -> str:
    """Cut the site's name from either end, where a bar or a dash parts it from the title."""
    pieces = _BAR.split(text)
    if len(pieces) > 1 and tuple(tokens(pieces[0])) in site:
        text = text.removeprefix(pieces.pop(0)).lstrip(_BARS)
    while len(pieces) > 1 and tuple(tokens(pieces[-1])) in site:
        text = text[: text.rindex(pieces[-1])].rstrip(_BARS)
        pieces.pop()
    return text


def _overlap(a: str, b: str) -> float:
    left, right = set(tokens(a)), set(tokens(b))
    return len(left & right) / max(len(left | right), 1)


def _authors(
    tree: Element,
    article: Node,
    meta: Mapping[str, Sequence[str]],
    site: set[tuple[str, ...]],
    vocabulary: Vocabulary,
) -> tuple[str, ...]:
    """Return the people that JSON-LD names, else the meta elements, else what is marked as the byline."""
    for said in (_texts(article.get("author")), _all(meta, _AUTHORS)):
        if found := _people([name for text in said for name in _names(text, vocabulary)], site):
            return found
    return _people(_marked(tree, vocabulary), site)


def _signed(article: Node, meta: Mapping[str, Sequence[str]], site: set[tuple[str, ...]]) -> str | None:
    said = (visible(_plain(text)) for text in (*_texts(article.get("author")), *_all(meta, _AUTHORS)))
    return next((name for name in said if tuple(tokens(name)) in site), None)


def _marked(tree: Element, vocabulary: Vocabulary) -> list[str]:
    """Return the names in elements whose rel, itemprop or class speaks of an author, without role or date."""
    found: list[str] = []
    for element in tree.iter("a", "span", "div", "p", "address", "li", "cite"):
        marks = f"{element.get('rel')} {element.get('itemprop')} {element.get('class')}".lower()
        if not _MARKED.search(marks):
            continue
        text = visible(" ".join(element.itertext()))
        if len(tokens(text)) <= _BYLINE_WORDS:
            found += [
                name for name in _names(text, vocabulary) if is_name(name) and not vocabulary.roles & set(tokens(name))
            ]
        if len(found) >= _MAX_MARKED:
            break
    return found


def _names(text: str, vocabulary: Vocabulary) -> list[str]:
    text = visible(_plain(text))
    if "://" in text or text.startswith(("@", "/")):
        return []
    first, *more = (_ROLE.sub("", _BY.sub("", name)).strip() for name in _LISTED.split(text))
    return [first, *(name for name in more if not vocabulary.roles & set(tokens(name)))]


def _people(names: Iterable[str], site: set[tuple[str, ...]]) -> tuple[str, ...]:
    unique: dict[tuple[str, ...], str] = {}
    for name in islice(names, _MAX_NAMES):
        words = tuple(tokens(name))
        if words and words not in site and "." not in name.split()[-1][:-1]:
            unique.setdefault(words, name)
    longer = {words for words in unique for other in unique if set(other) < set(words)}  # "Ada Quillon Tidewell Echo"
    return tuple(name for words, name in unique.items() if words not in longer)[:MAX_AUTHORS]


def _first_moment(said: Iterable[object]) -> datetime | None:
    return next((found for text in said if (found := moment(text))), None)


def moment(text: object) -> datetime | None:
    """Read a date or time as ISO 8601 or the headers of mail write it; nothing is guessed from other forms."""
    if isinstance(text, list):
        return _first_moment(text)
    if not isinstance(text, str):
        return None
    text = re.sub(r"\s+(?=[+-]\d|Z$)", "", text.strip())
    found = _read(text)
    if found is None:
        return None
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


def _times(tree: Element) -> Iterator[str]:
    """Yield what elements say of the time of publishing: those marked so, then the first time below the heading."""
    below = None
    seen_heading = False
    for element in tree.iter("h1", "time", "span", "div", "p", "abbr", "li"):
        if element.tag == "h1":
            seen_heading = True
            continue
        said = element.get("datetime") or element.get("content")
        if said and _PUBLISHING.search(f"{element.get('itemprop')} {element.get('class')} {element.get('pubdate')}"):
            yield said
        elif said and element.tag == "time" and seen_heading and below is None:
            below = said
    if below:
        yield below


def _dated(address: str | None) -> str | None:
    """Return the day in an address, "/2026/11/24/" or "/2026-11-24-"."""
    found = _DATED.search(urlsplit(address).path) if address else None
    return "-".join(f"{int(part):02}" for part in found.groups()) if found else None


def _address(tree: Element, meta: Mapping[str, Sequence[str]]) -> str | None:
    """Return the canonical address, absolute, http or https only."""
    links = [link.get("href") or "" for link in tree.iter("link") if "canonical" in (link.get("rel") or "").split()]
    base = next(iter(_all(meta, ("og:url",))), "")
    for address in (*links, base):
        whole: str = urljoin(base, address.strip())
        try:
            parts = urlsplit(whole)
        except ValueError:
            continue
        if parts.scheme in {"http", "https"} and parts.hostname:
            return whole
    return None
