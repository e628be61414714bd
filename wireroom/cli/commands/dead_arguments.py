"""Which dead letters a command means: options and rules that `wireroom dead` has in common."""

from collections.abc import Collection
from typing import Annotated

import typer
from nats.js import JetStreamContext

from shared.broker.dead_letter_status import Fate
from shared.errors import Reason
from wireroom.cli import subject_arguments
from wireroom.cli.output import fail, json_line, out
from wireroom.ops import dead_letter_queries
from wireroom.ops.dead_letter_queries import Choice, Letter

EX_NOT_FOUND = 1
EX_USAGE = 2
NO_LETTER = "there is no dead letter {}. `wireroom dead ls --each` lists them."

Number = Annotated[int, typer.Argument(help="As `dead ls --each` lists it.")]
Places = Annotated[list[int] | None, typer.Argument(help="Numbers as `dead ls --each` lists them.")]
ByReason = Annotated[Reason | None, typer.Option(help="Only with this reason.")]
ByService = Annotated[
    str | None, typer.Option(callback=subject_arguments.service, help="Only set aside by this service.")
]
ByState = Annotated[list[Fate] | None, typer.Option("--state", help="Only with this state; can be given again.")]
Everything = Annotated[bool, typer.Option("--all", help="All that are there.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object per line.")]


def need_a_choice(numbers: Collection[int] | None, *, otherwise: bool, options: str) -> None:
    """End with a usage error unless letters are named in exactly one way: both could mean two things."""
    if bool(numbers) == otherwise:
        fail(EX_USAGE, f"which ones? Give either numbers or some of {options}.")


async def meant(js: JetStreamContext, numbers: Collection[int] | None, choice: Choice) -> list[Letter]:
    """Return the letters in the order in which they were set aside, which is that of an article's versions.

    A number that names no letter ends the command before it acts.
    """
    if not numbers:
        return [letter async for letter, _ in dead_letter_queries.choose(js, choice)]
    return [(await one(js, number))[0] for number in sorted(set(numbers))]


async def one(js: JetStreamContext, number: int) -> tuple[Letter, bytes]:
    """Return one letter with its bytes, or end the command."""
    if (found := await dead_letter_queries.get(js, number)) is None:
        fail(EX_NOT_FOUND, NO_LETTER.format(number))
    return found


def tell(said: str, numbers: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        json_line({"v": 1, **numbers})
    else:
        out.print(said)
