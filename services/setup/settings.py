"""Settings of setup in containers, with the prefix WIREROOM_CREDENTIALS_."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings


def _added(value: Any) -> Any:  # noqa: ANN401 - what pydantic gives a validator
    if not isinstance(value, str):
        return value
    found = dict(each.strip().partition("=")[::2] for each in value.split(",") if each.strip())
    if not all(name and group.isdecimal() for name, group in found.items()):
        raise ValueError("write service=group, separated by commas, where group is a number")
    return found


class ContainerSettings(EnvironmentSettings):
    """Where the credentials of a stack of containers are, and for which addresses outside of it."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_CREDENTIALS_")

    folder: Path = Path("/credentials")  # the volume
    broker_data: Path | None = None  # the broker's volume, which has to belong to the broker's user
    broker_nodes: str | None = None  # of a cluster: their names, separated by commas
    published_nats: str = "nats://127.0.0.1:4222"  # as programs of the host reach it
    published_mongo: str = "mongodb://127.0.0.1:27017/?directConnection=true"
    # services of one's own with the id of the group that reads their credentials, such as headcount=10030
    added_services: Annotated[Mapping[str, int], BeforeValidator(_added)] = Field({})
    # of setup, which makes the replica set and the users: its members, separated by commas; none: they are there
    database_members: str | None = None
