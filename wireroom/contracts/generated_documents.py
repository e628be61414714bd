"""Every generated document by its file name."""

import json

from wireroom.contracts.asyncapi import asyncapi
from wireroom.contracts.contracts_page import page


def documents() -> dict[str, str]:
    """Return file names under ``docs/`` and their whole text."""
    return {
        "asyncapi.json": json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n",
        "contracts.md": page(),
    }
