"""Health check of a container: ``python -m shared.observability.healthcheck`` exits 0 if the service is ready."""

import json
import os
import sys
from http.client import HTTPConnection, HTTPException

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
        return [str(cause) for cause in json.loads(body)["why"]]
    except (ValueError, KeyError, TypeError):
        return ["it does not answer"]


def ask(port: int, host: str = "127.0.0.1") -> tuple[int | None, bytes]:
    """Ask this machine, unless another is named, and never through a proxy from the environment."""
    connection = HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return None, b""
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if ready(int(os.environ.get("WIREROOM_HEALTH_PORT", "8080"))) else 1)
