"""A Typer group whose commands are imported when they are called, not when they are listed."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from wireroom.cli.command_tree import Branch, Entry, Tree


class LazyCommand(TyperCommand):
    """The name and help line of a command that is not imported yet."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.help)
        self.target = entry.target

    def load(self) -> Any:  # noqa: ANN401 - Typer's own class of commands has no public name
        """Import the command's function and return the command."""
        module, _, function = self.target.partition(":")
        single = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        single.command(self.name)(getattr(import_module(module), function))
        command = typer.main.get_command(single)
        command.name = self.name
        return command


class LazyGroup(TyperGroup):
    """A group made of ``tree``; each command in it is imported when it is called."""

    tree: ClassVar[Tree] = {}

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as Typer's own
        super().__init__(**options)
        for name, node in self.tree.items():
            self.commands[name] = _branch(name, node) if isinstance(node, Branch) else LazyCommand(name, node)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest


def _branch(name: str, branch: Branch) -> TyperGroup:
    class Group(LazyGroup):
        tree = branch.entries

    return Group(name=name, help=branch.help, no_args_is_help=True, rich_markup_mode="markdown")


def every_command(group: Any, prefix: str = "") -> Iterator[tuple[str, LazyCommand]]:  # noqa: ANN401 - a group, as Typer makes it
    """Yield each command below a group, with its words, such as ``dead ls``."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from every_command(command, f"{prefix}{name} ")
        elif isinstance(command, LazyCommand):
            yield f"{prefix}{name}", command
