"""Processes that a bench measures: each has settings of its own, takes rounds of texts and tells what they took."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from services.extract.blas import kernels


class Child:
    """A process that answers each line with one line; what it says besides is on standard error."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def ask(self, texts: list[str]) -> dict[str, Any]:
        """Give it a round, and return its answer once it is done; raises RuntimeError if it ends."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 - for the type checker
        with suppress(BrokenPipeError):  # it has ended, which its missing answer tells
            self._process.stdin.write(json.dumps(texts) + "\n")
            self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"a process ended with code {self._process.wait()}; what it said stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def seconds(self, texts: list[str]) -> float:
        """Return the seconds of processor time that a round takes it."""
        return float(self.ask(texts)["seconds"])


@contextmanager
def child(module: str, *arguments: str, as_worker: bool = False) -> Iterator[Child]:
    """Start a process, with the kernels that a worker of extract has or those that numpy takes by itself."""
    # one thread for all: else OpenBLAS takes the second core, and a ratio would compare cores
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")} | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    if as_worker:
        environment = kernels(environment)
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        yield Child(process)
    finally:
        process.kill()
        process.wait()
