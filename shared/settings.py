"""Settings every process shares: environment variables with the prefix WIREROOM_; each says what it costs."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the broker and the database are, and how a service shows its health."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_", env_nested_delimiter="__", frozen=True)

    nats_url: str = "nats://127.0.0.1:4222"  # several of one cluster are separated by commas
    mongo_url: str = Field("mongodb://127.0.0.1:27017/?directConnection=true", repr=False)  # may hold a password
    stream_replicas: int = Field(1, ge=1, le=5)  # of `wireroom setup`: 3 where the broker is a cluster of three or more
    mongo_database: str = "wireroom"
    health_host: str = "127.0.0.1"  # 0.0.0.0 in a container: shows lag and state to whoever reaches the port
    health_port: int = Field(8080, ge=0, le=65535)
    log_level: str = "INFO"
    # of one source in 30 days and each process; what it sets aside beyond is counted, and its bytes are not kept
    source_dead_letter_bytes: int = Field(200 * 1024 * 1024, ge=0)
