"""Every environment variable that begins with WIREROOM_, so that a misspelled one is told instead of ignored.

Images hold one service, so what another service reads is named here and not imported; a test compares the two.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from shared.limits import Limits
from shared.settings import IN_FILE, PREFIX, SECRET, Settings, TlsSettings, variable

_INGEST = ("SOURCE_ARTICLES", "SOURCE_BYTES", "HTTP_PORT", "HTTP_HOST", "FEEDS", "FETCH_ALLOW", "USER_AGENT")
_EXTRACT = (
    *("MODELS", "LABELS", "LONGEST_NAME", "LEAST_MENTIONS", "BATCH", "WORKERS"),
    *("TIME_LIMIT", "MEMORY_LIMIT", "RENEW_AFTER"),
)
_DESK = (
    *("NAME", "FOLDER", "HTTP_HOST", "HTTP_PORT", "TOKEN_FILE", "ADMIN_TOKEN_FILE"),
    *("PROXY_HEADER", "PROXY_ADDRESSES", "TIME_LIMIT", "PROBES"),
)
_CREDENTIALS = (
    "FOLDER",
    "BROKER_DATA",
    "PUBLISHED_NATS",
    "PUBLISHED_MONGO",
    "ADDED_SERVICES",
    "DATABASE_MEMBERS",
    "BROKER_NODES",
)
# what is read without a class of settings, with what it names
OTHERS: Mapping[str, str] = MappingProxyType({
    "WIREROOM_DATA": "folder of the one-machine stack",
    "WIREROOM_NATS_SERVER": "program of the broker",
    "WIREROOM_MONGOD": "program of the database",
})  # fmt: skip
# read by Docker Compose from the same shell, see compose.yaml
COMPOSE = frozenset({
    *(f"WIREROOM_{part}_PORT" for part in ("NATS", "MONGO", "HTTP", "DESK", "PROMETHEUS", "GRAFANA")),
    *("WIREROOM_NATS_PORT_2", "WIREROOM_NATS_PORT_3"),  # of compose.cluster.yaml
    *("WIREROOM_SITE_FOLDER", "WIREROOM_FILES", "WIREROOM_MODEL_PACKAGES", "WIREROOM_ADDED_SERVICES"),
    *(f"WIREROOM_{part}_MEM_LIMIT" for part in ("NATS", "MONGO", "INGEST", "EXTRACT", "STORE", "DESK", "TOOLS")),
    *(f"WIREROOM_{part}_MEM_LIMIT" for part in ("PROMETHEUS", "GRAFANA")),
})  # fmt: skip
_TESTS = ("WIREROOM_TEST_", "WIREROOM_EXPECTED_")


def known() -> frozenset[str]:
    """Return the name of every variable that anything of Wireroom reads."""
    return frozenset({
        *(variable(settings, field) for settings in (Settings, TlsSettings, Limits) for field in settings.model_fields),
        *(f"{variable(Settings, field)}{IN_FILE}" for field in SECRET),
        *(f"WIREROOM_INGEST_{name}" for name in _INGEST),
        *(f"WIREROOM_EXTRACT_{name}" for name in _EXTRACT),
        *(f"WIREROOM_DESK_{name}" for name in _DESK),
        *(f"WIREROOM_CREDENTIALS_{name}" for name in _CREDENTIALS),
        *("WIREROOM_RULES", "WIREROOM_ALIASES"),
        *OTHERS,
        *COMPOSE,
    })  # fmt: skip


def unknown(environment: Iterable[str]) -> Iterator[str]:
    """Yield one warning for each variable that nothing reads; names count in any case, as settings do."""
    settings = known()
    rests = sorted(name.removeprefix(PREFIX) for name in settings)  # with the prefix all would be similar
    for name in sorted(environment):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in settings or upper.startswith(_TESTS):
            continue
        nearest = get_close_matches(upper.removeprefix(PREFIX), rests, n=1)
        meant = f"; did you mean {PREFIX}{nearest[0]}?" if nearest else ". docs/operations.md lists all."
        yield f"{name} is no setting and has no effect{meant}"
