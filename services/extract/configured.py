"""What the settings of extract name besides values: a mistake in a file or a missing model names its variable."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.extract.clean.rules import packs
from services.extract.settings import ExtractSettings
from shared.errors import WrongSetting


def use_rules(options: ExtractSettings) -> None:
    """Lay the rule packs over our own; raises WrongSetting."""
    with naming("WIREROOM_RULES", packs.PackError):
        packs.use(options.rules)


@contextmanager
def naming(variable: str, mistake: type[Exception]) -> Iterator[None]:
    """Turn a mistake in what a variable names into WrongSetting."""
    try:
        yield
    except mistake as error:
        raise WrongSetting(f"{variable}: {str(error).rstrip('.')}.") from None
