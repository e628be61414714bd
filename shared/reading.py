"""Reading what a stream holds now, from the beginning, without taking anything from it."""

from collections.abc import AsyncGenerator

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

_TIMEOUT = 2.0  # seconds for one message, then the broker is asked whether there is one
_TRIES = 10


async def all_of(
    js: JetStreamContext, stream: str, subject: str, *, headers_only: bool | None = None
) -> AsyncGenerator[Msg, None]:
    """Yield what a subject holds now, the oldest first, and end; a stream that is not there holds nothing.

    Raises TimeoutError if the broker stops sending before the end: half of a stream is no answer.
    """
    try:
        counted = (await js.stream_info(stream, subjects_filter=subject)).state.subjects or {}
    except NotFoundError:
        return
    if not counted:
        return
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, headers_only=headers_only)
    reader = await js.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
    try:
        for _ in range(sum(counted.values())):
            if (message := await _next(reader)) is None:
                return
            yield message
            if not message.metadata.num_pending:
                return
    finally:
        await reader.unsubscribe()


async def _next(reader: JetStreamContext.PushSubscription) -> Msg | None:
    """Return the next message, or None if those that were counted were deleted or have expired meanwhile."""
    for _ in range(_TRIES):
        try:
            return await reader.next_msg(_TIMEOUT)
        except NatsTimeoutError:
            if not (await reader.consumer_info()).num_pending:
                return None
    raise TimeoutError(f"the broker sent nothing for {_TRIES * _TIMEOUT:.0f} s although there is more to read")
