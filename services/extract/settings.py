"""Settings of extract, with the prefix WIREROOM_EXTRACT_."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExtractSettings(BaseSettings):
    """Which model reads which language, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_EXTRACT_", frozen=True, populate_by_name=True)

    models: dict[str, str] = {"en": "en_core_web_sm"}  # each loaded model costs about 100 MB, shared by the workers
    rules: Path | None = Field(None, validation_alias="WIREROOM_RULES")  # folder of rule packs over our own
    labels: frozenset[str] | None = Field(
        None, min_length=1
    )  # that are kept, else all of names; the others are counted
    longest_name: int = Field(80, ge=1)  # code points; what is longer is taken for a sentence and dropped
    least_mentions: int = Field(1, ge=1)  # of an entity in its article; what is named less often is dropped
    aliases: Path | None = Field(None, validation_alias="WIREROOM_ALIASES")  # file of names that mean one thing
    batch: int = Field(16, ge=1, le=256)  # larger batches are slower: their arrays no longer fit the caches
    workers: int = Field(1, ge=1, le=64)  # processes that work at once: as many as there are cores for them
    time_limit: float = Field(20.0, gt=0)  # seconds for an article; a usual one takes a hundredth of one
    memory_limit: int = Field(1500, ge=100)  # MB for a worker, beyond what it shares; a usual one takes under 100
    renew_after: int = Field(2000, ge=1)  # articles until a worker is replaced: words it met stay in its memory
