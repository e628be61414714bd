"""Single keys from the terminal while a live view is shown, without waiting for a line."""

import sys
import termios
import tty
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_key(loop: AbstractEventLoop, wanted: str, then: Callable[[], object]) -> Iterator[None]:
    """Call ``then`` when one of the wanted keys is pressed; the terminal is restored. Ctrl-C stays a signal.

    Without a terminal on standard input nothing is read.
    """
    if not sys.stdin.isatty():
        yield
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)

    def read() -> None:
        pressed = sys.stdin.buffer.raw.read(64) if hasattr(sys.stdin.buffer, "raw") else b""
        if not pressed or set(pressed.decode("ascii", "ignore")) & set(wanted):  # nothing: the terminal is gone
            then()

    tty.setcbreak(number)
    loop.add_reader(number, read)
    try:
        yield
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)
