"""Settings of the desk, with the prefix WIREROOM_DESK_."""

import re
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings

_PROBE = re.compile(r"(?P<service>[a-z0-9-]+)=(?P<host>[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


class Probe(NamedTuple):
    """Where a process of a service answers /readyz."""

    service: str
    host: str
    port: int


def _probes(value: Any) -> Any:  # noqa: ANN401 - what pydantic gives a validator
    if not isinstance(value, str):
        return value
    found = [_PROBE.fullmatch(each.strip()) for each in value.split(",") if each.strip()]
    if None in found:
        raise ValueError("write service=host:port, separated by commas")
    return tuple(Probe(match["service"], match["host"], int(match["port"])) for match in found if match)


class DeskSettings(EnvironmentSettings):
    """Where the index is, where the desk listens, and who may look; each replica has a name and a folder of its own."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_DESK_")

    name: str = Field("desk", pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")  # of its consumer of NEWS
    folder: Path = Path(".wireroom/desk")  # the index: about 4 kB for an article, twice that while it is built anew
    http_host: str = "127.0.0.1"  # any other address needs a token file or a proxy header
    http_port: int = Field(8601, ge=0, le=65535)
    token_file: Path | None = None  # a token for whoever may look; made with mode 0600 if there is no such file
    admin_token_file: Path | None = None  # for whoever may replay and drop dead letters from the pages; none: nobody
    proxy_header: str | None = Field(None, pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")  # names who was let in by a proxy
    proxy_addresses: str = "127.0.0.1,::1"  # networks from which that header is believed, such as 10.0.0.0/8
    time_limit: float = Field(2.0, gt=0, le=60)  # seconds for one query
    # /readyz of the services, such as extract=127.0.0.1:8080, separated by commas: what the pipeline's page asks for
    # breakers and for what keeps a service from work; a service may have several processes
    probes: Annotated[tuple[Probe, ...] | None, BeforeValidator(_probes)] = None
