"""The ways a message can fail, and the closed set of reasons that labels them."""

import os
from enum import StrEnum


class Reason(StrEnum):
    """Why a message was dead-lettered. Closed: these values are subjects, metric labels and filters."""

    EMPTY_BODY = "empty_body"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    SCHEMA_UNSUPPORTED = "schema_unsupported"
    UNKNOWN_FIELD = "unknown_field"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_LARGE = "too_large"
    BAD_URL = "bad_url"
    WRONG_SOURCE = "wrong_source"
    NO_ARTICLE_TEXT = "no_article_text"
    NOT_STORABLE = "not_storable"
    NOT_PUBLISHABLE = "not_publishable"
    EMBARGOED = "embargoed"  # its publisher sends it again when it may appear
    OVER_QUOTA = "over_quota"
    RETRIES_EXHAUSTED = "retries_exhausted"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    CRASH_LOOP = "crash_loop"
    NOT_DELIVERED = "not_delivered"


class Rejected(Exception):  # noqa: N818 - it describes the message, not a fault of ours
    """The message can never succeed: it is dead-lettered with the reason and not tried again."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Unavailable(Exception):  # noqa: N818 - a state of the world that passes
    """A dependency is unavailable: wait for it, and do not count the attempt against the message.

    ``unanswered``: it said nothing at all, which a refusal of this one message looks like too.
    """

    def __init__(self, what: str, where: str, cause: str, *, unanswered: bool = False) -> None:
        super().__init__(f"{what} at {where} is not reachable: {cause}")
        self.what = what
        self.where = where
        self.unanswered = unanswered


class WrongSetting(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A setting that no waiting makes right: the process ends with one line for each, and an exit code of sysexits.h.

    EX_CONFIG for a value or credentials that are wrong, EX_NOPERM for a user who is known but may not do this.
    """

    def __init__(self, *lines: str, code: int = os.EX_CONFIG) -> None:
        self.lines = tuple(" ".join(line.split()) for line in lines)
        self.code = code
        super().__init__("\n".join(self.lines))
