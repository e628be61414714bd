"""Limits of what is under way over HTTP: bytes of bodies in memory, and requests of one token."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from services.ingest.http.request_body import MAX_REQUEST
from shared.http.problem_details import Problem

BYTES = 4 * MAX_REQUEST  # of bodies over all requests
BYTES_OF_A_TOKEN = 2 * MAX_REQUEST
REQUESTS_OF_A_TOKEN = 64
RETRY_AFTER = {"Retry-After": "1"}

Grown = Callable[[int], None]


class Admission:
    """What the requests under way hold. A source has bounds of its own, so that none keeps the others out."""

    def __init__(self) -> None:
        self._bytes = 0
        self._bytes_of = Counter[str]()
        self._requests_of = Counter[str]()

    @contextmanager
    def request(self, source: str | None) -> Iterator[Grown]:
        """Admit a request of a source (None: anybody's) until the block ends; raises Problem 429.

        Yields what is to be told of each further part of the body, in bytes: it raises Problem 429 and 503.
        """
        name, held = source or "", 0
        if source and self._requests_of[name] >= REQUESTS_OF_A_TOKEN:
            raise _too_many(f"{REQUESTS_OF_A_TOKEN} requests of {source} are under way")

        def grown(size: int) -> None:
            nonlocal held
            if self._bytes + size > BYTES:
                raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once; send it again", RETRY_AFTER)
            if source and self._bytes_of[name] + size > BYTES_OF_A_TOKEN:
                raise _too_many(f"requests of {source} with {self._bytes_of[name]:,} bytes are under way")
            self._bytes += size
            self._bytes_of[name] += size
            held += size

        self._requests_of[name] += 1
        try:
            yield grown
        finally:
            self._bytes -= held
            self._left(self._bytes_of, name, held)
            self._left(self._requests_of, name, 1)

    @staticmethod
    def _left(counted: Counter[str], name: str, number: int) -> None:
        counted[name] -= number
        if not counted[name]:
            del counted[name]


def _too_many(said: str) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, f"{said}; send it again when one is answered", RETRY_AFTER)
