"""Whether each service says that it is ready, or why not: each is asked from a thread of its own."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Self

_EVERY = 0.1  # seconds
_TIMEOUT = 5.0


class Readiness:
    """``untold`` has the longest time in which a service neither was ready nor said why; ``why`` what was said."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._stop = threading.Event()
        self.untold: defaultdict[str, float] = defaultdict(float)
        self.why: defaultdict[str, set[str]] = defaultdict(set)
        self._ready: dict[str, bool] = dict.fromkeys(ports, False)
        self._threads = [threading.Thread(target=self._watch, args=each, daemon=True) for each in ports.items()]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * _TIMEOUT)

    def _watch(self, name: str, port: int) -> None:
        told = time.monotonic()
        while not self._stop.wait(_EVERY):
            why = _why(port)
            now = time.monotonic()
            self._ready[name] = why == []
            if why is not None and (not why or any(why)):
                told = now
                self.why[name].update(why)
            self.untold[name] = max(self.untold[name], now - told)

    @property
    def all_ready(self) -> bool:
        """Return whether each service was ready when it was asked last."""
        return all(self._ready.values())


def _why(port: int) -> list[str] | None:
    """Return what keeps a service from being ready, nothing if it is; None if it does not say."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        said = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    else:
        return [] if said["ready"] else [str(why) for why in said["why"]] or None
    finally:
        connection.close()
