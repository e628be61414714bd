"""``wireroom doctor``: whether everything that Wireroom needs is there and as it should be."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wireroom.doctor.findings import Finding

EX_CHECK = 1


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Look at this machine, the broker and the database: each check with what to do; exit code 1 for a problem.

    Examples: `wireroom doctor`, `wireroom doctor --json`
    """
    from wireroom.cli.output import counted, json_line, out, table  # noqa: PLC0415
    from wireroom.doctor.findings import State  # noqa: PLC0415 - what it looks at is slow to import

    found = list(_look(context.find_root().params["data"]))
    problems = sum(finding.state is State.PROBLEM for finding in found)
    warnings = sum(finding.state is State.WARNING for finding in found)
    if as_json:
        json_line({"v": 1, "checks": [asdict(finding) for finding in found], "problems": problems})
    else:
        rows = [(f.state, f.check, f"{f.found}. {f.todo}".strip() if f.todo else f.found) for f in found]
        table(("state", "check", "found"), rows)
        out.print(f"{counted(len(found), 'check')}: {counted(problems, 'problem')}, {counted(warnings, 'warning')}")
    raise typer.Exit(EX_CHECK if problems else 0)


def _look(data: Path) -> "Iterator[Finding]":
    from shared.errors import WrongSetting  # noqa: PLC0415
    from shared.limits import Limits  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415
    from wireroom.doctor import broker_checks, database_checks, machine_checks  # noqa: PLC0415
    from wireroom.doctor.findings import ok, problem  # noqa: PLC0415

    yield from machine_checks.look(data)
    try:
        settings, limits = Settings(), Limits()
    except WrongSetting as wrong:
        yield problem("settings", str(wrong), "Nothing else can be looked at before.")
        return
    if data.exists():
        yield machine_checks.disk(data, limits)
    yield ok("settings", "can be used; `wireroom config check` looks further")
    yield from asyncio.run(broker_checks.look(settings, limits))
    yield from database_checks.look(settings)
