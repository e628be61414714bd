"""The command line: options that every command has, errors and exit codes they have in common, and signals."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from wireroom.cli.command_tree import TREE
from wireroom.cli.lazy_group import LazyGroup

DATA = Path(".wireroom")


@contextmanager
def _harmless_errors() -> Iterator[None]:
    """Typer prints errors itself, with the arguments in them as they were given."""
    try:
        yield
    except TyperException as error:
        from shared.sanitizing import harmless_line  # noqa: PLC0415

        said = harmless_line(error.format_message())
        error.format_message = lambda: said  # type: ignore[method-assign] # some make it of several fields
        raise


class _Group(LazyGroup):
    """All commands: each of their arguments is read and each command is run below these two."""

    tree = TREE

    def make_context(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as Typer's own
        with _harmless_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        from shared.errors import WrongSetting  # noqa: PLC0415 - only --help runs without it

        try:
            with _harmless_errors():
                return super().invoke(ctx)
        except WrongSetting as wrong:
            from wireroom.cli.output import fail  # noqa: PLC0415

            fail(wrong.code, str(wrong))


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    help="Raw news in, clean text with named entities out, through a durable queue.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from shared import __version__  # noqa: PLC0415

        typer.echo(f"wireroom {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder of the one-machine stack.", envvar="WIREROOM_DATA")] = DATA,
    _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    from wireroom.local.stack_state import apply_running_stack  # noqa: PLC0415 - --help needs none of it

    if any(name.upper().startswith("WIREROOM_") for name in os.environ):
        from shared import environment  # noqa: PLC0415 - the settings take a tenth of a second
        from wireroom.cli.output import err  # noqa: PLC0415

        for warning in environment.unknown(os.environ):
            err.print(warning, markup=False)
    context.obj = apply_running_stack(data)


class _Signals:
    """SIGTERM ends a command as Ctrl-C does, so that it clears up its servers and temporary folders.

    A shell starts the background jobs of a script with SIGINT ignored; both signals end a command there too.
    """

    def __init__(self) -> None:
        self.terminated = False
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, _number: int, _frame: object) -> None:
        self.terminated = True
        signal.raise_signal(signal.SIGINT)  # asyncio turns it into a cancellation, else it is KeyboardInterrupt

    def exit_code(self, code: object) -> object:
        """Return 143 where the command says that it was interrupted, and SIGTERM did it."""
        return 128 + signal.SIGTERM if self.terminated and code == 128 + signal.SIGINT else code


def main() -> None:
    """Run the command; ended by SIGINT the exit code is 130, by SIGTERM 143."""
    signals = _Signals()
    try:
        app()
    except SystemExit as end:
        sys.exit(signals.exit_code(end.code))  # type: ignore[arg-type] # as it was given
