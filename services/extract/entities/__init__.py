"""Finds who and what an article names: a model proposes, rules clean up, and names of one thing become one entity."""

from services.extract.entities.aliases import NONE as NO_ALIASES
from services.extract.entities.aliases import AliasError, Aliases
from services.extract.entities.aliases import read as read_aliases
from services.extract.entities.ner.models import ModelUnavailable
from services.extract.entities.options import DEFAULT, Options
from services.extract.entities.tagger import DEFAULT_MODELS, TaggedEntities, Tagger, entities_in, load

__all__ = [
    "DEFAULT",
    "DEFAULT_MODELS",
    "NO_ALIASES",
    "AliasError",
    "Aliases",
    "ModelUnavailable",
    "Options",
    "TaggedEntities",
    "Tagger",
    "entities_in",
    "load",
    "read_aliases",
]
