"""Reading submissions in a thread: a pipe may give the next one in an hour, and acknowledgements come meanwhile."""

import asyncio
import threading
from collections.abc import Iterable
from contextlib import suppress

from wireroom.publisher.submissions import Submission, Unreadable

_MOST = 512  # submissions in memory: read, or sent and not yet answered
_MOST_BYTES = 16 * 1024 * 1024  # of them all; one alone may be larger


class ReadAhead:
    """As much of an input as is to be in memory; each submission keeps its room until it is done."""

    def __init__(self, submissions: Iterable[Submission]) -> None:
        self._submissions = submissions
        self._room = threading.Condition()
        self._count, self._bytes = 0, 0
        self._queue = asyncio.Queue[Submission | Exception | None]()
        self._loop = asyncio.get_running_loop()
        # a daemon: nothing can end a read of a pipe, and it must not keep the process
        threading.Thread(target=self._read, name="reading submissions", daemon=True).start()

    async def next(self) -> Submission | None:
        """Return the next one, or None at the end; raises Unreadable once all before it were given."""
        found = await self._queue.get()
        if isinstance(found, Submission):
            return found
        self._queue.put_nowait(found)  # for whoever else waits
        if found is not None:
            raise found
        return None

    def stop(self) -> None:
        """Give nothing more: whoever waits for the next one gets None."""
        self._queue.put_nowait(None)

    def done(self, submission: Submission) -> None:
        with self._room:
            self._count -= 1
            self._bytes -= len(submission.data)
            self._room.notify()

    def _read(self) -> None:
        ended: Exception | None = RuntimeError("the input was not read to its end")
        try:
            for submission in self._submissions:
                self._wait_for_room(len(submission.data))
                self._give(submission)
            ended = None
        except Unreadable as error:
            ended = error
        finally:
            self._give(ended)

    def _wait_for_room(self, size: int) -> None:
        with self._room:
            self._room.wait_for(lambda: not self._count or (self._count < _MOST and self._bytes + size <= _MOST_BYTES))
            self._count += 1
            self._bytes += size

    def _give(self, found: Submission | Exception | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, found)
