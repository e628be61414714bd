"""The identity of an article: the same article gets the same id, however often and by whichever link it comes."""

import html
import re
import unicodedata
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from url_normalize import url_normalize

from shared.errors import Reason, Rejected
from shared.messages import ArticleIngested, ArticleSubmitted

_ID_DIGITS = 32
# Parameters that say where a reader came from and never what is read. The libraries' own lists also drop
# meaningful ones (?q=, ?a=), so the list is ours: url-normalize keeps trackers, courlan drops too much.
_TRACKERS = re.compile(
    r"^(?:utm_\w+|mtm_\w+|pk_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|igshid|mc_[ce]id|_hs(?:enc|mi)|"
    r"cmpid|icid|ncid|ocid|smid|s_cid|ref_?src|ref_?url|at_(?:medium|campaign)\w*|xtor|vero_id|wt_?mc\w*)$",
    re.IGNORECASE,
)

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)  # url-normalize would make https://lock of "lock"
_HOST = re.compile(r"[\w.:-]+$")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]")


def ingested(article: ArticleSubmitted, *, version: int, received_at: datetime) -> ArticleIngested:
    """Return the raw article: the submission as it came, with its identity; raises Rejected for an unusable link."""
    if article.url is not None:
        canonical_url(article.url)  # refused at the door, also where a guid names the article
    return ArticleIngested(
        id=article_id(article),
        version=version,
        content_hash=content_hash(article),
        received_at=received_at,
        **dict(article),
    )


def canonical_url(url: str) -> str:
    """Return the one form of a link: no trackers, fragment or default port, parameters sorted."""
    given = html.unescape(url.strip())
    try:
        parts = urlsplit(url_normalize(given) or "")
        host = parts.hostname
    except (ValueError, UnicodeError) as error:
        raise Rejected(Reason.BAD_URL, f"url {url[:200]!r}: {error}") from None
    if _CONTROL.search(given) or not _ADDRESS.match(given) or not host or not _HOST.match(host):
        raise Rejected(Reason.BAD_URL, f"url {url[:200]!r} is not an absolute http or https address")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode(sorted(pair for pair in pairs if not _TRACKERS.match(pair[0])))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def article_id(article: ArticleSubmitted) -> str:
    """Return the 32 hex digits that name the article: by guid, else by link, else by source, title and text.

    A correction of an article that has neither guid nor link is therefore another article.
    """
    if article.guid is not None:
        return _digest("guid", article.source, article.guid)[:_ID_DIGITS]
    if article.url is not None:
        return _digest("url", canonical_url(article.url))[:_ID_DIGITS]
    return _digest("text", article.source, _folded(article.title or ""), _folded(article.body))[:_ID_DIGITS]


def content_hash(article: ArticleSubmitted) -> str:
    """Return a hash of all that a reader would see change; the link's trackers and the update time are not."""
    seen = article.model_copy(update={"url": None, "updated_at": None, "guid": None})
    return _digest(seen.model_dump_json())


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
