"""Settings of ingest, with the prefix WIREROOM_INGEST_."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings


class IngestSettings(EnvironmentSettings):
    """How much one source may submit to each process of ingest; what is over is refused and counted."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_INGEST_")

    source_articles: int = Field(500_000, ge=1)  # of one source in an hour; all may come at once
    # of one source in a week, at once if need be: below half of what RAW holds, so that none fills it alone
    source_bytes: int = Field(1_600_000_000, ge=1)
    # HTTP input (POST /v1/articles): 0 is off; a public address opens once there is a token
    http_port: int = Field(0, ge=0, le=65535)
    http_host: str = "127.0.0.1"
