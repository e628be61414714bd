"""The identity of an article: the same article gets the same id, however often and by whichever link it comes."""

import html
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from url_normalize import url_normalize

from shared.errors import Reason, Rejected
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.stream_safe import is_mark, stream_safe

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
_AUTHORITY = re.compile(r"[^/]*//([^/?#]*)")
_LONGEST_AUTHORITY = 512  # characters; a host name has 253 at most, and longer ones take the square of it to encode
_AT_ONCE = 16_384  # characters folded in one call, which keeps Python's lock: some become eighteen of others


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
    given = stream_safe(html.unescape(url.strip()))
    if _CONTROL.search(given) or not _ADDRESS.match(given):  # before anything is made of it, such as a host of "lock"
        raise Rejected(Reason.BAD_URL, f"url {url[:200]!r} is not an absolute http or https address")
    if (authority := _AUTHORITY.match(given)) and len(authority[1]) > _LONGEST_AUTHORITY:
        raise Rejected(Reason.BAD_URL, f"url {url[:200]!r} has a host of {len(authority[1])} characters")
    try:
        parts = urlsplit(url_normalize(given) or "")
        host = parts.hostname
    except (ValueError, UnicodeError) as error:
        raise Rejected(Reason.BAD_URL, f"url {url[:200]!r}: {error}") from None
    if not host or not _HOST.match(host):
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
    """Return the text without regard to case, width and kind of white space."""
    return "".join(_words(stream_safe(text)))


def _words(text: str) -> Iterator[str]:
    """Yield the folded words, with one space between any two, in short calls rather than a long one."""
    begun = space = False
    for part in _parts(text):
        folded = unicodedata.normalize("NFKC", part).casefold()
        words = " ".join(folded.split())
        space = space or folded[:1].isspace()
        if words:
            yield f" {words}" if begun and space else words
            begun, space = True, folded[-1].isspace()


def _parts(text: str) -> Iterator[str]:
    """Cut the text where normalising the parts is the same as normalising the whole."""
    start = 0
    while start < len(text):
        end = start + _AT_ONCE
        while end < len(text) and _joins_what_is_before(text[end]):
            end += 1
        yield text[start:end]
        start = end


def _joins_what_is_before(char: str) -> bool:
    """Tell whether a character may be composed with the one before: it begins with a mark, or ends a syllable."""
    first = unicodedata.normalize("NFKD", char)[0]
    return is_mark(first) or "\u1160" <= first <= "\u11ff"


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
