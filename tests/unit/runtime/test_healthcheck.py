"""A container is healthy only while its service can take work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from shared.observability.healthcheck import ready


@contextmanager
def a_service_that_answers(status: int) -> Iterator[int]:
    class Readyz(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with HTTPServer(("127.0.0.1", 0), Readyz) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False), (500, False)])
def test_only_readiness_is_health(status: int, healthy: bool) -> None:
    with a_service_that_answers(status) as port:
        assert ready(port) is healthy


def test_a_port_where_nothing_answers_is_not_healthy() -> None:
    with a_service_that_answers(200) as port:
        pass
    assert not ready(port)
