"""Ingest that polls few feeds at once, by a clock that SIGUSR1 puts an hour forward: for tests that kill a replica.

The argument is how many feeds it polls at once.
"""

import signal
import sys
from datetime import datetime, timedelta
from functools import partial

from services.ingest.feeds import feed_input, poller
from shared.runtime import run

ahead = [timedelta()]


def now() -> datetime:
    return poller.utc_now() + ahead[0]


def forward(*_: object) -> None:
    ahead[0] += timedelta(hours=1)


if __name__ == "__main__":
    poller.POLLS_AT_ONCE = int(sys.argv[1])
    feed_input.feed_tools = partial(poller.feed_tools, now=now)  # type: ignore[attr-defined]
    signal.signal(signal.SIGUSR1, forward)
    sys.exit(run.main(["ingest"]))
