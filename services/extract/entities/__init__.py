"""Named entities of an article: spaCy models propose mentions, rules correct and merge them into entities.

The steps, one module each: boundaries, missed_mentions, label_vote, merge (with person_merge and organisation_merge),
aliases. tagger runs them and describes the entities.
"""

from services.extract.entities.aliases import DEFAULT, AliasError, Aliases, Options
from services.extract.entities.aliases import NONE as NO_ALIASES
from services.extract.entities.aliases import read as read_aliases
from services.extract.entities.ner.models import ModelUnavailable
from services.extract.entities.tagger import DEFAULT_MODELS, Article, TaggedEntities, Tagger, entities_in, load

__all__ = [
    "DEFAULT",
    "DEFAULT_MODELS",
    "NO_ALIASES",
    "AliasError",
    "Aliases",
    "Article",
    "ModelUnavailable",
    "Options",
    "TaggedEntities",
    "Tagger",
    "entities_in",
    "load",
    "read_aliases",
]
