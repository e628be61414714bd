"""Settings of ingest, with the prefix WIREROOM_INGEST_."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from shared.guarded_http import USER_AGENT
from shared.settings import EnvironmentSettings
from shared.web.public_addresses import AllowList


def _allow_list(value: Any) -> Any:  # noqa: ANN401 - what pydantic gives a validator
    AllowList.of(_entries(value or ""))
    return value


def _entries(value: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in value.split(",") if each.strip())


class IngestSettings(EnvironmentSettings):
    """How much one source may submit to each process of ingest; what is over is refused and counted."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_INGEST_")

    source_articles: int = Field(500_000, ge=1)  # of one source in an hour; all may come at once
    # of one source in a week, at once if need be: below half of what RAW holds, so that none fills it alone
    source_bytes: int = Field(1_600_000_000, ge=1)
    # HTTP input (POST /v1/articles): 0 is off; a public address opens once there is a token
    http_port: int = Field(0, ge=0, le=65535)
    http_host: str = "127.0.0.1"
    # feeds: a file with one address a line, or OPML; each is added once, and stays when it leaves the file
    feeds: Path | None = None
    # networks and hosts, separated by commas, that feeds may be fetched from though they are not public
    fetch_allow: Annotated[str | None, BeforeValidator(_allow_list)] = None
    user_agent: str = Field(USER_AGENT, min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")

    @property
    def fetch_allowed(self) -> tuple[str, ...]:
        return _entries(self.fetch_allow or "")
