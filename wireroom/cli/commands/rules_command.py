"""``wireroom rules``: what was learned of the sources' lines, and what people decide about it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from services.extract.boilerplate import shared_table
from services.extract.boilerplate.line_table import SHOWN_FROM, Decision, LearnedLine, Table, certainty, decide, share
from services.extract.clean.rules import packs
from wireroom.cli import subject_arguments
from wireroom.cli.connections import jetstream
from wireroom.cli.output import err, fail, json_line, out, table

EX_NOT_FOUND = 1
EX_REFUSED = 1
EX_USAGE = 2
EX_UNAVAILABLE = 69
EX_CONFIG = 78


LineId = Annotated[str, typer.Argument(help="As `rules ls` lists it; its beginning is enough.")]
BySource = Annotated[
    str | None, typer.Option("--source", callback=subject_arguments.source, help="Only of this source.")
]
Lift = Annotated[bool, typer.Option("--lift", help="Take the decision back; counting holds again.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object per line.")]


@dataclass(frozen=True)
class Known:
    """A line of a source, and how many articles of the source were counted."""

    source: str
    key: str
    line: LearnedLine
    counted: float

    @property
    def state(self) -> str:
        if self.line.decision:
            return self.line.decision
        return "learned" if certainty(self.line, self.counted) is not None else "candidate"

    def row(self) -> dict[str, Any]:
        """Return what is shown; counts fade, so that they are no whole numbers."""
        return {
            "id": self.key,
            "source": self.source,
            "state": self.state,
            "score": certainty(self.line, self.counted),
            "articles": round(self.line.articles, 1),
            "share": round(share(self.line, self.counted), 3),
            "text": self.line.text,
        }


def list_lines(
    source: BySource = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is counted and not acted upon.")] = False,
    as_json: AsJson = False,
) -> None:
    """List lines that were learned, approved or vetoed; those are taken out of articles, or never.

    Examples: `wireroom rules ls`, `wireroom rules ls --source harbour-gazette --all --json`
    """
    found = asyncio.run(_lines(source))
    wanted = [known for known in found if known.state != "candidate" or (everything and known.line.text)]
    rows = [known.row() for known in sorted(wanted, key=lambda known: (known.source, -known.line.articles))]
    if as_json:
        for row in rows:
            json_line({"v": 1, **row})
    elif rows:
        cells = [["" if cell is None else cell for cell in row.values()] for row in rows]
        table(tuple(rows[0]), cells, numbers=("score", "articles", "share"))
    else:
        err.print(f"Nothing is learned yet: a line has to come in several articles. {len(found)} are counted.")


def show(line_id: LineId, source: BySource = None, as_json: AsJson = False) -> None:
    """Show what is known of one line.

    Example: `wireroom rules show 3fa0 --source harbour-gazette`
    """
    known = _one(asyncio.run(_lines(source)), line_id)
    facts = known.row() | {
        "at_edge": round(known.line.edge, 1),
        "inside": round(known.line.inside, 1),
        "sentence": known.line.sentence,
        "articles_of_source": round(known.counted, 1),
    }
    if as_json:
        json_line({"v": 1, **facts})
        return
    if not known.line.text:
        facts["text"] = f"(kept only of lines that {SHOWN_FROM} articles share)"
    table(("field", "value"), [(name, "" if value is None else value) for name, value in facts.items()])


def approve(line_id: LineId, source: BySource = None, lift: Lift = False, as_json: AsJson = False) -> None:
    """Take this line out of every article of its source from now on, wherever it stands.

    Examples: `wireroom rules approve 3fa0`, `wireroom rules approve 3fa0 --lift`
    """
    _decide(line_id, source, "approved", lift=lift, as_json=as_json)


def veto(line_id: LineId, source: BySource = None, lift: Lift = False, as_json: AsJson = False) -> None:
    """Never take this line out because of what was learned; holds for ever, or until it is lifted.

    Examples: `wireroom rules veto 3fa0`, `wireroom rules veto 3fa0 --lift`
    """
    _decide(line_id, source, "vetoed", lift=lift, as_json=as_json)


def check(folder: Annotated[Path, typer.Argument(help="A folder of rule packs, as WIREROOM_RULES names it.")]) -> None:
    """Check a folder of rule packs as extract does when it starts; exit code 78 if it cannot be used.

    Example: `wireroom rules check my-rules`
    """
    try:
        names = packs.read(folder).files
    except packs.PackError as error:
        fail(EX_CONFIG, f"{error}.")
    out.print(f"{len(names)} packs can be used: {', '.join(names) or 'the folder is empty'}")


def _decide(line_id: str, source: str | None, decision: Decision, *, lift: bool, as_json: bool) -> None:
    known = _one(asyncio.run(_lines(source)), line_id)
    if lift and known.line.decision != decision:
        fail(EX_REFUSED, f"line {known.key} of {known.source} is not {decision}; nothing was done.")
    if not lift and decision == "approved" and known.line.decision == "vetoed":
        again = f"wireroom rules veto {known.key} --source {known.source} --lift"
        fail(EX_REFUSED, f"line {known.key} of {known.source} is vetoed. Take that back first: `{again}`")
    edit = partial(_decided, key=known.key, decision=None if lift else decision)
    made = asyncio.run(_change(known.source, edit))
    if known.key not in made.lines:
        fail(EX_NOT_FOUND, f"line {known.key} of {known.source} was forgotten just now; nothing was done.")
    now = Known(known.source, known.key, made.lines[known.key], made.articles)
    if as_json:
        json_line({"v": 1, **now.row()})
    else:
        out.print(f"line {now.key} of {now.source} is {now.state}")


def _decided(state: Table, *, key: str, decision: Decision | None) -> Table:
    return decide(state, key, decision) if key in state.lines else state


def _one(lines: list[Known], line_id: str) -> Known:
    found = [known for known in lines if known.key.startswith(line_id)]
    if not found:
        fail(EX_NOT_FOUND, f"no line {line_id!r}. `wireroom rules ls --all` lists them.")
    if len(found) > 1:
        places = ", ".join(sorted({f"{known.key} of {known.source}" for known in found})[:5])
        fail(EX_USAGE, f"{line_id!r} can mean {places}: give the whole id, and --source.")
    return found[0]


async def _lines(source: str | None) -> list[Known]:
    async with jetstream() as js:
        return [
            Known(name, key, line, state.articles)
            async for name, state in shared_table.tables(js)
            if source in {None, name}
            for key, line in state.lines.items()
        ]


async def _change(source: str, edit: Callable[[Table], Table]) -> Table:
    async with jetstream() as js:
        return await shared_table.change(js, source, edit)
