"""The gate that submissions of every input of ingest pass: checked, within quotas, and on disk at the broker."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.ingest.identity import usable_id
from services.ingest.readers.source_field import with_source
from services.ingest.source_quotas import SourceQuotas
from shared.broker.envelope import ORIGIN
from shared.broker.publish import MESSAGE_ID, PUBLISH_TIMEOUT, classified
from shared.broker.withdrawals import Tombstone, withdraw
from shared.decoding import decode
from shared.errors import Reason, Rejected, Unavailable
from shared.messages import ArticleSubmitted, submitted_by
from shared.runtime.worker_thread import off_loop


@dataclass(frozen=True)
class Taken:
    """An article that the broker has on disk."""

    id: str
    version: int
    duplicate: bool  # the same was taken before; its version is told

    @property
    def members(self) -> dict[str, Any]:
        return {"id": self.id, "version": self.version, "duplicate": self.duplicate}


@dataclass(frozen=True)
class SubmissionGate:
    """``origin`` names the input in the headers and in the message ids."""

    js: JetStreamContext
    quotas: SourceQuotas
    origin: str

    async def take(self, data: bytes, source: str | None, key: str, *, withdraws: str | None = None) -> Taken:
        """Publish one submission and wait for the broker; raises Rejected and Unavailable.

        ``source`` is put in where there is none, and any other is refused. The same bytes under the same ``key`` are
        taken once within the broker's duplicate window. ``withdraws`` is why the article is taken back with it.
        """
        article_id, article, data = await off_loop(len(data), checked, data, source)
        self.quotas.take(article.source, len(data))
        if withdraws:
            await self._withdraw(article_id, article, withdraws)
        message_id = sha256(f"{article.source}\0{key}".encode("utf-8", "replace") + data).hexdigest()
        given = {MESSAGE_ID: f"{self.origin}:{message_id[:32]}", "content-type": "application/json"}
        subject = ArticleSubmitted.subject_pattern if source is None else submitted_by(source)
        try:
            ack = await self.js.publish(
                subject, data, stream="INBOX", timeout=PUBLISH_TIMEOUT, headers=given | {ORIGIN: self.origin}
            )
        except (NatsError, TimeoutError, OSError, ValueError) as error:
            meaning = classified(error, "INBOX", subject, len(data))
            raise meaning if isinstance(meaning, Rejected) else Unavailable("NATS", subject, str(error)) from error
        return Taken(article_id, ack.seq, bool(ack.duplicate))

    async def _withdraw(self, article_id: str, article: ArticleSubmitted, reason: str) -> None:
        """Set the tombstone of an article; the submission that follows makes ingest tell every consumer.

        Only what a guid names, which is a source's own: by a link it would be anybody's. Raises Rejected, Unavailable.
        """
        if article.guid is None:
            said = "guid: an article that only a link names is withdrawn by an operator: `wireroom withdraw LINK`"
            raise Rejected(Reason.SCHEMA, said)
        stone = Tombstone(id=article_id, source=article.source, reason=reason, at=datetime.now(UTC))
        try:
            await withdraw(self.js, stone)
        except (NatsError, TimeoutError) as error:
            raise Unavailable("NATS", "the tombstones", str(error)) from error


def checked(data: bytes, source: str | None) -> tuple[str, ArticleSubmitted, bytes]:
    """Return the id that ingest will give a submission, the submission and its bytes; raises Rejected.

    ``source`` is the one that the publisher may use: it is put in where there is none, and any other is refused.
    """
    if source is not None:
        data = with_source(data, source)
    article = decode(data, ArticleSubmitted)
    if source not in {None, article.source}:
        raise Rejected(Reason.SCHEMA, f"source: the token is of {source}, not of {article.source}")
    return usable_id(article, verified=source is not None), article, data
