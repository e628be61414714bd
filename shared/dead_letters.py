"""Dead letters: a message that is set aside keeps its bytes, and headers say who, what, when and why."""

import logging
from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.envelope import passed_on
from shared.errors import Rejected
from shared.publishing import publish

log = logging.getLogger(__name__)

_MAX_DETAIL = 1000


async def set_aside(raw: Msg, verdict: Rejected, *, service: str, js: JetStreamContext) -> None:
    """Publish the original bytes to DEAD and wait for the broker's word; repeating it changes nothing.

    Raises Unavailable while the broker is away or DEAD is full.
    """
    place = raw.metadata
    detail = " ".join(verdict.detail.split())[:_MAX_DETAIL].encode("ascii", "backslashreplace").decode()
    headers = passed_on(raw.headers) | {
        "Nats-Msg-Id": f"{place.stream}:{place.sequence.stream}:{place.consumer}:{place.timestamp.timestamp()}",
        "wireroom-service": service,
        "wireroom-reason": verdict.reason,
        "wireroom-detail": detail,
        "wireroom-subject": raw.subject,
        "wireroom-stream": place.stream,
        "wireroom-sequence": str(place.sequence.stream),
        "wireroom-attempts": str(place.num_delivered),
        "wireroom-at": datetime.now(UTC).isoformat(),
    }
    subject = f"news.dead.{service}.{verdict.reason}"
    await publish(js, subject, raw.data, stream="DEAD", headers=headers)
    log.warning("set aside %s as %s: %s", raw.subject, verdict.reason, verdict.detail[:200])
