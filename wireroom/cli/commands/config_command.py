"""``wireroom config``, ``models`` and ``aliases``: the settings, and the models and alias file they name."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from wireroom.cli.output import counted, err, fail, json_line, out, table

EX_CONFIG = 78
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """List every setting with its value and where that comes from; users and passwords are masked.

    Examples: `wireroom config show`, `wireroom config show --json`
    """
    from wireroom.doctor import configuration  # noqa: PLC0415 - with what it needs it takes a while to import

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


def check(as_json: AsJson = False) -> None:
    """Check every value, and the rules, alias file, models and programs that they name; exit code 78 if one is wrong.

    Connects to nothing: that is what `wireroom doctor` does.

    Example: `wireroom config check`
    """
    from wireroom.doctor.configuration import problems  # noqa: PLC0415

    found = problems()
    if as_json:
        json_line({"v": 1, "problems": found})
    else:
        for line in found or ["All settings can be used."]:
            out.print(line, markup=False)
    raise typer.Exit(EX_CONFIG if found else 0)


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class ModelState:
    """A language's model as it was found; ``found`` is how many names of the check text it finds."""

    language: str
    model: str
    version: str = ""
    labels: tuple[str, ...] = ()
    speed: str = ""
    slow_because: str | None = None
    found: int | None = None
    trouble: str | None = None


def list_models(as_json: Annotated[bool, typer.Option("--json", help="One JSON object per model.")] = False) -> None:
    """List the model of each language of WIREROOM_EXTRACT_MODELS, and what is installed besides.

    Example: `wireroom models ls`
    """
    _show([*_configured(), *_others()], as_json=as_json)


def check_models(as_json: Annotated[bool, typer.Option("--json", help="One JSON object per model.")] = False) -> None:
    """Load each model as extract does and let it read a text; exit code 78 if one cannot be used.

    Example: `wireroom models check`
    """
    states = list(_configured())
    _show(states, as_json=as_json)
    raise typer.Exit(EX_CONFIG if any(state.trouble for state in states) else 0)


def _configured() -> Iterator[ModelState]:
    logging.getLogger("services.extract.entities.ner.pipeline").setLevel(logging.ERROR)  # the table tells it
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    return (_state(language, name) for language, name in sorted(ExtractSettings().models.items()))


def _state(language: str, name: str) -> ModelState:
    from services.extract.entities import ModelUnavailable  # noqa: PLC0415 - spaCy takes a second
    from services.extract.entities.ner.fast_ner import CHECK_TEXT  # noqa: PLC0415
    from services.extract.entities.ner.pipeline import Pipeline  # noqa: PLC0415

    try:
        pipeline = Pipeline(name, language)
    except ModelUnavailable as trouble:
        return ModelState(language, name, trouble=str(trouble))
    labels = tuple(sorted(pipeline.nlp.get_pipe("ner").labels))
    (found,) = pipeline.find([CHECK_TEXT])
    return ModelState(
        language,
        name,
        pipeline.nlp.meta["version"],
        labels,
        "as spaCy" if pipeline.slow_because else "fast",
        pipeline.slow_because,
        len(found),
        None if found else "it finds no name in a text that has some",
    )


def _others() -> Iterator[ModelState]:
    """Yield the models that are installed and read no language."""
    from services.extract.entities.ner.models import TWINS, find_model, meta_of  # noqa: PLC0415
    from services.extract.entities.ner.models import installed as installed_models  # noqa: PLC0415
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    taken = {twin for name in ExtractSettings().models.values() for twin in (name, TWINS.get(name))}
    for name in installed_models():
        if name not in taken and (path := find_model(name)):
            meta = meta_of(path)
            yield ModelState("", name, meta["version"], tuple(meta.get("labels", {}).get("ner", ())))


def _show(states: list[ModelState], *, as_json: bool) -> None:
    if as_json:
        for state in states:
            json_line({"v": 1, **asdict(state)})
        return
    columns = ("language", "model", "version", "speed", "names found", "state", "labels")
    table(columns, [_row(state) for state in states], numbers=("names found",))
    for state in states:
        if remark := state.trouble or state.slow_because:
            err.print(f"{state.language or state.model}: {remark}")


def _row(state: ModelState) -> tuple[object, ...]:
    verdict = "cannot be used" if state.trouble else "works" if state.language else "reads no language"
    found = "" if state.found is None else state.found
    return (state.language or "-", state.model, state.version, state.speed, found, verdict, ", ".join(state.labels))


def check_aliases(
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
