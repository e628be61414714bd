"""Who wrote a page: the people that JSON-LD, meta elements and marked-up bylines name, each name whole and once."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import islice

from services.extract.clean.html.elements import Element
from services.extract.clean.html.jsonld import Statements
from services.extract.clean.html.page_title import Scope, Site, is_site, plain, shown_text
from services.extract.clean.rules.bylines import is_name
from services.extract.clean.rules.dates import cut_before_day
from services.extract.clean.text import tokens, visible

MAX_AUTHORS = 20
_MAX_NAMES = 200  # that a page gives as authors: each is compared with every other
_BYLINE_WORDS = 16
_MAX_MARKED = 5
_AUTHORS = ("author", "parsely-author", "sailthru.author", "byl", "dc.creator", "article:author", "citation_author")
_CITED = "citation_author"  # "Doe, Jane"
_LABELLED = (("twitter:label1", "twitter:data1"), ("twitter:label2", "twitter:data2"))  # "Written by", and who
_WRITTEN_BY = re.compile(r"(?:\w+ )?(?:by|von|por|par|door|da|av|af|przez)|author|autor", re.IGNORECASE)
_EXACT = re.compile(r"\bauthor\b")
_CLASSES = re.compile(r"(?:^|[\W_])(?:author|byline|writer|contributor|creator)s?(?:[-_]*name)?(?:$|[\W_])")
_IN_CLASSES = re.compile("author|byline|writer|contributor|creator")
_PROFILE = re.compile(
    r"/(?:authors?|contributors?|writers?|people|profiles?|staff|autor(?:en|es)?|auteurs?)/[^/]+", re.IGNORECASE
)
_LINE, _LINKED = 2, 3  # ranks of what is not marked
_ABOVE, _BELOW = 15, 50  # elements from the heading
_SURE_WORDS = 5
_BY = re.compile(
    r"^(?:(?:written|story|words|text|reporting|view all posts|reviewed|posted|published|article)\s+by|by|von|par|por"
    r"|di|door|av|af|автор|autor|tekst|text)"
    r"(?:\s+(?=\w)|\s*:\s*|$)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[(<\[]?(?:mailto:)?[\w.+-]+@[\w-]+(?:\.[\w-]+)+[)>\]]?|(?<!\w)@\w+")
_ROLE = re.compile(r"\s*[,|(/·•●⋅–—].*$|\s+-\s.*$")
_PLACE = re.compile(r"\s+(?:in|from|at|aus|depuis|desde|à)\s+[^\W\d_a-zà-ÿ].*$")
_LISTED = re.compile(r"\s*[,;&|]\s*|\s+(?:and|und|et|y|e|en|och|og|i|и|ve|και)\s+")
_ROLES = frozenset(
    "expert director founder consultant specialist analyst manager engineer officer president professor executive "  # noqa: SIM905
    "researcher grader gardener contributors md phd posts updated reviewed more".split()
)
_JOINER = re.compile(r"^(?:and|und|et|y|e|en)\s+")
_SURE = frozenset(",;|&")
_ALWAYS = frozenset({"and", "und"})


def authors_of(tree: Element, said: Statements, site: Site, scope: Scope, roles: AbstractSet[str]) -> tuple[str, ...]:
    """Return the people that JSON-LD names, else the meta elements, else what is marked as the byline."""
    for texts in (*_in_data(said), _in_meta(said)):
        if found := _people([name for text in texts for name in names_in(text, roles)], site):
            return found
    return _people(_marked(tree, scope, roles), site)


def signed(said: Statements, site: Site) -> str | None:
    """Return the site's own name where it says that it is the author."""
    texts = [text for part in (*_in_data(said), _in_meta(said)) for text in part]
    return next((name for text in texts if is_site(name := visible(plain(text)), site)), None)


def _in_data(said: Statements) -> list[list[str]]:
    return [said.data.texts(node.get("author") or node.get("creator")) for node in (said.article, said.page)]


def _in_meta(said: Statements) -> list[str]:
    named = [_in_order(text) if name == _CITED else text for name in _AUTHORS for text in said.in_meta([name])]
    return named or [
        text
        for label, value in _LABELLED
        if any(_WRITTEN_BY.fullmatch(words.strip()) for words in said.in_meta([label]))
        for text in said.in_meta([value])
    ]


