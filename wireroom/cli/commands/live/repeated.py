"""A command's output shown again and again: on the whole screen of a terminal, one after the other in a pipe."""

import itertools
import time
from collections.abc import Callable

from rich.live import Live
from rich.text import Text

from wireroom.cli.output import err, out


def repeat(show: Callable[[], object], every: float, count: int | None, *, blank: bool) -> None:
    """Call ``show`` every so many seconds until Ctrl-C, or so many times; a terminal keeps what was shown last.

    ``blank`` puts an empty line between two in a pipe.
    """
    numbers = range(count) if count else itertools.count()
    if not out.is_terminal:
        for number in numbers:
            if number:
                time.sleep(every)
                if blank:
                    out.print()
            show()
        return
    shown = Text()
    try:
        with out.wrapping(), Live(console=out, screen=True, auto_refresh=False, redirect_stderr=False) as live:
            for number in numbers:
                if number:
                    time.sleep(every)
                with out.capture() as printed, err.capture() as told:
                    show()
                shown = Text.from_ansi(printed.get() + told.get())
                live.update(shown, refresh=True)
    finally:
        out.print(shown)
