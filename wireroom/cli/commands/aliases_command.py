"""``wireroom aliases``: the user's file of names that mean one thing in every article."""

from pathlib import Path
from typing import Annotated

import typer

from wireroom.cli.output import counted, fail, json_line, out

EX_CONFIG = 78

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def aliases() -> None:
    """Names that mean one person, organisation or place in every article."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="An alias file, as WIREROOM_ALIASES names it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per entity.")] = False,
) -> None:
    """Check an alias file as extract does when it starts; exit code 78 if it cannot be used.

    Example: `wireroom aliases check my-names.toml`
    """
    from services.extract.entities import AliasError, read_aliases  # noqa: PLC0415 - spaCy takes a second

    try:
        entries = read_aliases(file)
    except AliasError as error:
        fail(EX_CONFIG, f"{error}.")
    if as_json:
        for entry in entries:
            json_line({"v": 1, **entry.model_dump()})
        return
    names, known = sum(len(entry.names) for entry in entries), sum(entry.identifier is not None for entry in entries)
    can = counted(len(entries), "entity", "entities")
    out.print(f"{can} can be used: {counted(names, 'name')}, {counted(known, 'identifier')}")
