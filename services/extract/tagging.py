"""The tagger that the settings describe."""

from services.extract.configured import naming
from services.extract.entities import (
    DEFAULT,
    NO_ALIASES,
    AliasError,
    Aliases,
    ModelUnavailable,
    Options,
    Tagger,
    load,
    read_aliases,
)
from services.extract.settings import ExtractSettings


def tagger(settings: ExtractSettings) -> Tagger:
    """Read the alias file and load the models; raises WrongSetting."""
    with naming("WIREROOM_ALIASES", AliasError):
        aliases = Aliases(read_aliases(settings.aliases)) if settings.aliases else NO_ALIASES
    labels = settings.labels or DEFAULT.labels
    with naming("WIREROOM_EXTRACT_MODELS", ModelUnavailable):
        return load(settings.models, Options(labels, settings.longest_name, settings.least_mentions, aliases))
