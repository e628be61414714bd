"""Reading what a stream holds now, from the beginning, without taking anything from it."""

from collections.abc import AsyncIterator

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

_TIMEOUT = 5.0  # seconds for one message: longer means that it left the stream since it was counted


async def all_of(
    js: JetStreamContext, stream: str, subject: str, *, headers_only: bool | None = None
) -> AsyncIterator[Msg]:
    """Yield what a subject holds now, the oldest first, and end; a stream that is not there holds nothing."""
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
            yield await reader.next_msg(_TIMEOUT)
    except NatsTimeoutError:
        return  # messages were deleted or expired meanwhile
    finally:
        await reader.unsubscribe()
