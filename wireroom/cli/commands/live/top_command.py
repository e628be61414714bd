"""``wireroom top``: the services at work, on the whole screen; one line a service where there is no terminal."""

import asyncio
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from shared.broker.nats_address import without_password
from shared.settings import Settings
from wireroom.cli.commands.live.keys import on_key
from wireroom.cli.connections import lasting_nats_connection
from wireroom.cli.output import drawn_table, json_line, one_line, out
from wireroom.cli.time_arguments import age, duration
from wireroom.ops.live.stage_rates import Look, StageView, looks
from wireroom.ops.pipeline_status import StreamState

_PAST = 24  # looks that the small curve of a service shows
_BARS = "▁▂▃▄▅▆▇█"
_OLDEST = 300.0  # seconds; as `wireroom status --check`
_COLUMNS = ("stage", "in/s", "out/s", "waiting", "in flight", "redelivered", "oldest", "dead", "past out/s", "state")
_NUMBERS = _COLUMNS[1:8]
_DROPPED = ("past out/s", "redelivered", "in/s", "in flight", "state", "dead")  # where a terminal is narrow
_FULL = 0.9


def top(
    every: Annotated[float, typer.Option(parser=duration, help="Look again after so long.")] = 2.0,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many looks.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per look.")] = False,
) -> None:
    """Watch the services at work on the whole screen: rates, backlog, oldest, in flight, redelivered, dead; q quits.

    Without a terminal it is one line for each service and look, separated by tabs. An outage of the broker is waited
    for.

    Examples: `wireroom top`, `wireroom top --every 10s | tee load.tsv`, `wireroom top --count 2 --json`
    """
    if every <= 0:
        raise typer.BadParameter("has to be longer than nothing", param_hint="--every")
    asyncio.run(_top(every, count, whole_screen=out.is_terminal and not as_json, as_json=as_json))


async def _top(every: float, count: int | None, *, whole_screen: bool, as_json: bool) -> None:
    url = Settings().nats_url

    async def unchanged() -> None:
        """Nothing to do: each look says for itself whether the broker answers."""

    async with lasting_nats_connection(url, unchanged, unchanged) as connection:
        seen = _limited(looks(connection.jetstream(timeout=5), every), count)
        if whole_screen:
            await _on_screen(seen, without_password(url), every)
        elif as_json:
            async for each in seen:
                json_line({"v": 1, "at": each.at, "error": each.error, "stages": [asdict(one) for one in each.stages]})
        else:
            await _as_lines(seen)


async def _limited(seen: AsyncIterator[Look], count: int | None) -> AsyncIterator[Look]:
    number = 0
    async for each in seen:
        yield each
        number += 1
        if number == count:
            return


async def _as_lines(seen: AsyncIterator[Look]) -> None:
    columns = ("time", *(name for name in _COLUMNS if name != "past out/s"))
    sys.stdout.write("\t".join(columns) + "\n")
    async for each in seen:
        at = each.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for stage in each.stages:
            rates = ("" if rate is None else f"{rate:.1f}" for rate in (stage.arrived, stage.answered))
            numbers = (stage.waiting, stage.in_flight, stage.redelivered, age(stage.oldest_seconds), stage.dead)
            sys.stdout.write("\t".join((at, stage.stage, *rates, *map(str, numbers), stage.state)) + "\n")
        if each.error:
            sys.stdout.write(f"{at}\t{one_line(f'the broker does not answer: {each.error}', sys.maxsize)}\n")
        sys.stdout.flush()


async def _on_screen(seen: AsyncIterator[Look], url: str, every: float) -> None:
    """Draw each look until there are no more, or q is pressed."""
    quitting = asyncio.Event()
    screen = _Screen(url, every)

    async def draw(live: Live) -> None:
        async for each in seen:
            live.update(screen.frame(each), refresh=True)

    with ExitStack() as stack:
        stack.enter_context(on_key(asyncio.get_running_loop(), "qQ", quitting.set))
        stack.enter_context(out.wrapping())
        live = stack.enter_context(Live(Text("Looking …"), console=out, screen=True, auto_refresh=False))
        tasks = [asyncio.create_task(draw(live)), asyncio.create_task(quitting.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if not task.cancelled():
            task.result()  # an error of drawing, once the terminal is as it was


@dataclass
class _Screen:
    """What is drawn, and of each service what it answered in the looks before."""

    url: str
    every: float
    past: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=_PAST)))
    last: Look | None = None

    def frame(self, look: Look) -> Group:
        head = Text.assemble(
            ("wireroom top", "bold"),
            f"  {look.at.astimezone():%H:%M:%S}  ",
            (one_line(self.url, 80), "dim"),
            overflow="ellipsis",
            no_wrap=True,
        )
        foot = Text(f"every {self.every:g} s · q quits", style="dim")
        if look.error:
            told = Text(f"The broker does not answer: {one_line(look.error, 200)}. Waiting for it.", style="bold red")
            return Group(head, told, Text(), *(self._services(self.last) if self.last else ()), Text(), foot)
        self.last = look
        for stage in look.stages:
            if stage.answered is not None:
                self.past[stage.stage].append(stage.answered)
        return Group(head, Text(), *self._services(look), Text(), foot)

    def _services(self, look: Look) -> list[RenderableType]:
        rows = [(*_cells(stage)[:-1], curve(self.past[stage.stage]), _styled_state(stage)) for stage in look.stages]
        parts: list[RenderableType] = [drawn_table(_COLUMNS, rows, numbers=_NUMBERS, dropped=_DROPPED)]
        if look.pipeline:
            full = [
                (s.shown, f"{s.messages:,}", _share(s)) for s in look.pipeline.streams if not s.name.startswith("KV_")
            ]
            parts += [Text(), drawn_table(("kept in", "messages", "full"), full, numbers=("messages", "full"))]
            found = look.pipeline.findings(_OLDEST)
            parts += [Text(), *(Text(one_line(line, 300), style="yellow") for line in found)] if found else []
        return parts


def _cells(stage: StageView) -> tuple[object, ...]:
    oldest = Text(age(stage.oldest_seconds), style="red" if (stage.oldest_seconds or 0) > _OLDEST else "")
    dead = Text(f"{stage.dead:,}", style="red" if stage.dead else "")
    return (
        *(Text(stage.stage, style="bold"), _rate(stage.arrived), _rate(stage.answered), f"{stage.waiting:,}"),
        *(f"{stage.in_flight:,}", f"{stage.redelivered:,}", oldest, dead, stage.state),
    )


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004


def _styled_state(stage: StageView) -> Text:
    """Say what it does, and how long its backlog takes at this rate."""
    said, style = stage.state, {"missing": "bold red", "up to date": "green"}.get(stage.state, "")
    gains = (stage.answered or 0) - (stage.arrived or 0)
    if stage.waiting and gains > 0:
        said, style = f"catching up, {age(stage.waiting / gains)} left", "yellow"
    return Text(said, style=style)


def _share(stream: StreamState) -> Text:
    share = stream.bytes / stream.limit if stream.limit > 0 else 0.0
    return Text(f"{share:.0%}", style="red" if share > _FULL else "")


def curve(values: deque[float]) -> str:
    """Return the values as a line of bars, each relative to the highest."""
    highest = max(values, default=0.0)
    return "".join(_BARS[round(value / highest * (len(_BARS) - 1)) if highest else 0] for value in values)
