"""Feeds as invented publishers serve them: RSS, Atom, JSON Feed, sitemaps, in the forms that the wild has."""

import html
import json
from collections.abc import Iterable

TEXT = "The harbour of Karsholm reopened on Monday after nine days of strike, the port authority said. " * 14


def rss(items: Iterable[str], *, head: str = "") -> bytes:
    space = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    top = f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" {space}><channel><title>Harbour Gazette</title>'
    return f"{top}{head}{''.join(items)}</channel></rss>".encode()


def item(
    link: str, *, title: str = "Harbour reopens", text: str = TEXT, guid: str = "", date: str = "", more: str = ""
) -> str:
    named = f'<guid isPermaLink="false">{guid}</guid>' if guid else ""
    dated = f"<pubDate>{date}</pubDate>" if date else ""
    body = f"<content:encoded>{html.escape(f'<p>{text}</p>')}</content:encoded>" if text else ""
    return (
        f"<item><title>{html.escape(title)}</title><link>{link}</link>{named}{dated}{body}"
        f"<description>In short.</description>{more}</item>"
    )


def atom(entries: Iterable[tuple[str, str]]) -> bytes:
    made = "".join(
        f'<entry><id>{link}</id><title>{title}</title><link href="{link}"/><updated>2026-03-01T09:30:00Z</updated>'
        f'<author><name>Ann Brekke</name></author><content type="html">&lt;p&gt;{TEXT}&lt;/p&gt;</content></entry>'
        for link, title in entries
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Post</title>{made}</feed>'.encode()


def json_feed(entries: Iterable[tuple[str, str]]) -> bytes:
    items = [
        {
            "id": link,
            "url": link,
            "title": title,
            "content_html": f"<p>{TEXT}</p>",
            "date_published": "2026-03-01T09:30:00+01:00",
            "authors": [{"name": "Ann Brekke"}],
            "tags": ["harbour"],
        }
        for link, title in entries
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Post", "items": items}).encode()


def sitemap(links: Iterable[str], date: str) -> bytes:
    spaces = (
        'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
    )
    urls = "".join(
        f"<url><loc>{link}</loc><news:news><news:publication><news:name>Post</news:name><news:language>en"
        f"</news:language></news:publication><news:publication_date>{date}</news:publication_date>"
        "<news:title>Harbour reopens</news:title></news:news></url>"
        for link in links
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset {spaces}>{urls}</urlset>'.encode()


def sitemap_index(links: Iterable[str]) -> bytes:
    children = "".join(f"<sitemap><loc>{link}</loc><lastmod>2026-03-01</lastmod></sitemap>" for link in links)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{children}</sitemapindex>'.encode()


def page(canonical: str = "", author: str = "") -> bytes:
    link = f'<link rel="canonical" href="{canonical}">' if canonical else ""
    named = f'<meta name="author" content="{author}">' if author else ""
    head = f"<head><title>Harbour reopens</title>{link}{named}</head>"
    return f"<!DOCTYPE html><html>{head}<body><article><p>{TEXT}</p></article></body></html>".encode()


ENTITY_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><rss version="2.0"><channel><title>&i;</title></channel></rss>'
).encode()
OUTSIDE_ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b'<rss version="2.0"><channel><title>&x;</title><item><title>&x;</title></item></channel></rss>'
)
