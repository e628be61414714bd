"""Articles in, entities out: one call of each model for a whole batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from spacy.language import Language

from services.extract.entities.agree import agree
from services.extract.entities.describe import describe
from services.extract.entities.merge import merge
from services.extract.entities.model import keep_freed_memory, load_model
from services.extract.entities.pieces import pieces
from services.extract.entities.spans import Span
from services.extract.entities.trim import names_in
from shared.messages import Entity

DEFAULT_MODELS: Mapping[str, str] = MappingProxyType({"en": "en_core_web_sm"})

_BATCH = 16  # more is slower: the arrays outgrow the caches
_MOST_NEW_STRINGS = 60_000  # spaCy never forgets a word: a new pipeline keeps memory flat, for under 1 % of the time

Article = tuple[str, tuple[str, ...], str | None]  # language, paragraphs, title


@dataclass(frozen=True)
class TaggedEntities:
    """What one article names; ``model`` is None where no model reads its language."""

    entities: tuple[Entity, ...] = ()
    status: Literal["ok", "no_model"] = "no_model"
    model: str | None = None


class Model:
    """One loaded pipeline, replaced by a fresh one before its vocabulary fills the memory."""

    def __init__(self, name: str, language: str, most_new_strings: int = _MOST_NEW_STRINGS) -> None:
        self._name, self._language, self._most_new_strings = name, language, most_new_strings
        self._nlp = self._load()
        self.version = f"{name} {self._nlp.meta['version']}"

    def _load(self) -> Language:
        nlp = load_model(self._name, self._language)
        self._strings_at_start = len(nlp.vocab.strings)
        return nlp

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return what the model takes for names in each text, as it finds them."""
        found: list[list[Span]] = [[] for _ in texts]
        parts = ((piece, (index, offset)) for index, text in enumerate(texts) for offset, piece in pieces(text))
        for doc, (index, offset) in self._nlp.pipe(parts, as_tuples=True, batch_size=_BATCH):
            found[index] += [Span(offset + ent.start_char, offset + ent.end_char, ent.label_) for ent in doc.ents]
        return found

    def renew_if_full(self) -> bool:
        """Load the pipeline anew once it has learnt too many strings, and tell whether it was."""
        full = len(self._nlp.vocab.strings) - self._strings_at_start >= self._most_new_strings
        if full:
            self._nlp = self._load()
        return full


class Tagger:
    """Tags articles of any language; only for use by one thread at a time."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models

    def tag(self, articles: Sequence[Article]) -> list[TaggedEntities]:
        """Return one result for each article, in order; mentions count in its paragraphs joined by a blank line."""
        results = [TaggedEntities()] * len(articles)
        for language, model in self._models.items():
            chosen = [index for index, article in enumerate(articles) if article[0] == language]
            texts = ["\n\n".join(articles[index][1]) for index in chosen]
            for index, text, found in zip(chosen, texts, model.find(texts), strict=True):
                results[index] = TaggedEntities(entities_in(text, found, articles[index][2]), "ok", model.version)
            model.renew_if_full()
        return results


def entities_in(text: str, found: Iterable[Span], title: str | None = None) -> tuple[Entity, ...]:
    """Make entities of what a model found in the text: cleaned, agreed upon, merged and described."""
    return describe(text, merge(text, agree(text, names_in(text, found))), title)


def load(models: Mapping[str, str] = DEFAULT_MODELS) -> Tagger:
    """Load the model of each language; takes a third of a second and some 100 MB for each."""
    keep_freed_memory()
    return Tagger({language: Model(name, language) for language, name in models.items()})
