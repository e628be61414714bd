"""Whoever reaches a health port learns whether the service lives; for more than that a token is needed."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from shared.errors import WrongSetting
from shared.observability import healthcheck
from shared.observability.health_token import HealthAccess
from shared.runtime.http_server import ServiceServer
from shared.runtime.run import load
from shared.settings import Settings

TOKEN = "a-long-random-word"  # noqa: S105 - of this test
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def pages(host: str, path: Path | None) -> TestClient:
    service = load("ingest")(Settings(health_host=host, health_token_file=path))
    return TestClient(ServiceServer(service)._application())  # noqa: SLF001 - it is not served: no port is needed


def seen(client: TestClient, headers: dict[str, str] | None = None) -> tuple[str, list[int]]:
    """Return what /readyz says, and the states of the other pages."""
    states = [client.get(page, headers=headers).status_code for page in ("/livez", "/metrics", "/asyncapi")]
    return client.get("/readyz", headers=headers).text, states


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "queue.example"])  # noqa: S104 - it is not listened on
def test_elsewhere_than_on_loopback_only_liveness_is_shown_without_a_token(host: str, token_file: Path) -> None:
    for client in (pages(host, None), pages(host, token_file)):
        assert client.get("/readyz").status_code == 503, "it has no broker here"
        assert seen(client) == ("{}", [200, 401, 401])
        assert seen(client, {"Authorization": "Bearer wrong"}) == ("{}", [200, 401, 401])
    report, states = seen(pages(host, token_file), WITH_TOKEN)
    assert ('"why"' in report, states) == (True, [200, 200, 200])


def test_on_loopback_everything_is_shown_unless_there_is_a_token(token_file: Path) -> None:
    report, states = seen(pages("127.0.0.1", None))
    assert ('"why"' in report, states) == (True, [200, 200, 200])
    assert seen(pages("127.0.0.1", token_file)) == ("{}", [200, 401, 401])


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
def test_a_token_that_cannot_be_used_is_a_wrong_setting(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WrongSetting, match=f"WIREROOM_HEALTH_TOKEN_FILE: {path} "):
        HealthAccess("0.0.0.0", path)  # noqa: S104 - it is not listened on


def test_whoever_asks_for_causes_without_the_token_is_told_that_it_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(healthcheck, "ask", lambda *_: (503, b"{}"))
    assert healthcheck.why(1) == ["it is not ready, and says no more to us"]
