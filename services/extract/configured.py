"""What the settings of extract name besides values: a mistake in a file or a missing model names its variable."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.extract.clean.rules import packs
from services.extract.clean.rules.line_facts import Rules
from services.extract.settings import ExtractSettings
from shared.errors import WrongSetting

if TYPE_CHECKING:
    from services.extract.clean.cleaner import Cleaner


def rules(options: ExtractSettings) -> Rules:
    """Compile our rule packs and those of the settings' folder; raises WrongSetting."""
    with naming("WIREROOM_RULES", packs.PackError):
        return Rules.of(packs.read(options.rules))


def cleaner(options: ExtractSettings) -> "Cleaner":
    """Return the cleaner with these rules and the networks of the package; raises WrongSetting."""
    from services.extract.clean.cleaner import Cleaner, shipped  # noqa: PLC0415 - numpy, which the service does without

    return Cleaner(rules(options), shipped())


@contextmanager
def naming(variable: str, mistake: type[Exception]) -> Iterator[None]:
    """Turn a mistake in what a variable names into WrongSetting."""
    try:
        yield
    except mistake as error:
        raise WrongSetting(f"{variable}: {str(error).rstrip('.')}.") from None
