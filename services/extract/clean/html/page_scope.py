"""Which elements of a page belong to its own article, and which to comments, teasers and other articles."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from services.extract.clean.html.elements import Element
from services.extract.clean.text import visible

_OTHERS = re.compile(
    r"comment|disqus|repl(?:y|ies)\b|related|recommend|teaser|most[-_]?read|trending|popular|ticker|newsletter"
    r"|read[-_]?(?:more|next|also)|more[-_](?:from|stories|news|posts|articles)|next[-_]?(?:article|post)|carousel"
    r"|latest|testimonial|upsell",
    re.IGNORECASE,
)
_BOXES = re.compile(r"\bcards?\b|[-_]cards?[-_]|article[-_]?card|sidebar|widget|slider|promo", re.IGNORECASE)
_TAGS = frozenset({"aside", "footer", "nav", "form"})
_MAX_HEADINGS = 200


@dataclass(frozen=True)
class Scope:
    """The main heading, None if there is none, and all elements around it."""

    heading: Element | None
    around: frozenset[Element]

    def holds(self, element: Element, *, boxes: bool = False) -> bool:
        """Tell whether an element belongs to the article: no element of others around it leaves out the heading.

        ``boxes`` allows cards, widgets and sidebars, in which the article's own author often stands.
        """
        inside_article = False
        for outer in (element, *element.iterancestors()):
            if outer in self.around:
                return not inside_article
            names = f"{outer.get('class') or ''} {outer.get('id') or ''}"
            if _OTHERS.search(names) or (not boxes and (outer.tag in _TAGS or _BOXES.search(names))):
                return False
            inside_article = inside_article or (outer.tag == "article" and self.heading is not None)
        return True


def scope_of(heading: Element | None) -> Scope:
    return Scope(heading, frozenset(heading.iterancestors()) if heading is not None else frozenset())


def shown_text(element: Element, most: int, count: Callable[[str], int] = len) -> str:
    """Return the text of an element as a reader sees it; where it is longer than ``most``, only a part that is longer.

    ``count`` tells how long a piece of text is; an element may hold the whole page.
    """
    shown, length = [], 0
    for piece in element.itertext():
        if text := visible(piece):
            shown.append(text)
            length += count(text)
            if length > most:
                break
    return " ".join(shown)


def headings(tree: Element, *tags: str) -> list[tuple[Element, str]]:
    """Return the elements of these tags that have text, with it."""
    found = []
    for element in tree.iter(*tags):
        if text := visible(" ".join(element.itertext())):
            found.append((element, text))
        if len(found) >= _MAX_HEADINGS:
            break
    return found
