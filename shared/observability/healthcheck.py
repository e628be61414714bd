"""Health check of a container: ``python -m shared.observability.healthcheck`` exits 0 if the service is ready."""

import json
import os
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

OK = 200
TIMEOUT = 3.0  # seconds; compose.yaml gives the whole process four


def ready(port: int) -> bool:
    return ask(port)[0] == OK


def why(port: int, host: str = "127.0.0.1") -> list[str]:
    """Return what keeps the service on this port from taking work; empty if nothing does."""
    status, body = ask(port, host)
    if status == OK:
        return []
    try:
        return [str(cause) for cause in json.loads(body).get("why", ["it is not ready, and says no more to us"])]
    except (ValueError, AttributeError, TypeError):
        return ["it does not answer"]


def ask(port: int, host: str = "127.0.0.1") -> tuple[int | None, bytes]:
    """Ask this machine, unless another is named, and never through a proxy from the environment."""
    connection = HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz", headers=_headers())
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return None, b""
    finally:
        connection.close()


def _headers() -> dict[str, str]:
    """Return what shows that we may see more than whether it is ready, where a file has the token."""
    path = os.environ.get("WIREROOM_HEALTH_TOKEN_FILE")
    try:
        return {"Authorization": f"Bearer {Path(path).read_text('utf-8').strip()}"} if path else {}
    except OSError:
        return {}


if __name__ == "__main__":
    sys.exit(0 if ready(int(os.environ.get("WIREROOM_HEALTH_PORT", "8080"))) else 1)
