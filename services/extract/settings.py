"""Settings of extract, with the prefix WIREROOM_EXTRACT_."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings


def _json(value: Any) -> Any:  # noqa: ANN401 - what pydantic gives a validator
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"it has to be JSON: {error}") from None


class ExtractSettings(EnvironmentSettings):
    """Which model reads which language, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_EXTRACT_", populate_by_name=True)

    # language: spaCy package or folder; each loaded model costs about 100 MB, shared by the workers
    models: Annotated[dict[str, str], BeforeValidator(_json)] = Field({"en": "en_core_web_sm"})
    rules: Path | None = Field(None, validation_alias="WIREROOM_RULES")  # folder of rule packs over our own
    # that are kept, else all of names; the others are counted
    labels: Annotated[frozenset[str] | None, BeforeValidator(_json)] = Field(None, min_length=1)
    longest_name: int = Field(80, ge=1)  # code points; what is longer is taken for a sentence and dropped
    least_mentions: int = Field(1, ge=1)  # of an entity in its article; what is named less often is dropped
    aliases: Path | None = Field(None, validation_alias="WIREROOM_ALIASES")  # file of names that mean one thing
    batch: int = Field(16, ge=1, le=256)  # larger batches are slower: their arrays no longer fit the caches
    workers: int = Field(1, ge=1, le=64)  # processes that work at once: as many as there are cores for them
    time_limit: float = Field(20.0, gt=0)  # seconds for an article; a usual one takes a hundredth of one
    memory_limit: int = Field(1500, ge=100)  # MB for a worker, beyond what it shares; a usual one takes under 100
    renew_after: int = Field(2000, ge=1)  # articles until a worker is replaced: words it met stay in its memory
