"""What a page says of itself: title, authors, dates and address, from JSON-LD, meta elements and headings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from services.extract.clean.html import page_authors, page_dates
from services.extract.clean.html.elements import Element
from services.extract.clean.html.jsonld import LinkedData, Node, Statements, linked_data
from services.extract.clean.html.page_title import headings, overlap, title_of
from services.extract.clean.rules.vocabulary import Vocabulary
from services.extract.clean.text import tokens, visible

_TITLES = ("og:title", "twitter:title", "parsely-title", "sailthru.title", "dc.title", "title")
_DESCRIPTIONS = ("og:description", "description", "twitter:description")
_SITES = ("og:site_name", "application-name", "apple-mobile-web-app-title", "twitter:site")
_ALIKE = 0.6
_HOST = re.compile(r"[a-z0-9-]{4,}")
_LOGO = re.compile(r"logo|site[-_]?(?:title|name)|brand|masthead")
_BAR = re.compile(r"\s+[|–—·•»:-]+\s+")
_HOME = frozenset({"/", "#", "./"})
_LOGO_CHARS = 60


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
    data, meta = linked_data(tree), _meta(tree)
    url = _address(tree, meta)
    titles = [*_all(meta, _TITLES), *_title_elements(tree)]
    named = [*titles, *(text for _, text in headings(tree, "h1"))]
    article = data.article(url, lambda text: any(overlap(text, other) >= _ALIKE for other in named))
    said = Statements(data, article, data.page(url), meta, url)
    site = _site(tree, said)
    title, scope = title_of(tree, [*data.texts(article.get("headline")), *titles], site)
    dates = page_dates.dates_of(tree, said, scope)
    return Head(
        title=title,
        authors=page_authors.authors_of(tree, said, site, scope, vocabulary.roles),
        signed=page_authors.signed(said, site),
        published_at=dates.published_at,
        updated_at=dates.updated_at,
        url=url,
        description=max(_all(meta, _DESCRIPTIONS), key=len, default=None),
        text=_body(data, article),
    )


def _body(data: LinkedData, article: Node) -> str | None:
    nodes = [article] if article.get("articleBody") else data.nodes
    return max((text for node in nodes if isinstance(text := node.get("articleBody"), str)), key=len, default=None)


def _title_elements(tree: Element) -> list[str]:
    return [text for element in tree.iter("title") if (text := visible(element.text or ""))][:1]


def _meta(tree: Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        content = visible(element.get("content") or "")
        for name in ("property", "name", "itemprop", "http-equiv"):
            if content and (key := element.get(name)):
                found.setdefault(key.strip().lower(), []).append(content)
    return found


def _all(meta: Mapping[str, Sequence[str]], names: Sequence[str]) -> list[str]:
    return [content for name in names for content in meta.get(name, ())]


def _site(tree: Element, said: Statements) -> set[tuple[str, ...]]:
    """Return the names of the site, as words: neither an author nor a part of a title."""
    names = [*said.in_meta(_SITES), *said.data.texts(said.article.get("publisher")), *_logos(tree)]
    hosts = _HOST.findall(urlsplit(said.url).hostname or "") if said.url else []
    return {tuple(tokens(name)) for name in names} | {("".join(tokens(host)),) for host in hosts}


def _logos(tree: Element) -> list[str]:
    """Return the parts of the title element that the page shows as its logo or as a link to its beginning."""
    parts = {tuple(tokens(part)) for text in _title_elements(tree) for part in _BAR.split(text)[1:]}
    parts |= {tuple(tokens(_BAR.split(text)[0])) for text in _title_elements(tree) if _BAR.search(text)}
    found = []
    for element in tree.iter("a", "h1", "div", "span", "p") if parts else ():
        home = element.tag == "a" and (element.get("href") or "").strip() in _HOME
        if home or _LOGO.search(f"{element.get('class') or ''} {element.get('id') or ''}".casefold()):
            text = visible(" ".join(element.itertext())) if len(element) < _LOGO_CHARS else ""
            if text and len(text) <= _LOGO_CHARS and tuple(tokens(text)) in parts:
                found.append(text)
    return found


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
