"""Publishing that returns once the broker has the message on disk."""

from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.errors import Reason, Rejected, Unavailable

PUBLISH_TIMEOUT = 5.0  # seconds; a broker that syncs every write answers late under load, 0.5 s reports false failures
_TOO_LARGE_FOR_STREAM = 10054


async def publish(js: JetStreamContext, subject: str, data: bytes, *, stream: str, headers: dict[str, str]) -> None:
    """Publish and wait until the broker has it on disk; a broker that is away or full raises Unavailable."""
    try:
        await js.publish(subject, data, stream=stream, timeout=PUBLISH_TIMEOUT, headers=headers)
    except MaxPayloadError as error:
        raise Rejected(Reason.TOO_LARGE, f"{len(data)} bytes are more than the broker takes") from error
    except (NatsError, APIError, TimeoutError) as error:
        if getattr(error, "err_code", None) == _TOO_LARGE_FOR_STREAM:
            raise Rejected(Reason.TOO_LARGE, f"{len(data)} bytes are more than stream {stream} takes") from error
        raise Unavailable(f"NATS stream {stream}", subject, f"{type(error).__name__} {error}".strip()) from error
