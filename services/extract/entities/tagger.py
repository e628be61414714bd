"""Articles in, entities out: one call of each model for a whole batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from services.extract.entities.agree import agree
from services.extract.entities.describe import describe
from services.extract.entities.merge import merge
from services.extract.entities.model import keep_freed_memory
from services.extract.entities.pipeline import Pipeline
from services.extract.entities.spans import Span
from services.extract.entities.trim import names_in
from shared.messages import Entity

DEFAULT_MODELS: Mapping[str, str] = MappingProxyType({"en": "en_core_web_sm"})

Article = tuple[str, tuple[str, ...], str | None]  # language, paragraphs, title


@dataclass(frozen=True)
class TaggedEntities:
    """What one article names; ``model`` is None where no model reads its language."""

    entities: tuple[Entity, ...] = ()
    status: Literal["ok", "no_model"] = "no_model"
    model: str | None = None


class Tagger:
    """Tags articles of any language; only for use by one thread at a time."""

    def __init__(self, pipelines: Mapping[str, Pipeline]) -> None:
        self._pipelines = pipelines

    def tag(self, articles: Sequence[Article]) -> list[TaggedEntities]:
        """Return one result for each article, in order; mentions count in its paragraphs joined by a blank line."""
        results = [TaggedEntities()] * len(articles)
        for language, pipeline in self._pipelines.items():
            chosen = [index for index, article in enumerate(articles) if article[0] == language]
            texts = ["\n\n".join(articles[index][1]) for index in chosen]
            for index, text, found in zip(chosen, texts, pipeline.find(texts), strict=True):
                results[index] = TaggedEntities(entities_in(text, found, articles[index][2]), "ok", pipeline.version)
            pipeline.renew_if_full()
        return results


def entities_in(text: str, found: Iterable[Span], title: str | None = None) -> tuple[Entity, ...]:
    """Make entities of what a model found in the text: cleaned, agreed upon, merged and described."""
    return describe(text, merge(text, agree(text, names_in(text, found))), title)


def load(models: Mapping[str, str] = DEFAULT_MODELS) -> Tagger:
    """Load the model of each language; takes a third of a second and some 100 MB for each."""
    keep_freed_memory()
    return Tagger({language: Pipeline(name, language) for language, name in models.items()})
