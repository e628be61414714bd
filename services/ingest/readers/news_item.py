"""What the news formats of IPTC share: publication status, embargo, urgency, times, and a body as one HTML page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from shared.errors import Reason, Rejected

_CANCELED = frozenset({"canceled", "cancelled", "withdrawn", "kill", "killed"})
_WEB = ("http://", "https://")
_LONGEST_TAG = 200
_MOST_TAGS = 100
_SHOWN = 40


@dataclass(frozen=True)
class NewsItem:
    """``fields`` are those of ``ArticleSubmitted``; ``withdraws``: the article is to be withdrawn, for this reason.

    The body of such an item is a sentence of ours, because a kill needs no text.
    """

    fields: Mapping[str, Any]
    withdraws: str | None = None


def news_item(fields: Mapping[str, Any], *, status: str | None, embargo: str | None, now: datetime) -> NewsItem:
    """Return what is to be done with an item; raises Rejected for what is withheld, embargoed, or has no body.

    Fields without a value are left out.
    """
    made = {name: value for name, value in fields.items() if value not in (None, "", ())}
    status = (status or "usable").rpartition(":")[2].strip().lower()
    if status in _CANCELED:
        if "guid" not in made and "url" not in made:
            raise Rejected(Reason.SCHEMA, "the item is canceled and names no article")
        said = "Canceled by its publisher."
        return NewsItem(made | {"body": said, "media_type": "text/plain"}, said)
    if status != "usable":
        raise Rejected(Reason.SCHEMA, f"pubstatus: {status[:_SHOWN]!r}; only usable items are taken")
    if embargo and (until := moment(embargo)) and until > now:
        raise Rejected(Reason.EMBARGOED, f"embargoed until {until.isoformat()}; send it again then")
    if "body" not in made:
        raise Rejected(Reason.EMPTY_BODY, "the item has no text")
    return NewsItem(made)


def moment(text: str) -> datetime | None:
    """Return a time in any form of ISO 8601, in UTC where it has no offset; None for anything else."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def rfc_3339(*given: str | None) -> str | None:
    """Return the first that is a time."""
    found = (moment(text) for text in given if text)
    return next((time.isoformat() for time in found if time), None)


def named(identifier: str | None, *links: str | None) -> dict[str, str]:
    """Return ``url`` and ``guid``: an identifier that is a link is the link, so that the article has one id."""
    identifier = (identifier or "").strip()
    link = next((link.strip() for link in (identifier, *links) if link and link.strip().lower().startswith(_WEB)), "")
    guid = "" if identifier == link else identifier[:1024]
    return {name: value for name, value in (("url", link), ("guid", guid)) if value}


def tags(words: Iterable[str | None], urgency: object = None) -> tuple[str, ...]:
    """Return the tags, each once; the editorial urgency, 1 to 9, is one of them: ``urgency:2``."""
    text = str(urgency or "").strip()
    said = [f"urgency:{text}"] if text in set("123456789") else []
    found = (word.strip()[:_LONGEST_TAG] for word in words if word)
    return tuple(dict.fromkeys([*said, *(word for word in found if word)]))[:_MOST_TAGS]


def page(content: str, title: str | None, authors: Iterable[str], language: str | None) -> str:
    """Return HTML in which extract finds the authors where it looks for them in any page."""
    lang = f' lang="{escape(language)}"' if language else ""
    heading = f"<title>{escape(title)}</title>" if title else ""
    names = "".join(f'<meta name="author" content="{escape(name)}">' for name in authors if name.strip())
    return f"<html{lang}><head>{heading}{names}</head><body><article>{content}</article></body></html>"
