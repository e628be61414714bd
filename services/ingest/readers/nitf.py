"""IPTC NITF 3.x to a submission: https://iptc.org/standards/nitf/. Headline, bylines, dates, keywords, body.content.

``date.release`` is when the article may appear, so in the future it is an embargo; ``management-status`` is its status.
"""

from datetime import datetime
from xml.etree.ElementTree import Element

from services.ingest.readers.news_item import NewsItem, named, news_item, page, rfc_3339, tags
from services.ingest.readers.xml_tree import attribute, html, text

_IN_HTML = {
    "hl1": "h2",
    "hl2": "h2",
    "media": "figure",
    "media-caption": "figcaption",
    "bq": "blockquote",
    "block": "div",
    "note": "aside",
    "person": "",
    "org": "",
    "location": "",
    "city": "",
    "state": "",
    "region": "",
    "country": "",
    "sublocation": "",
    "chron": "",
    "event": "",
    "function": "",
    "money": "",
    "num": "",
    "object.title": "",
    "virtloc": "",
    "copyrite": "",
    "lang": "",
    "pronounce": "",
    "alt-code": "",
    "credit": "p",
    "fn": "p",
    "datasource": "p",
}


def of_nitf(root: Element, now: datetime) -> NewsItem:
    """Return the article of a ``nitf`` element; raises Rejected."""
    data = "head/docdata"
    released = attribute(root, f"{data}/date.release", "norm")
    issued = attribute(root, f"{data}/date.issue", "norm")
    published = attribute(root, "head/pubdata", "date.publication")
    language = root.get("lang") or attribute(root, ".//body", "lang") or None
    title = headline(root)
    content = body(root, title, language)
    subjects = [
        root_value
        for path, name in (
            ("head/tobject/tobject.subject", "tobject.subject.matter"),
            ("head/tobject/tobject.subject", "tobject.subject.type"),
            (f"{data}/key-list/keyword", "key"),
        )
        for each in root.iterfind(path)
        if (root_value := each.get(name))
    ]
    fields = {
        **named(attribute(root, f"{data}/doc-id", "id-string"), attribute(root, "head/pubdata", "ex-ref")),
        "title": title[:2000],
        "language": language,
        "published_at": rfc_3339(released, issued, published),
        "tags": tags(subjects, attribute(root, f"{data}/urgency", "ed-urg")),
        "body": content,
        "media_type": "text/html",
    }
    status = attribute(root, data, "management-status")
    if status.lower() == "embargoed":  # until its date of release; without one until its publisher says otherwise
        status = "usable" if released else "withheld"
    return news_item(fields, status=status, embargo=released, now=now)


def headline(root: Element) -> str:
    return text(root, ".//body.head/hedline/hl1") or text(root, "head/title")


def body(root: Element, title: str, language: str | None) -> str:
    """Return the HTML page of the article, empty where it has no text."""
    content = root.find(".//body.content")
    if content is None or not text(content):
        return ""
    bylines = [_name(each) for each in root.iterfind(".//body.head/byline")]
    return page(html(content, _IN_HTML), title, bylines, language)


def _name(byline: Element) -> str:
    """Return the people of a byline without their titles (``byttl``)."""
    people = [text(person) for person in byline.iterfind("person")]
    said = " and ".join(people) if people else " ".join((byline.text or "").split())
    first, _, rest = said.partition(" ")
    return (rest if first.lower() == "by" else said).rstrip(" ,")
