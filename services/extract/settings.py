"""Settings of extract, with the prefix WIREROOM_EXTRACT_."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExtractSettings(BaseSettings):
    """Which model reads which language, and how much is done at once."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_EXTRACT_", frozen=True, populate_by_name=True)

    models: dict[str, str] = {"en": "en_core_web_sm"}  # each loaded model costs about 100 MB in every replica
    rules: Path | None = Field(None, validation_alias="WIREROOM_RULES")  # folder of rule packs over our own
    batch: int = Field(16, ge=1, le=256)  # larger batches are slower: their arrays no longer fit the caches
