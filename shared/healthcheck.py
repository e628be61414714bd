"""The health check of a container: ``python -m shared.healthcheck`` exits 0 if the service inside can take work."""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT = 3.0  # seconds; compose.yaml gives the whole process four


def ready(port: int) -> bool:
    """Ask this machine only, and never through a proxy from the environment."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's own number
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if ready(int(os.environ.get("WIREROOM_HEALTH_PORT", "8080"))) else 1)
