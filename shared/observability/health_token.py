"""Who may see more on a service's health port than whether it is alive and ready."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from shared.addresses.loopback import is_loopback
from shared.errors import WrongSetting

VARIABLE = "WIREROOM_HEALTH_TOKEN_FILE"


class HealthAccess:
    """On a loopback address without a token everybody, with a token who has it, and elsewhere without one nobody."""

    def __init__(self, host: str, path: Path | None) -> None:
        """Raise WrongSetting where the file with the token cannot be used; it is never shown."""
        self._open = path is None and is_loopback(host)
        self._digest = None if path is None else _digest(_read(path))

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a request, by its headers with names in lower case, may see everything."""
        if self._open:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return (
            self._digest is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(_digest(given.strip()), self._digest)
        )


def _read(path: Path) -> str:
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
        raise WrongSetting(f"{VARIABLE}: {path} cannot be read: {cause}. Correct it or unset it.") from None
    if not token:
        raise WrongSetting(f"{VARIABLE}: {path} is empty. Put a long random word into it, or unset it.")
    return token


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
