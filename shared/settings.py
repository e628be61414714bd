"""Settings every process shares: environment variables with the prefix WIREROOM_; each says what it costs."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.addresses import mongo_address
from shared.addresses.loopback import is_loopback
from shared.broker import nats_address
from shared.errors import WrongSetting

PREFIX = "WIREROOM_"
SECRET = frozenset({"nats_url", "mongo_url"})  # fields whose value may hold a password: shown without it, or not at all
IN_FILE = "_FILE"  # behind the variable of such a field: the file that holds the value, with its password
_SHOWN = 80  # characters of a wrong value


def _level(value: Any) -> Any:  # noqa: ANN401 - what pydantic gives a validator
    known = [name for name in logging.getLevelNamesMapping() if name not in {"NOTSET", "WARN", "FATAL"}]
    level = str(value).strip().upper()
    if level not in logging.getLevelNamesMapping():
        raise ValueError(f"it has to be one of {', '.join(known)}, in any case")
    return level


class EnvironmentSettings(BaseSettings):
    """What is read from the environment; a value that cannot be used raises WrongSetting. An empty one is not set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, enable_decoding=False)

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - of any field
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise WrongSetting(*(_line(type(self), each) for each in error.errors())) from None


class TlsSettings(EnvironmentSettings):
    """How the certificates of broker and database are checked, and our own, where an address asks for TLS."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}TLS_")

    ca: Path | None = None  # PEM with the authorities that are trusted; none: those of this machine
    certificate: Path | None = None  # PEM with our certificate, for servers that ask for one, and its key
    key: Path | None = None  # of the certificate, where it is in a file of its own; NATS alone takes it from there
    verify: bool = True  # false: connections are encrypted, and whoever answers is believed to be the server


def _with_tls(url: str) -> str:
    """Return the address of MongoDB with the settings of TLS, which its client reads from it."""
    if not mongo_address.uses_tls(url):
        return url
    tls = TlsSettings()
    if tls.key:
        raise ValueError(
            "MongoDB takes certificate and key from one file: WIREROOM_TLS_KEY cannot be set with TLS here"
        )
    options = {"tlsCAFile": tls.ca, "tlsCertificateKeyFile": tls.certificate}
    more = {name: str(value) for name, value in options.items() if value}
    return mongo_address.with_options(url, more if tls.verify else more | {"tlsInsecure": "true"})


class _Files(PydanticBaseSettingsSource):
    """Reads a secret from the file that its variable with ``_FILE`` names; raises WrongSetting if that cannot be."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's
        named = {name.upper(): value for name, value in os.environ.items()}
        variable_of_file = f"{PREFIX}{field_name}".upper() + IN_FILE
        if field_name not in SECRET or not (path := named.get(variable_of_file)):
            return None, field_name, False
        try:
            value = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise WrongSetting(f"{variable_of_file}: {path} cannot be read: {cause}. Correct it or unset it.") from None
        return value or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(EnvironmentSettings):
    """Where the broker and the database are, and how a service shows its health.

    An address is also read from the file that ``WIREROOM_NATS_URL_FILE`` or ``WIREROOM_MONGO_URL_FILE`` names, so that
    its password stands in no environment.
    """

    # several of one cluster are separated by commas; user and password, if any, are percent-encoded
    nats_url: Annotated[str, BeforeValidator(nats_address.check)] = Field("nats://127.0.0.1:4222", repr=False)
    mongo_url: Annotated[str, AfterValidator(_with_tls)] = Field(
        "mongodb://127.0.0.1:27017/?directConnection=true", repr=False
    )
    # false: broker and database on other machines are reached by TLS alone (tls://…, mongodb://…/?tls=true)
    allow_plaintext: bool = False
    stream_replicas: int = Field(1, ge=1, le=5)  # of `wireroom setup`: 3 where the broker is a cluster of three or more
    mongo_database: str = "wireroom"
    health_host: str = "127.0.0.1"  # 0.0.0.0 in a container: shows lag and state to whoever reaches the port
    health_port: int = Field(8080, ge=0, le=65535)
    # has the token for what is more than whether the service is alive and ready: why not, lag, metrics; without such a
    # file these are shown on a loopback address alone
    health_token_file: Path | None = None
    # spans of each article are sent there, such as http://collector.example:4318; needs the extra `tracing`, and costs
    # each service some tenths of a millisecond of processor time for an article
    otlp_endpoint: str | None = Field(None, pattern=r"^https?://[^\s/]+")
    log_level: Annotated[str, BeforeValidator(_level)] = "INFO"
    # of one source in 30 days and each process; what it dead-letters beyond is counted, and its bytes are not kept
    source_dead_letter_bytes: int = Field(200 * 1024 * 1024, ge=0)

    @model_validator(mode="after")
    def _no_plaintext(self) -> Self:
        """Refuse addresses of other machines without TLS: passwords and articles would pass by everybody."""
        nats = nats_address.plain_hosts(self.nats_url)
        mongo = [] if mongo_address.uses_tls(self.mongo_url) else mongo_address.hosts(self.mongo_url)
        for name, hosts, instead in (("NATS", nats, "tls://…"), ("MONGO", mongo, "…/?tls=true")):
            others = [] if self.allow_plaintext else [host for host in hosts if not is_loopback(host)]
            if others:
                raise ValueError(
                    f"{PREFIX}{name}_URL: {', '.join(others)} is another machine, and the address asks for no TLS. "
                    f"Write {instead}, or set {PREFIX}ALLOW_PLAINTEXT=true where nobody else is on the way"
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Files(settings_cls)


def named_in(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the variables that have a value, as the name of a setting also where that is read from a file."""
    named = {name.upper() for name, value in environment.items() if value}
    return frozenset(named | {name.removesuffix(IN_FILE) for name in named if name.endswith(IN_FILE)})


def variable(settings: type[BaseSettings], field: str) -> str:
    """Return the environment variable of a field."""
    alias = settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{settings.model_config.get('env_prefix', '')}{field}".upper()


def _line(settings: type[BaseSettings], error: ErrorDetails) -> str:
    if not error["loc"]:  # of several together, which the message names
        return f"{error['msg'].removeprefix('Value error, ').rstrip('.')}."
    name = str(error["loc"][0])
    field = next((field for field in settings.model_fields if name in {field, variable(settings, field)}), None)
    if field is None:
        return f"{name}: {_problem(error)}"
    default = settings.model_fields[field].default
    what_now = "Correct it or unset it" + ("" if default is None else f"; the default is {_text(default)}")
    return f"{variable(settings, field)} {_value(field, error['input'])}: {_problem(error)}. {what_now}."


def _value(field: str, value: Any) -> str:  # noqa: ANN401 - of any field
    if field in SECRET:
        return "cannot be used, and is not shown because it may hold a password"
    said = f"is {value!r}"
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"


def _problem(error: ErrorDetails) -> str:
    what = error["msg"].removeprefix("Value error, ").replace("Input should be", "it has to be", 1)
    return (what[0].lower() + what[1:]).rstrip(".")


def _text(default: Any) -> str:  # noqa: ANN401 - of any field
    return default if isinstance(default, str) else json.dumps(default)
