"""``wireroom config``: the settings in effect and where they come from, and whether they can be used."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

EX_CONFIG = 78

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """List every setting with its value and where that comes from; users and passwords are masked.

    Examples: `wireroom config show`, `wireroom config show --json`
    """
    from wireroom.cli.output import json_line, table  # noqa: PLC0415
    from wireroom.ops import configuration  # noqa: PLC0415 - with what it needs it takes a while to import

    root = context.find_root()
    source = root.get_parameter_source("data")
    origins = {"COMMANDLINE": "command line", "ENVIRONMENT": "environment"}
    origin = origins.get(source.name if source else "", "default")
    data = configuration.InEffect("WIREROOM_DATA", str(root.params["data"]), origin)
    found = [*configuration.in_effect(root.obj or frozenset()), data, *configuration.programs()]
    if as_json:
        json_line({"v": 1, "settings": [asdict(each) for each in found]})
    else:
        table(("setting", "from", "value"), [(each.variable, each.origin, _text(each.value)) for each in found])


@app.command()
def check(as_json: AsJson = False) -> None:
    """Check every value, and the rules, alias file, models and programs that they name; exit code 78 if one is wrong.

    Connects to nothing: that is what `wireroom doctor` does.

    Example: `wireroom config check`
    """
    from wireroom.cli.output import json_line, out  # noqa: PLC0415
    from wireroom.ops.configuration import problems  # noqa: PLC0415

    found = problems()
    if as_json:
        json_line({"v": 1, "problems": found})
    else:
        for line in found or ["All settings can be used."]:
            out.print(line, markup=False)
    raise typer.Exit(EX_CONFIG if found else 0)


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
