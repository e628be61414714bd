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

from shared import __version__, environment
from shared.errors import WrongSetting
from shared.sanitizing import harmless_line
from tools.evaluation import clean_quality, entity_quality_command
from tools.training import train_command
from wireroom.bench import bench_extract, bench_hostile, bench_memory, bench_servers, bench_soak
from wireroom.cli.commands import (
    aliases_command,
    audit_command,
    bench_command,
    config_command,
    dead_command,
    demo_command,
    doctor_command,
    import_command,
    models_command,
    publish_command,
    replay_command,
    rules_command,
    search_command,
    show_command,
    stack_command,
    status_command,
    tail_command,
    token_command,
    try_command,
    withdraw_command,
)
from wireroom.cli.output import err, fail
from wireroom.local.stack_state import apply_running_stack


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
    for warning in environment.unknown(os.environ):
        err.print(warning, markup=False)
    context.obj = apply_running_stack(data)


@app.command()
def run(
    name: Annotated[Literal["ingest", "extract", "store"], typer.Argument(help="ingest, extract or store")],
) -> None:
    """Run one service in the foreground, as containers do.

    Examples: `wireroom run extract`, `WIREROOM_NATS_URL=nats://queue:4222 wireroom run store`
    """
    from shared.runtime.run import main as run_service  # noqa: PLC0415 - the service frameworks are slow to import

    sys.exit(run_service([name]))


app.command()(stack_command.setup)
app.command()(stack_command.up)
app.command()(stack_command.down)
app.command()(demo_command.demo)
app.command()(publish_command.publish)
app.command("try")(try_command.trial)
app.command()(tail_command.tail)
app.command()(show_command.show)
app.command()(search_command.search)
app.command()(status_command.status)
app.command()(doctor_command.doctor)
app.command()(audit_command.audit)
app.command()(withdraw_command.withdraw)
app.command()(replay_command.replay)
app.command()(replay_command.reprocess)
measure = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
measure.command("end-to-end")(bench_command.bench)
measure.command("clean")(clean_quality.bench_clean)
measure.command("entities")(entity_quality_command.bench_entities)
measure.command("extract")(bench_extract.bench_extract)
measure.command("memory")(bench_memory.bench_memory)
measure.command("publish")(bench_servers.bench_publish)
measure.command("store")(bench_servers.bench_store)
measure.command("soak")(bench_soak.bench_soak)
measure.command("hostile")(bench_hostile.bench_hostile)
app.add_typer(measure, name="bench", help="Measure speed and quality on this machine.")
training = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
training.command("lines")(train_command.train_lines)
training.command("pages")(train_command.train_pages)
training.command("pack")(train_command.train_pack)
app.add_typer(training, name="train", help="Make the trained models anew.")
app.add_typer(config_command.app, name="config", help="The settings: show where each comes from, check them.")
app.add_typer(rules_command.app, name="rules", help="Lines learned from the stream: list, show, approve, veto.")
app.add_typer(models_command.app, name="models", help="The models that find names: list, check.")
app.add_typer(
    aliases_command.app, name="aliases", help="Names that mean one thing in every article: check the file of them."
)
app.add_typer(token_command.app, name="token", help="Access tokens of the HTTP input: add, list, revoke.")
app.add_typer(import_command.app, name="import", help="Runs of `wireroom publish`: list, take one back.")
app.add_typer(
    dead_command.app, name="dead", help="Messages that were set aside: list, show, edit, replay, export, drop."
)


def main() -> None:
    """Told to end, a command does as on Ctrl-C: it clears up its servers and its temporary folder."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    app()
