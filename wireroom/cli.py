"""The command: every subcommand, and what they have in common."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from shared import __version__, variables
from shared.errors import WrongSetting
from shared.sanitizing import harmless_line
from wireroom.commands import (
    aliases,
    audit,
    bench,
    bench_clean,
    bench_entities,
    bench_extract,
    bench_hostile,
    bench_memory,
    bench_servers,
    bench_soak,
    config,
    dead,
    demo,
    doctor,
    imports,
    models,
    publish,
    replay,
    rules,
    search,
    show,
    stack,
    status,
    tail,
    train,
    trial,
    withdraw,
)
from wireroom.local.state import apply_running_stack
from wireroom.terminal import err, fail


@contextmanager
def _harmless_errors() -> Iterator[None]:
    """Typer prints errors itself, with the arguments in them as they were given."""
    try:
        yield
    except TyperException as error:
        said = harmless_line(error.format_message())
        error.format_message = lambda: said  # type: ignore[method-assign] # some make it of several fields
        raise


class _Group(TyperGroup):
    """All commands: each of their arguments is read and each command is run below these two."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as Typer's own
        with _harmless_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        try:
            with _harmless_errors():
                return super().invoke(ctx)
        except WrongSetting as wrong:
            fail(wrong.code, str(wrong))


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    help="Raw news in, clean text with named entities out, through a durable queue.",
)
DATA = Path(".wireroom")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wireroom {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder of the one-machine stack.", envvar="WIREROOM_DATA")] = DATA,
    _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    for warning in variables.unknown(os.environ):
        err.print(warning, markup=False)
    context.obj = apply_running_stack(data)


@app.command()
def run(
    name: Annotated[Literal["ingest", "extract", "store"], typer.Argument(help="ingest, extract or store")],
) -> None:
    """Run one service in the foreground, as containers do.

    Examples: `wireroom run extract`, `WIREROOM_NATS_URL=nats://queue:4222 wireroom run store`
    """
    from shared.run import main as run_service  # noqa: PLC0415 - the service frameworks are slow to import

    sys.exit(run_service([name]))


app.command()(stack.setup)
app.command()(stack.up)
app.command()(stack.down)
app.command()(demo.demo)
app.command()(publish.publish)
app.command("try")(trial.trial)
app.command()(tail.tail)
app.command()(show.show)
app.command()(search.search)
app.command()(status.status)
app.command()(doctor.doctor)
app.command()(audit.audit)
app.command()(withdraw.withdraw)
app.command()(replay.replay)
app.command()(replay.reprocess)
measure = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
measure.command("end-to-end")(bench.bench)
measure.command("clean")(bench_clean.bench_clean)
measure.command("entities")(bench_entities.bench_entities)
measure.command("extract")(bench_extract.bench_extract)
measure.command("memory")(bench_memory.bench_memory)
measure.command("publish")(bench_servers.bench_publish)
measure.command("store")(bench_servers.bench_store)
measure.command("soak")(bench_soak.bench_soak)
measure.command("hostile")(bench_hostile.bench_hostile)
app.add_typer(measure, name="bench", help="Measure speed and quality on this machine.")
training = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
training.command("lines")(train.train_lines)
training.command("pages")(train.train_pages)
training.command("pack")(train.train_pack)
app.add_typer(training, name="train", help="Make the trained models anew.")
app.add_typer(config.app, name="config", help="The settings: show where each comes from, check them.")
app.add_typer(rules.app, name="rules", help="Lines learned from the stream: list, show, approve, veto.")
app.add_typer(models.app, name="models", help="The models that find names: list, check.")
app.add_typer(aliases.app, name="aliases", help="Names that mean one thing in every article: check the file of them.")
app.add_typer(imports.app, name="import", help="Runs of `wireroom publish`: list, take one back.")
app.add_typer(dead.app, name="dead", help="Messages that were set aside: list, show, edit, replay, export, drop.")


def main() -> None:
    """Told to end, a command does as on Ctrl-C: it clears up its servers and its temporary folder."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    app()
