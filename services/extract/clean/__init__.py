"""Cleaning: the body of a raw article becomes title, paragraphs and captions, and a list of what was taken out.

Lines are found (``lines``; in a page ``walk``), described (``facts``), decided upon (``decide``) and put together
(``article``).
Rules name what says itself what it is, for all languages at once, with words from ``languages/*.toml``; of the other
lines a trained ``model`` tells which belong to the article.
"""

from html import unescape

from services.extract.clean.article import CleanArticle, assemble
from services.extract.clean.html.page import clean_page
from services.extract.clean.html.parse import is_page
from services.extract.clean.rules.site import Furniture, Site, rules_of
from services.extract.clean.text.lines import split

RULES_VERSION = "7"  # raise it with every change that can change a result

__all__ = ["RULES_VERSION", "CleanArticle", "Furniture", "clean"]


def clean(
    body: str,
    media_type: str,
    *,
    title: str | None = None,
    source: str | None = None,
    furniture: Furniture | None = None,
) -> CleanArticle:
    """Return the clean article; raise ``Rejected`` when nothing remains that is an article.

    ``furniture`` are the lines that many articles of the source share; users' packs are found by the ``source``.
    What the body looks like counts more than the declared type: pages are sent as text, and text as pages.
    """
    site = Site(rules_of(source), furniture or {})
    if is_page(body, media_type):
        return clean_page(body, title, site)
    return assemble(split(unescape(body) if media_type == "text/html" else body), title, site=site)
