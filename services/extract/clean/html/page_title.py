"""The title of a page, the heading that shows it, and the scope: which elements belong to the page's own article."""

import re
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from services.extract.clean.html.elements import Element
from services.extract.clean.text import tokens, visible

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


Site = AbstractSet[tuple[str, ...]]  # the names of the site, each as its words

_ALIKE = 0.6  # of the words: a heading that another title of the page confirms
_TOPIC = 5  # letters of a word that tells what a title is about
_KICKER_WORDS = 3
_BARS = " |–—·•»:-"
_BAR = re.compile(r"\s+(?:[|–—·•»:-]+)\s+")


def title_of(tree: Element, said: Sequence[str], site: Site) -> tuple[str | None, Scope]:
    """Return the title and the scope of its heading; ``said`` are the page's other titles, the most trusted first."""
    said = [_without_site(visible(plain(text)), site) for text in said]
    said = [text for text in said if text and not is_site(text, site)]
    shown = [(element, text) for element, text in headings(tree, "h1") if not is_site(text, site)]
    own = [(element, text) for element, text in shown if scope_of(None).holds(element)] or shown
    confirmed = (
        (element, text)
        for element, text in own or headings(tree, "h2")
        if any(overlap(text, other) >= _ALIKE or _goes_on(text, other) for other in said)
    )
    if found := next(confirmed, None):
        element, text = found
        return _without_site(_without_kicker(text, said), site), scope_of(element)
    if own and (len(own) == 1 or not said) and (not said or _same_topic(own[0][1], said)):
        return _without_site(own[0][1], site), scope_of(own[0][0])
    heading = own[0][0] if len(own) == 1 else None
    return (said[0] if said else own[0][1] if len(own) == 1 else None), scope_of(heading)


def plain(text: str) -> str:
    """Return the text without markup and entities, which some pages put into their data."""
    from lxml import html  # noqa: PLC0415 - plain text does not need it

    return str(html.fromstring(f"<p>{text}</p>").text_content()) if "<" in text or "&" in text else text


def is_site(text: str, site: Site) -> bool:
    """Tell whether a text is a name of the site, also where it is written without spaces as in its address."""
    words = tuple(tokens(text))
    return words in site or ("".join(words),) in site


def overlap(a: str, b: str) -> float:
    """Return the Jaccard index of the words of two texts."""
    left, right = set(tokens(a)), set(tokens(b))
    return len(left & right) / max(len(left | right), 1)


def _same_topic(heading: str, said: Iterable[str]) -> bool:
    said = list(said)
    if len(tokens(heading)) <= _KICKER_WORDS and any(
        heading in _BAR.split(other)[1:] + _BAR.split(other)[:-1] for other in said
    ):
        return False  # the name of the site or of a section
    words = {word for word in tokens(heading) if len(word) >= _TOPIC}
    return any(words & set(tokens(other)) for other in said)


def _goes_on(heading: str, title: str) -> bool:
    """Tell whether the title is the heading and, behind a bar or a dash, what it is a part of."""
    return (
        len(tokens(heading)) > _KICKER_WORDS and title.startswith(heading) and bool(_BAR.match(title[len(heading) :]))
    )


def _without_kicker(heading: str, said: Iterable[str]) -> str:
    """Cut a few words from the front that another title does not have, as "Opinion"; what a colon follows stays."""
    for title in said:
        kicker = heading.removesuffix(title).rstrip("| ")
        separate = heading[len(kicker) :].startswith((" ", "|")) and not kicker.endswith(":")
        if separate and len(tokens(kicker)) <= _KICKER_WORDS < len(tokens(title)):
            return title
    return heading


def _without_site(text: str, site: Site) -> str:
    """Cut the site's name from either end, where a bar or a dash parts it from the title."""
    pieces = _BAR.split(text)
    if len(pieces) > 1 and is_site(pieces[0], site):
        text = text.removeprefix(pieces.pop(0)).lstrip(_BARS)
    while len(pieces) > 1 and is_site(pieces[-1], site):
        text = text[: text.rindex(pieces[-1])].rstrip(_BARS)
        pieces.pop()
    return text