def _in_order(name: str) -> str:
    """Return "Doe, Jane" as Jane Doe."""
    parts = name.split(",")
    return f"{parts[1].strip()} {parts[0].strip()}" if len(parts) == 2 else name  # noqa: PLR2004


def _marked(tree: Element, scope: Scope, roles: AbstractSet[str]) -> list[str]:
    """Return the names in the article's elements that speak of an author, from the surest marks that have any.

    These are rel and itemprop; class names; and near the heading lines that begin as bylines do, and links to authors.
    """
    ranks: tuple[list[str], ...] = ([], [], [], [])
    near = _near(tree, scope)
    for element in tree.iter("a", "span", "div", "p", "address", "li", "cite", "h3", "h4", "em"):
        rank = _rank(element, near)
        if rank is None or len(ranks[rank]) >= _MAX_MARKED:
            continue
        text = shown_text(element, _BYLINE_WORDS, _words)
        if rank == _LINE and not _BY.match(text):
            continue
        words = _words(text)
        if not 0 < words <= _BYLINE_WORDS:
            continue
        if not scope.holds(element, boxes=True):
            continue
        surely = rank == 0 and words <= _SURE_WORDS
        ranks[rank].extend(
            name
            for name in names_in(text, roles)
            if (surely or is_name(name)) and not _has_role(name, roles) and name not in ranks[rank]
        )
    return next((names for names in ranks if names), [])


def _rank(element: Element, near: AbstractSet[Element]) -> int | None:
    """Return how sure the marks of an element are, from 0; None if nothing speaks of an author."""
    relation, itemprop, names = element.get("rel"), element.get("itemprop"), element.get("class")
    if (relation or itemprop) and _EXACT.search(f"{relation or ''} {itemprop or ''}".lower()):
        return 0
    if names and _IN_CLASSES.search(names := names.lower()) and _CLASSES.search(names):
        return 1
    if element not in near:
        return None
    return _LINKED if _PROFILE.search(element.get("href") or "") else _LINE


def _words(text: str) -> int:
    return len(tokens(text))


def _near(tree: Element, scope: Scope) -> frozenset[Element]:
    """Return the elements around the heading in which a byline may stand without being marked."""
    if scope.heading is None:
        return frozenset()
    elements = list(tree.iter("*"))
    at = elements.index(scope.heading)
    return frozenset(elements[max(0, at - _ABOVE) : at + _BELOW])


def _has_role(name: str, roles: AbstractSet[str]) -> bool:
    words = set(tokens(name))
    return bool(roles & words or _ROLES & words)


def names_in(text: str, roles: AbstractSet[str]) -> list[str]:
    """Return the names of a byline, without roles, places, addresses and days; addresses of profiles have none."""
    text = visible(plain(text))
    if "://" in text or text.startswith(("@", "/")):
        return []
    text = cut_before_day(visible(_ADDRESS.sub(" ; ", text)).strip(" ;"))
    first, *more = (_bare(name) for name in _parted(text))
    return [name for name in (first, *(name for name in more if not _has_role(name, roles))) if name]


def _parted(text: str) -> list[str]:
    """Split a list of names; a word that joins names also stands inside of one, as in "Ortega y Gasset".

    Such a word parts two names if both sides have more than one word; "and" also two single ones.
    """
    pieces, start = [], 0
    for found in _LISTED.finditer(text):
        word = found[0].strip()
        before, after = text[start : found.start()], text[found.end() :]
        sizes = {" " in before.strip(), " " in (_LISTED.split(after, maxsplit=1)[0]).strip()}
        if word in _SURE or (len(sizes) == 1 and (word in _ALWAYS or True in sizes)):
            pieces.append(before)
            start = found.end()
    return [*pieces, text[start:]]


def _bare(name: str) -> str:
    name = _BY.sub("", _JOINER.sub("", name.strip()))
    return _PLACE.sub("", _ROLE.sub("", name)).strip(" .:-|")


def _people(names: Iterable[str], site: Site) -> tuple[str, ...]:
    unique: dict[tuple[str, ...], str] = {}
    for name in islice(names, _MAX_NAMES):
        words = tuple(tokens(name))
        if words and not is_site(name, site) and "." not in name.split()[-1][:-1] and not words[0].startswith("#"):
            unique.setdefault(words, name)
    longer = {words for words in unique for other in unique if set(other) < set(words)}  # "Ada Quillon Tidewell Echo"
    return tuple(name for words, name in unique.items() if words not in longer)[:MAX_AUTHORS]
