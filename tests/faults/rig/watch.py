"""A look at the running pipeline from threads of their own: memory, health, and that no article goes back."""

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, Self

import psutil  # type: ignore[import-untyped] # it has no types
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from shared.observability.healthcheck import ready

_MB = 1024 * 1024
LIMITS_MB = {"ingest": 150, "extract": 150, "store": 150}  # extract without its workers, which have a limit of theirs
_READY_WITHIN = 30.0  # seconds after everything is settled


class Watch:
    """``resident`` has the memory of each process; of extract's workers, together, under ``extract workers``."""

    def __init__(self, mongo_url: str, pids: Callable[[], Mapping[str, int]], ports: Mapping[str, int]) -> None:
        self._mongo_url, self._pids, self._ports = mongo_url, pids, ports
        self._stop = threading.Event()
        self.resident: defaultdict[str, list[int]] = defaultdict(list)
        self.regressions: list[str] = []
        self.red: set[str] = set()
        self.livez_slowest = 0.0
        self.livez_silent: list[str] = []
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._versions, self._health)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _versions(self) -> None:
        seen: dict[str, int] = {}
        with MongoClient[dict[str, Any]](self._mongo_url, timeoutMS=2000) as client:
            while not self._stop.wait(0.05):
                with suppress(PyMongoError):
                    for found in client["wireroom"]["articles"].find({}, {"version": 1}):
                        if found["version"] < seen.get(found["_id"], 0):
                            self.regressions.append(f"{found['_id']}: {seen[found['_id']]} to {found['version']}")
                        seen[found["_id"]] = found["version"]

    def _health(self) -> None:
        while not self._stop.wait(0.2):
            for name, pid in self._pids().items():
                with suppress(psutil.Error):
                    self._weigh(name, psutil.Process(pid))
            for name, port in self._ports.items():
                self._probe(name, port)

    def _weigh(self, name: str, process: psutil.Process) -> None:
        self.resident[name].append(process.memory_info().rss)
        if name.startswith("extract"):
            workers = process.children(recursive=True)
            self.resident[f"{name} workers"].append(sum(worker.memory_info().rss for worker in workers))

    def _probe(self, name: str, port: int) -> None:
        began = time.monotonic()
        try:
            if _asked(port, "/livez") is not None:
                self.livez_slowest = max(self.livez_slowest, time.monotonic() - began)
            if _asked(port, "/readyz") == 503:
                self.red.add(name)
        except TimeoutError:
            self.livez_silent.append(name)

    def all_ready(self) -> bool:
        """Wait until every service says that it can take work; return whether that came in time."""
        deadline = time.monotonic() + _READY_WITHIN
        while not all(ready(port) for port in self._ports.values()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def peaks(self) -> dict[str, int]:
        """Return the highest resident memory of each process, in MB."""
        return {name: max(values) // _MB for name, values in self.resident.items() if values}

    @property
    def too_large(self) -> dict[str, int]:
        """Return the peaks that are beyond their limits."""
        return {name: peak for name, peak in self.peaks().items() if peak > LIMITS_MB.get(name, peak)}

    def growth(self, name: str) -> float:
        """Return by how much the last third of a process's memory is above its middle third, as a share."""
        values = self.resident[name]
        third = len(values) // 3
        if not third:
            return 0.0
        return statistics.median(values[-third:]) / statistics.median(values[third : 2 * third]) - 1


def _asked(port: int, path: str) -> int | None:
    """Return the status; None where nobody listens: it is dead or not yet there, which the supervisor sees as well."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except TimeoutError:
        raise
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
