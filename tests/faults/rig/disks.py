"""Small disks that can be full: file systems in memory, mounted for a test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_CHUNK = 64 * 1024


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a file system of this size; skips the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "wireroom-test", str(folder)]
    if (
        os.geteuid()
        or not shutil.which("mount")
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill the disk to the last byte until the block ends; what is freed meanwhile is taken as well."""
    filler = folder / "filler"
    try:
        fill(filler)
        yield
    finally:
        filler.unlink(missing_ok=True)


def fill(filler: Path) -> None:
    """Append until nothing fits."""
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * _CHUNK):
            pass
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"\0"):
            pass
