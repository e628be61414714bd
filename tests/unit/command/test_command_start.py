"""The command starts at once: listing the commands imports none of them, and none imports what only its work needs."""

import inspect
import json
import os
import subprocess
import sys

import pytest
import typer

from wireroom.cli.lazy_group import LazyCommand, every_command
from wireroom.cli.main import app

COMMANDS = dict(every_command(typer.main.get_command(app)))
# what takes a tenth of a second or more to import, and what it may not take before a command's own work
SLOW = ("spacy", "thinc", "numpy", "lxml", "faststream", "uvicorn", "fastapi", "py3langid", "trafilatura")
SERVERS = ("nats", "pydantic", "pydantic_settings", "pymongo", "orjson")
MOST_OF_OURS = 12  # modules of the project that `wireroom --help` imports

LISTING = """
import json, sys
sys.argv = ["wireroom", *json.loads(sys.argv[1])]
from wireroom.cli.main import main
try:
    main()
finally:
    print("\\n" + json.dumps(sorted(sys.modules)))
"""
# all in one process: what none of them has imported at the end, each imports without
EACH = """
import importlib, json, sys
import wireroom.cli.main, rich.table, typer.rich_utils
seen = set()
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
    roots = {each.partition(".")[0] for each in sys.modules}
    print(json.dumps([name, sorted(roots - seen)]))
    seen = roots
"""


def python(code: str, *arguments: object) -> list[str]:
    command = [sys.executable, "-c", code, *map(json.dumps, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WIREROOM_")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100, env=environment)
    return done.stdout.splitlines()


@pytest.mark.parametrize("arguments", [["--help"], ["dead", "--help"], ["bench", "--help"], ["--version"]])
def test_listing_commands_imports_no_command(arguments: list[str]) -> None:
    modules = json.loads(python(LISTING, arguments)[-1])
    roots = {name.partition(".")[0] for name in modules}
    typers = set() if arguments == ["--help"] else {"pydantic"}  # Typer reads the options before a group with it
    assert roots & {*SLOW, *SERVERS} <= typers
    ours = [name for name in modules if name.partition(".")[0] in {"wireroom", "shared", "services", "tools"}]
    assert len(ours) <= MOST_OF_OURS, ours


def test_no_command_imports_before_its_work_what_only_that_needs() -> None:
    """The first of several commands that would import it is the one that is named."""
    modules = sorted({command.target.partition(":")[0] for command in COMMANDS.values()})
    slow = {name: sorted({*roots} & {*SLOW}) for name, roots in map(json.loads, python(EACH, modules))}
    assert len(slow) == len(modules)
    assert {target: found for target, found in slow.items() if found} == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_line_is_the_first_paragraph_of_the_docstring(name: str) -> None:
    command: LazyCommand = COMMANDS[name]
    paragraph, _, _ = (inspect.cleandoc(command.load().help) or "").partition("\n\n")
    assert command.help == " ".join(paragraph.split())
