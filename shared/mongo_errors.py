"""What to tell of a MongoDB that cannot be connected to because of the settings; without its driver, which few need."""

import os

from shared.errors import WrongSetting

UNAUTHORIZED = 13
UNKNOWN_USER = frozenset({11, 18, 8000})  # not found, authentication failed, and the same of Atlas


def no_address(error: Exception) -> WrongSetting:
    """Return it for an address that the driver cannot use; the driver's own words show no password."""
    return WrongSetting(f"WIREROOM_MONGO_URL is no address of a MongoDB: {str(error).rstrip('.')}. Correct it.")


def no_database(error: Exception) -> WrongSetting:
    return WrongSetting(f"WIREROOM_MONGO_DATABASE is no name of a database: {error}. Correct it.")


def refusal(where: str, code: int | None, cause: str) -> WrongSetting | None:
    """Return it for the codes of a server that answers and does not let us in; None for any other."""
    if code in UNKNOWN_USER:
        return WrongSetting(
            f"WIREROOM_MONGO_URL: MongoDB at {where} refuses the user or the password: {cause}. "
            "Correct them, percent-encoded, and authSource, the database that knows the user."
        )
    if code == UNAUTHORIZED:
        return WrongSetting(
            f"WIREROOM_MONGO_URL: MongoDB at {where} does not let this user work with the database: {cause}. "
            "Name a user who may, with the password, or grant it the roles readWrite and dbAdmin.",
            code=os.EX_NOPERM,
        )
    return None
