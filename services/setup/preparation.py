"""Topology and numbers on a broker: ``wireroom setup``, the embedded stack, and Compose before any service starts."""

import logging
from dataclasses import dataclass

from nats.js import JetStreamContext

from services.setup.renumbering import beginning, last_number, renumber
from services.setup.stored_numbers import Database, database, known, note_gaps, noted_gaps, tombstones
from shared.broker import accounting, provisioning
from shared.broker.connect import brief_connection
from shared.broker.nats_address import without_password
from shared.broker.withdrawals import withdraw
from shared.errors import Unavailable
from shared.limits import Limits
from shared.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """``dry_run`` changes nothing. ``delete`` applies also what deletes messages at once.

    ``restored``: the broker was given older data; numbers that it may have given since are left out.
    """

    dry_run: bool = False
    restored: bool = False
    delete: bool = False
    compare: bool = True  # with the database; only where there is none yet it may be left out


_TRIES = 3  # of the whole, where the broker does not answer in time: each step can be done again


async def setup(settings: Settings, limits: Limits, wish: Wish = Wish()) -> list[str]:
    """Return what was changed, one line each; run again it changes nothing. Raises Unavailable and APIError."""
    for _ in range(_TRIES):
        try:
            return await _setup(settings, limits, wish)
        except TimeoutError:
            log.warning("NATS did not answer in time; once more")
    raise Unavailable("NATS", without_password(settings.nats_url), "it did not answer in time")


async def _setup(settings: Settings, limits: Limits, wish: Wish) -> list[str]:
    async with brief_connection(settings.nats_url) as connection:
        js = connection.jetstream(timeout=10)
        if not wish.compare:
            return await _topology(js, settings, limits, wish)
        async with database(settings) as articles:
            stored = await known(articles, limits.raw_age)  # before anything is made, for it may be unavailable
            ended = await last_number(js)
            done = await _topology(js, settings, limits, wish)
            start = await beginning(js, stored, ended, restored=wish.restored)
            if not wish.dry_run:
                await renumber(js, start, await noted_gaps(articles), settings)
                await note_gaps(articles, await accounting.gaps(js))
            if start and not wish.dry_run:
                done += [
                    f"bucket withdrawn: {count} take-downs given back" for count in [await _given_back(js, articles)]
                ]
            return [*done, str(start)] if start else done


async def _topology(js: JetStreamContext, settings: Settings, limits: Limits, wish: Wish) -> list[str]:
    if wish.dry_run:
        changes = await provisioning.plan(js, limits, settings.stream_replicas)
    else:
        changes = await provisioning.apply(js, limits, settings.stream_replicas, delete=wish.delete)
    return [f"{provisioning.NOT_APPLIED if change.deletes and not wish.delete else ''}{change}" for change in changes]


async def _given_back(js: JetStreamContext, articles: Database) -> int:
    """Set the tombstones again that a lost broker took with it: what was taken down must not flow once more."""
    count = 0
    async for tombstone in tombstones(articles):
        await withdraw(js, tombstone)
        count += 1
    return count
