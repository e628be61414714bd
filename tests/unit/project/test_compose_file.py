"""compose.yaml hands on every setting to whom it is for, bounds every container, and keeps nothing without a name.

So it does with the example service of docs/consumers.md laid into it.
"""

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it has no types

from services.desk.settings import DeskSettings
from services.extract.settings import ExtractSettings
from services.ingest.settings import IngestSettings
from services.setup.container_credentials import GROUPS
from services.setup.settings import ContainerSettings
from shared.environment import COMPOSE
from shared.limits import Limits
from shared.settings import IN_FILE, SECRET, EnvironmentSettings, Settings, variable
from tests.documents import documented_service
from tests.paths import ROOT

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(documented_service.compose_file())["services"]
each_container = pytest.mark.parametrize("name", SERVICES)
_OF_BROKER = "WIREROOM_NATS_URL_FILE"  # in place of the address, which has a password
_OF_DATABASE = {"WIREROOM_MONGO_URL_FILE", "WIREROOM_MONGO_DATABASE"}
_FOLDER = "WIREROOM_CREDENTIALS_FOLDER"
_INSIDE = {"WIREROOM_HEALTH_HOST", "WIREROOM_HEALTH_PORT"}  # of the container alone, where nothing else is


class _Tags(yaml.SafeLoader):  # type: ignore[misc] # it has no types
    """Reads what Compose marks as taking the place of the extended service's."""


def _marked(loader: yaml.SafeLoader, node: yaml.Node) -> Any:  # noqa: ANN401 - any YAML
    sequence = isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node) if sequence else loader.construct_mapping(node, deep=True)


_Tags.add_constructor("!override", _marked)


def environment(name: str) -> dict[str, str | None]:
    found: dict[str, str | None] = SERVICES[name].get("environment", {})
    return found


def variables(*classes: type[EnvironmentSettings]) -> set[str]:
    """Return the variables of settings; what holds a password is named by its file."""
    return {
        f"{variable(settings, field)}{IN_FILE if field in SECRET else ''}"
        for settings in classes
        for field in settings.model_fields
    }


def test_every_setting_reaches_whom_it_is_for() -> None:
    common = variables(Settings) - _OF_DATABASE - _INSIDE - {"WIREROOM_STREAM_REPLICAS"}
    scraped = {"WIREROOM_HEALTH_HOST"}
    of_setup = variables(Limits) | {"WIREROOM_STREAM_REPLICAS"}
    of_users = {_FOLDER, "WIREROOM_CREDENTIALS_DATABASE_MEMBERS"}
    assert set(environment("setup")) == common | of_setup | _OF_DATABASE | of_users
    assert set(environment("ingest")) == common | scraped | variables(IngestSettings)
    assert set(environment("extract")) == common | scraped | variables(ExtractSettings)
    assert set(environment("store")) == common | scraped | _OF_DATABASE
    assert set(environment("desk")) == common | scraped | _OF_DATABASE | variables(DeskSettings)
    assert set(environment(documented_service.NAME)) == common | scraped
    tools = {name for name in environment("tools") if name.startswith("WIREROOM_")}
    assert tools == variables(Settings, Limits, IngestSettings, ExtractSettings, DeskSettings) - _INSIDE | {
        *("WIREROOM_DATA", _FOLDER)
    }
    of_cluster = {"WIREROOM_CREDENTIALS_BROKER_NODES"}
    of_credentials = variables(ContainerSettings) - {"WIREROOM_CREDENTIALS_DATABASE_MEMBERS"} - of_cluster
    addresses = {"WIREROOM_NATS_URL", "WIREROOM_MONGO_URL"}  # without users, which it adds
    assert set(environment("credentials")) == of_credentials | addresses | {
        "WIREROOM_LOG_LEVEL",
        "WIREROOM_ALLOW_PLAINTEXT",
    }


