"""What one extracted article shows of the lines of its source."""

from dataclasses import dataclass

from services.extract.clean.rules.agencies import is_date_line
from services.extract.clean.rules.line_facts import STRONG_WORDS, key_of
from services.extract.clean.rules.vocabulary import Vocabulary
from services.extract.clean.text import count, ends_sentence, tokens
from shared.messages import ArticleExtracted

MAX_CHARS = 200  # characters; a longer line is never boilerplate by counting alone: losing a paragraph is worse
_MAX_LINES = 200  # of one article
_LOOK_AT = 1000  # characters of a line; of a longer one the rest is not looked at
_SKETCH = 8  # lines by which copies of an article are recognised
_COUNTED = frozenset(
    {"outside_body", "fragment", "model", "furniture", "promo", "comment_prompt", "related_link", "editor_note"}
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A line as it stood in an article."""

    key: str
    text: str  # cut behind MAX_CHARS
    sentence: bool  # it says something by itself, and does not ask for anything
    figures: bool  # it has numbers, which the key does not tell apart
    strong: bool  # it reads like a paragraph


@dataclass(frozen=True, slots=True)
class Sighting:
    """The lines of one article that may be boilerplate, and by what the article is known again."""

    article: str
    version: int
    kept: tuple[Seen, ...]  # in their order
    removed: tuple[Seen, ...]
    known: frozenset[str]  # keys of those that were removed because they had been learned
    sketch: frozenset[str]
    verified: bool = False  # its publisher is known to be its source


def sighting(article: ArticleExtracted, vocabulary: Vocabulary, *, verified: bool = False) -> Sighting:
    """Look at an article after its cleaning; what has a role, such as captions and dates, is nobody's boilerplate."""
    kept = _lines(article.paragraphs, vocabulary)
    removed = _lines([entry.text for entry in article.removed if entry.rule in _COUNTED], vocabulary)
    learned = _lines([entry.text for entry in article.removed if entry.rule == "furniture"], vocabulary)
    known = frozenset(line.key for line in learned)
    # sentences outside the article are the beginnings of other articles, whose own text they are
    removed = tuple(line for line in removed if not line.sentence or line.key in known)
    own = sorted({line.key for line in kept if line.strong} or {line.key for line in kept})
    return Sighting(article.id[:12], article.version, kept, removed, known, frozenset(own[:_SKETCH]), verified)


def _lines(texts: list[str] | tuple[str, ...], vocabulary: Vocabulary) -> tuple[Seen, ...]:
    half = _MAX_LINES // 2
    if len(texts) > _MAX_LINES:
        texts = [*texts[:half], *texts[-half:]]
    return tuple(line for text in texts if (line := _line(text, vocabulary)))


def _line(text: str, vocabulary: Vocabulary) -> Seen | None:
    ends, text = ends_sentence(text), text[:_LOOK_AT]
    found = tokens(text)
    key = key_of(found)
    if key is None or is_date_line(found, vocabulary):
        return None
    words = count(text, len(found))
    figures = any(word.startswith("#") for word in found)
    asks = len(text) <= MAX_CHARS and bool(vocabulary.cues(found))  # of longer lines nobody wants to know
    return Seen(key, text[: MAX_CHARS + 1], ends and not asks, figures, ends and words >= STRONG_WORDS)
