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
class Checked:
    """A submission that ingest will take: the id that it will give it, and its bytes with its source in them.

    ``verified``: its publisher is known to be its source.
    """

    id: str
    article: ArticleSubmitted
    data: bytes
    verified: bool


@dataclass(frozen=True)
class SubmissionGate:
    """``origin`` names the input in the headers and in the message ids."""

    js: JetStreamContext
    quotas: SourceQuotas
    origin: str

    async def take(self, data: bytes, source: str | None, key: str) -> Taken:
        """Check one submission, publish it and wait for the broker; raises Rejected and Unavailable."""
        return await self.publish(await off_loop(len(data), checked, data, source), key)

    async def publish(self, submission: Checked, key: str, *, withdraws: str | None = None) -> Taken:
        """Publish a submission and wait for the broker; raises Rejected and Unavailable.

        The same bytes under the same ``key`` are taken once within the broker's duplicate window. ``withdraws`` is why
        the article is taken back with it.
        """
        source, data = submission.article.source, submission.data
        self.quotas.take(source, len(data))
        if withdraws:
            await self._withdraw(submission.id, submission.article, withdraws)
        digest = sha256(f"{source}\0{key}".encode("utf-8", "replace"))
        digest.update(data)
        headers = {
            MESSAGE_ID: f"{self.origin}:{digest.hexdigest()[:32]}",
            "content-type": "application/json",
            ORIGIN: self.origin,
        }
        subject = submitted_by(source) if submission.verified else ArticleSubmitted.subject_pattern
        try:
            ack = await self.js.publish(subject, data, stream="INBOX", timeout=PUBLISH_TIMEOUT, headers=headers)
        except (NatsError, TimeoutError, OSError, ValueError) as error:
            meaning = classified(error, "INBOX", subject, len(data))
            raise meaning if isinstance(meaning, Rejected) else Unavailable("NATS", subject, str(error)) from error
        return Taken(submission.id, ack.seq, bool(ack.duplicate))

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


def checked(data: bytes, source: str | None) -> Checked:
    """Check a submission as ingest will; raises Rejected.

    ``source`` is the one that the publisher may use: it is put in where there is none, and any other is refused.
    """
    if source is not None:
        data = with_source(data, source)
    article = decode(data, ArticleSubmitted)
    if source not in {None, article.source}:
        raise Rejected(Reason.SCHEMA, f"source: the token is of {source}, not of {article.source}")
    verified = source is not None
    return Checked(usable_id(article, verified=verified), article, data, verified)
