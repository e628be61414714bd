"""Article identity: id from guid, link or text, and the content hash that tells a new version from a repeat."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

from services.ingest.canonical_url import canonical_url, without_line_breaks
from shared.errors import Rejected
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.stream_safe import is_mark, stream_safe

_ID_DIGITS = 32
_AT_ONCE = 16_384  # characters folded in one call, which keeps Python's lock: some become eighteen of others


def ingested(
    article: ArticleSubmitted, *, version: int, received_at: datetime, verified: bool = False
) -> ArticleIngested:
    """Return the raw article: the submission with its identity, and its link if that is an http or https address.

    ``verified``: its publisher is known to be its source, so its link names an article of that source alone.
    Raises Rejected for an unusable link if there is no guid to name the article; with one, the link is left out.
    """
    link = _canonical(article)
    return ArticleIngested(
        id=_named(article, link, verified=verified),
        version=version,
        content_hash=content_hash(article),
        received_at=received_at,
        verified=verified,
        **dict(article) | {"url": without_line_breaks(article.url) if article.url and link else None},
    )


def usable_id(article: ArticleSubmitted, *, verified: bool = False) -> str:
    """Return the id that `ingested` gives, a tenth of its work; raises Rejected as it does."""
    return _named(article, _canonical(article), verified=verified)


def article_id(article: ArticleSubmitted, *, verified: bool = False) -> str:
    """Return the 32 hex digits that name the article: by guid, else by link, else by source, title and text.

    The link of a verified source is scoped by it like a guid, so nobody else can make a version of the article.
    A correction of an article that has neither guid nor link is therefore another article.
    """
    link = canonical_url(article.url) if article.url is not None and article.guid is None else None
    return _named(article, link, verified=verified)


def _canonical(article: ArticleSubmitted) -> str | None:
    """Return the canonical link; None without a usable one, which raises Rejected where no guid names the article."""
    if article.url is None:
        return None
    try:
        return canonical_url(article.url)
    except Rejected:
        if article.guid is None:
            raise
        return None


def _named(article: ArticleSubmitted, link: str | None, *, verified: bool) -> str:
    if article.guid is not None:
        return _digest("guid", article.source, article.guid)[:_ID_DIGITS]
    if link is not None:
        owner = (article.source,) if verified else ()
        return _digest("url", *owner, link)[:_ID_DIGITS]
    return _digest("text", article.source, _folded(article.title or ""), _folded(article.body))[:_ID_DIGITS]


def content_hash(article: ArticleSubmitted) -> str:
    """Return a hash of all that a reader would see change, in hexadecimal.

    Not of the link, the guid and the update time; nor of the offset of the time of publication, the order of tags,
    the kind of line breaks, Unicode composition (NFC or NFD), or blanks around title and text.
    """
    published = article.published_at
    seen = {
        "url": None,
        "updated_at": None,
        "guid": None,
        "title": None if article.title is None else _composed(article.title),
        "body": _composed(article.body),
        "published_at": None if published is None else _utc(published),
        "tags": tuple(sorted({_composed(tag) for tag in article.tags})),
    }
    return _digest(article.model_copy(update=seen).model_dump_json())


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # within a day of year 1 or 9999
        return moment


def _composed(text: str) -> str:
    """Return the text in NFC, with line feeds alone and without blanks around it."""
    one_break = text.replace("\r\n", "\n").replace("\r", "\n").strip("\ufeff\u200b \t\n\v\f\u00a0")
    return "".join(unicodedata.normalize("NFC", part) for part in _parts(stream_safe(one_break)))


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
