"""Finds who and what an article names: a model proposes, rules clean up, and names of one thing become one entity."""

from services.extract.entities.model import ModelUnavailable
from services.extract.entities.tagger import DEFAULT_MODELS, TaggedEntities, Tagger, entities_in, load

__all__ = ["DEFAULT_MODELS", "ModelUnavailable", "TaggedEntities", "Tagger", "entities_in", "load"]
