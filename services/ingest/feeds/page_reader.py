"""Bytes of a page to what its submission needs: its text, its canonical link, and whether it names an author."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, ConfigDict

from services.ingest.feeds.feed_reader import charset_of
from shared.messages import MAX_BODY_BYTES
from shared.web.charsets import decode_text

_HEAD = 256 * 1024  # characters in which a link to the canonical address stands
_AUTHOR = re.compile(
    r"""\bname\s*=\s*["']?author\b|article:author|"author"\s*:|rel\s*=\s*["']?author\b""", re.IGNORECASE
)


class Page(BaseModel):
    """A page as it is published; ``url`` is its canonical address where that is of the same site."""

    model_config = ConfigDict(frozen=True)

    text: str = ""
    url: str
    names_author: bool = False
    too_large: bool = False


class _Head(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.canonical = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and not self.canonical and "canonical" in (given.get("rel") or "").lower().split():
            self.canonical = (given.get("href") or "").strip()


def read_page(data: bytes, content_type: str, url: str) -> Page:
    """Return the page; ``url`` is where it came from after redirects."""
    text = decode_text(data, charset_of(content_type))
    if len(text.encode("utf-8", "replace")) > MAX_BODY_BYTES:
        return Page(url=url, too_large=True)
    head = _Head()
    head.feed(text[:_HEAD].partition("<body")[0])
    names_author = bool(_AUTHOR.search(text))
    return Page(text=text, url=_same_site(url, head.canonical) or url, names_author=names_author)


def _same_site(url: str, canonical: str) -> str | None:
    """Return the canonical address if a page may speak for it: another host's articles are not its to name."""
    try:
        found = urljoin(url, canonical)
        parts, own = urlsplit(found), urlsplit(url)
    except ValueError:
        return None
    if not canonical or parts.scheme not in {"http", "https"} or len(found) > 4096:  # noqa: PLR2004 - as in ArticleSubmitted
        return None
    hosts = {(each.hostname or "").removeprefix("www.") for each in (parts, own)}
    homepage = parts.path in {"", "/"} and not parts.query and own.path not in {"", "/"}
    return found if len(hosts) == 1 and not homepage else None
