"""``wireroom models``: which model reads which language, and whether it works."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from wireroom.cli.output import err, json_line, table

EX_CONFIG = 78

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@dataclass(frozen=True)
class State:
    """A language's model as it was found; ``found`` is how many names of the check text it finds."""

    language: str
    model: str
    version: str = ""
    labels: tuple[str, ...] = ()
    speed: str = ""
    slow_because: str | None = None
    found: int | None = None
    trouble: str | None = None


@app.callback()
def models() -> None:
    """The models that find names: which are set, installed and working."""
    logging.getLogger("services.extract.entities.ner.pipeline").setLevel(
        logging.ERROR
    )  # what it warns of is in the table


@app.command()
def ls(as_json: Annotated[bool, typer.Option("--json", help="One JSON object per model.")] = False) -> None:
    """List the model of each language of WIREROOM_EXTRACT_MODELS, and what is installed besides.

    Example: `wireroom models ls`
    """
    _show([*_configured(), *_others()], as_json=as_json)


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="One JSON object per model.")] = False) -> None:
    """Load each model as extract does and let it read a text; exit code 78 if one cannot be used.

    Example: `wireroom models check`
    """
    states = list(_configured())
    _show(states, as_json=as_json)
    raise typer.Exit(EX_CONFIG if any(state.trouble for state in states) else 0)


def _configured() -> Iterator[State]:
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    return (_state(language, name) for language, name in sorted(ExtractSettings().models.items()))


def _state(language: str, name: str) -> State:
    from services.extract.entities import ModelUnavailable  # noqa: PLC0415 - spaCy takes a second
    from services.extract.entities.ner.fast_ner import CHECK_TEXT  # noqa: PLC0415
    from services.extract.entities.ner.pipeline import Pipeline  # noqa: PLC0415

    try:
        pipeline = Pipeline(name, language)
    except ModelUnavailable as trouble:
        return State(language, name, trouble=str(trouble))
    labels = tuple(sorted(pipeline.nlp.get_pipe("ner").labels))
    (found,) = pipeline.find([CHECK_TEXT])
    return State(
        language,
        name,
        pipeline.nlp.meta["version"],
        labels,
        "as spaCy" if pipeline.slow_because else "fast",
        pipeline.slow_because,
        len(found),
        None if found else "it finds no name in a text that has some",
    )


def _others() -> Iterator[State]:
    """Yield the models that are installed and read no language."""
    from services.extract.entities.ner.models import TWINS, find_model, meta_of  # noqa: PLC0415
    from services.extract.entities.ner.models import installed as installed_models  # noqa: PLC0415
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    taken = {twin for name in ExtractSettings().models.values() for twin in (name, TWINS.get(name))}
    for name in installed_models():
        if name not in taken and (path := find_model(name)):
            meta = meta_of(path)
            yield State("", name, meta["version"], tuple(meta.get("labels", {}).get("ner", ())))


def _show(states: list[State], *, as_json: bool) -> None:
    if as_json:
        for state in states:
            json_line({"v": 1, **asdict(state)})
        return
    columns = ("language", "model", "version", "speed", "names found", "state", "labels")
    table(columns, [_row(state) for state in states], numbers=("names found",))
    for state in states:
        if remark := state.trouble or state.slow_because:
            err.print(f"{state.language or state.model}: {remark}")


def _row(state: State) -> tuple[object, ...]:
    verdict = "cannot be used" if state.trouble else "works" if state.language else "reads no language"
    found = "" if state.found is None else state.found
    return (state.language or "-", state.model, state.version, state.speed, found, verdict, ", ".join(state.labels))