def test_the_cluster_has_every_service_and_network_and_adds_no_setting_of_a_service() -> None:
    cluster = yaml.load((ROOT / "compose.cluster.yaml").read_text(), _Tags)  # noqa: S506 - a safe loader
    single = yaml.safe_load((ROOT / "compose.yaml").read_text())
    known = {re.sub(r"-\d$", "", name) for name in cluster["services"]}
    assert known == set(single["services"]) - {"prometheus", "grafana"}
    assert cluster["networks"] == single["networks"]
    for name, service in cluster["services"].items():
        assert service["extends"] == {"file": "compose.yaml", "service": re.sub(r"-\d$", "", name)}
        added = set(service) - {"extends", "environment", "volumes", "ports", "depends_on", "command", "healthcheck"}
        assert added <= {"deploy"}, name
    services = ("ingest", "extract", "store", "desk")
    assert not any("environment" in cluster["services"][name] for name in services)


def test_only_setup_the_store_the_desk_and_the_command_are_told_where_the_database_is() -> None:
    told = {name for name in SERVICES if "mongodb://" in str(SERVICES[name]) or "MONGO_URL" in str(SERVICES[name])}
    assert told == {"credentials", "setup", "store", "desk", "tools"}
    connected = {name for name in SERVICES if "data" in SERVICES[name].get("networks", [])}
    assert connected - {"mongo"} == told - {"credentials"}
    assert SERVICES["credentials"]["network_mode"] == "none"


@each_container
def test_a_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+" if name != "credentials" else "0:0", service["user"])
    assert ("cap_add" in service) == (name == "credentials")
    assert not {"privileged", "pid", "ipc", "devices"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service.get("networks") or service["network_mode"] == "none", "the default network reaches the internet"


def test_only_what_fetches_or_calls_is_in_a_network_with_the_internet() -> None:
    networks = yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]
    assert {name for name, options in networks.items() if (options or {}).get("internal")} == {"queue", "data"}
    assert {name for name in SERVICES if "outside" in SERVICES[name].get("networks", [])} == {"ingest", "desk", "tools"}


def test_a_container_has_the_groups_of_the_files_that_it_reads() -> None:
    groups = {**GROUPS, documented_service.NAME: 10030}
    for name in set(SERVICES) - {"credentials", "tools"}:
        needed = {
            str(groups[part]) for part in re.findall(r"/credentials/(\w+)/", str(SERVICES[name])) if part in groups
        }
        if name == "nats":
            needed = {str(groups["broker"])}
        if name == "mongo":
            needed = {str(groups["operator"])}  # of its shell
        assert set(SERVICES[name].get("group_add", [])) | {str(groups["health"])} == needed | {str(groups["health"])}, (
            name
        )


@each_container
def test_a_container_has_bounds_and_labels(name: str) -> None:
    assert SERVICES[name]["mem_limit"]
    assert SERVICES[name]["pids_limit"]
    assert SERVICES[name]["labels"]
    assert SERVICES[name]["logging"]["options"]["max-size"]


@each_container
def test_a_volume_has_a_name_or_is_a_folder_of_this_machine(name: str) -> None:
    sources = [re.match(r"(\$\{.*?\}|[^:]*):", volume) for volume in SERVICES[name].get("volumes", [])]
    assert all(source and source[1] for source in sources)
    if name == "mongo":
        assert "/data/configdb" in SERVICES[name]["tmpfs"], "its image makes an anonymous volume there"


def test_setup_and_the_command_are_not_started_again() -> None:
    assert {name for name in SERVICES if SERVICES[name]["restart"] == "no"} == {"credentials", "setup", "tools"}


def test_what_only_compose_reads_is_no_unknown_variable() -> None:
    files = [*ROOT.glob("compose*.yaml"), *(ROOT / "deploy").glob("*.yaml")]
    read = {name for file in files for name in re.findall(r"\$\{(WIREROOM_\w+)", file.read_text())}
    assert read == COMPOSE


def test_the_page_of_operations_has_every_variable_of_compose() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    assert [name for name in sorted(COMPOSE) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "build" in service])
def test_an_image_holds_every_service_that_its_code_imports(name: str) -> None:
    arguments = SERVICES[name]["build"]["args"]
    held = {arguments["SERVICE"], *arguments.get("ALSO", "").split()}
    folders = [ROOT / ("wireroom" if part == "cli" else f"services/{part}") for part in held]
    sources = [path.read_text("utf-8") for folder in (ROOT / "shared", *folders) for path in folder.rglob("*.py")]
    imported = {part for source in sources for part in re.findall(r"^\s*from services\.(\w+)", source, re.MULTILINE)}
    assert imported <= held
