"""The tagger that the settings describe."""

from services.extract.entities import DEFAULT, NO_ALIASES, Aliases, Options, Tagger, load, read_aliases
from services.extract.settings import ExtractSettings


def tagger(settings: ExtractSettings) -> Tagger:
    """Read the alias file and load the models; raises AliasError and ModelUnavailable."""
    aliases = Aliases(read_aliases(settings.aliases)) if settings.aliases else NO_ALIASES
    labels = settings.labels or DEFAULT.labels
    return load(settings.models, Options(labels, settings.longest_name, settings.least_mentions, aliases))
