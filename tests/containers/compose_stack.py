"""The stack of compose.yaml, built and started as a newcomer would, with an own project name and a free port."""

import json
import os
import shutil
import subprocess
import uuid
from typing import Any

from tests.paths import ROOT
from wireroom.local import ports

COMMAND_TIMEOUT = 600  # seconds; a test that is timed out in a thread would otherwise wait for its command for ever
DOCKER = shutil.which("docker") or "docker"
READ_HEALTH = "from shared.observability.healthcheck import ask; print(ask(8080)[1].decode())"


def no_docker() -> str | None:
    """Return why no container can run here, or None if one can."""
    try:
        subprocess.run([DOCKER, "compose", "version"], capture_output=True, timeout=20, check=True)
        answer = subprocess.run([DOCKER, "info"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"docker does not run here: {error}"
    return None if answer.returncode == 0 else f"docker info fails: {answer.stderr.strip()[-200:]}"


class Stack:
    """One compose project; ``environment`` is what its shell or its file .env would have."""

    def __init__(self, file: str = "compose.yaml", **environment: str) -> None:
        self.port, self._http_port, self._desk_port, *self._other_brokers = ports.free(5)
        self.file = file
        self.project = f"wireroom-test-{uuid.uuid4().hex[:8]}"
        self.environment = environment

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run docker compose on this project, whatever comes of it."""
        return self._run(self.command(*arguments), stdin, environment)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run lines of bash in which `docker compose` is this project, whatever comes of it."""
        return self._run(["bash", "-c", script], "", {"COMPOSE_PROJECT_NAME": self.project, "COMPOSE_FILE": self.file})

    def _run(self, command: list[str], stdin: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        published = {
            "WIREROOM_NATS_PORT": str(self.port),
            **{f"WIREROOM_NATS_PORT_{number}": str(port) for number, port in enumerate(self._other_brokers, 2)},
            "WIREROOM_HTTP_PORT": str(self._http_port),
            "WIREROOM_DESK_PORT": str(self._desk_port),
        }
        known = published | self.environment | environment
        return subprocess.run(
            command, cwd=ROOT, env=os.environ | known, input=stdin,
            capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT,
        )  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        return [DOCKER, "compose", "--file", self.file, "--project-name", self.project, *arguments]

    def compose(self, *arguments: str, **environment: str) -> str:
        """Run docker compose on this project; a failure shows what it printed."""
        done = self.run(*arguments, **environment)
        if done.returncode != 0:
            print(self.logs())  # noqa: T201 - pytest shows it with the failure
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def tools(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ``wireroom`` as operations.md says."""
        return self.run("run", "--rm", "-T", "tools", *arguments, stdin=stdin, **environment)

    def address(self, user: str) -> str:
        """Return what programs of this machine connect to as a user of the broker, as a newcomer learns it."""
        shown = self.tools("user", "show", user)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout.strip()

    def containers(self) -> list[dict[str, Any]]:
        """Return what docker knows of each container, also of those that have ended."""
        names = self.compose("ps", "--all", "--quiet").split()
        found = subprocess.run([DOCKER, "inspect", *names], capture_output=True, text=True, check=True)
        containers: list[dict[str, Any]] = json.loads(found.stdout)
        return containers

    def logs(self) -> str:
        return self.run("logs", "--no-color", "--tail", "40").stdout

    def mongo(self, expression: str, service: str = "mongo") -> Any:  # noqa: ANN401 - whatever JSON says
        """Evaluate an expression in the article database, as an operator would."""
        javascript = f"print(JSON.stringify({expression}))"
        return json.loads(self.compose("exec", "-T", service, "mongo-shell", "--eval", javascript))

    def docker(self, *arguments: str, stdin: str = "") -> str:
        """Run docker itself, which knows containers by ``container``; returns what it printed."""
        done = subprocess.run(
            [DOCKER, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def container(self, service: str, replica: int = 1) -> str:
        return f"{self.project}-{service}-{replica}"

    def outcomes(self, service: str, replica: int) -> dict[str, int]:
        """Ask one replica, inside its container, how many messages it has answered."""
        answer = self.compose("exec", "-T", "--index", str(replica), service, "python", "-c", READ_HEALTH)
        counts: dict[str, int] = json.loads(answer)["outcomes"]
        return counts

    def down(self) -> None:
        self.compose("--profile", "tools", "down", "--volumes", "--rmi", "local", "--timeout", "5")
