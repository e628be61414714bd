"""Publishing to JetStream: returns once the broker has the message on disk, and classifies what went wrong.

Rejected     permanent: no repetition changes it (too large, a header or subject the protocol does not take, a 4xx)
Unavailable  transient: the connection, no answer, no responders, storage full, any 5xx, an earlier try that a cluster
             has not decided about; the message is held
any other    unknown: raised as it is, tried again a bounded number of times and then dead-lettered
"""

import hashlib
from collections.abc import Callable, Mapping

from nats import errors as nats_errors
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from shared.errors import Reason, Rejected, Unavailable
from shared.topology import MAX_PAYLOAD

PUBLISH_TIMEOUT = 5.0  # seconds; a broker that syncs every write answers late under load, 0.5 s reports false failures
MESSAGE_ID = "Nats-Msg-Id"

_PERMANENT = (nats_errors.BadHeaderError, nats_errors.BadSubjectError, ValueError)
_TRANSIENT = (
    OSError,  # a TimeoutError among them
    NoStreamResponseError,
    nats_errors.NoRespondersError,
    nats_errors.ConnectionClosedError,
    nats_errors.ConnectionDrainingError,
    nats_errors.ConnectionReconnectingError,
    nats_errors.NoServersError,
    nats_errors.OutboundBufferLimitError,
    nats_errors.StaleConnectionError,
)
# err_code of JetStream
_TOO_LARGE_FOR_STREAM = 10054
_OTHER_STREAM = 10060  # the subject belongs to another stream: `wireroom setup` mends it, a repetition does not
_IN_PROCESS = 10158  # a cluster still decides about an earlier publication with the same message id, such as our own
# HTTP-like code of JetStream
_MAY_CHANGE = {404, 408, 429}
_SERVER_ERROR = 500
_CLIENT_ERROR = 400

Same = Callable[[str, bytes], bool]  # of subject and bytes of what is stored


async def publish(
    js: JetStreamContext,
    subject: str,
    data: bytes,
    *,
    stream: str,
    headers: Mapping[str, str],
    same: Same | None = None,
) -> PubAck:
    """Publish and wait until the broker has it on disk; raises Rejected, Unavailable, or an unknown NatsError.

    A PubAck that says "duplicate" is compared with the stored message, because anyone may have taken the message id:
    unless the stored bytes are equal, or ``same`` accepts them as an earlier copy, it is published again under an id
    of its own content, and at last without one.
    """
    message_id = headers.get(MESSAGE_ID)
    ids = [message_id, f"{message_id}:{hashlib.sha256(data).hexdigest()[:32]}", None] if message_id else [None]
    given = {name: value for name, value in headers.items() if name != MESSAGE_ID}
    for candidate in ids:
        ack = await _publish(js, subject, data, stream, given | ({MESSAGE_ID: candidate} if candidate else {}))
        if not ack.duplicate or await _is_stored(js, ack, subject, data, same):
            break
    return ack


async def _publish(js: JetStreamContext, subject: str, data: bytes, stream: str, headers: dict[str, str]) -> PubAck:
    size = len(data) + sum(len(name) + len(value.encode("utf-8", "replace")) + 4 for name, value in headers.items())
    if size > MAX_PAYLOAD:  # the client counts the body alone; the broker would close the connection
        raise Rejected(Reason.TOO_LARGE, f"{size} bytes with its headers are more than the broker takes")
    try:
        return await js.publish(subject, data, stream=stream, timeout=PUBLISH_TIMEOUT, headers=headers)
    except (NatsError, TimeoutError, OSError, ValueError) as error:
        if (meaning := classified(error, stream, subject, len(data))) is error:
            raise
        raise meaning from error


async def _is_stored(js: JetStreamContext, ack: PubAck, subject: str, data: bytes, same: Same | None) -> bool:
    """Tell whether what the broker took for the same message is; one that was deleted since is not."""
    try:
        stored = await js.get_msg(ack.stream, ack.seq)
    except NotFoundError:
        return False
    except (NatsError, TimeoutError, OSError) as error:
        if (meaning := classified(error, ack.stream, subject, len(data))) is error:
            raise
        raise meaning from error
    found = stored.data or b""
    return (stored.subject == subject and found == data) or (same is not None and same(stored.subject or "", found))


def classified(error: Exception, stream: str, subject: str, size: int) -> Exception:
    """Return what an error of the client or the broker means; the error itself where that is unknown."""
    if isinstance(error, nats_errors.MaxPayloadError):
        return Rejected(Reason.TOO_LARGE, f"{size} bytes are more than the broker takes")
    if isinstance(error, APIError):
        return _classified_answer(error, stream, size)
    if isinstance(error, _TRANSIENT):
        cause = f"{type(error).__name__} {error}".strip()
        return Unavailable(f"NATS stream {stream}", subject, cause, unanswered=isinstance(error, TimeoutError))
    if isinstance(error, _PERMANENT):
        return Rejected(Reason.NOT_PUBLISHABLE, f"{type(error).__name__}: {error}")
    return error


def _classified_answer(error: APIError, stream: str, size: int) -> Exception:
    code = error.code or _SERVER_ERROR
    if error.err_code == _TOO_LARGE_FOR_STREAM:
        return Rejected(Reason.TOO_LARGE, f"{size} bytes are more than stream {stream} takes")
    if code >= _SERVER_ERROR or error.err_code == _IN_PROCESS:
        return Unavailable(f"NATS stream {stream}", "the broker", str(error))
    if code < _CLIENT_ERROR or code in _MAY_CHANGE or error.err_code == _OTHER_STREAM:
        return error
    return Rejected(Reason.NOT_PUBLISHABLE, str(error))
