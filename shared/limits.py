"""How long and how much the streams and buckets keep: settings, applied by ``wireroom setup``.

Bytes must hold the age at the site's own rate: a full stream refuses its publishers before anything is old.
"""

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.settings import EnvironmentSettings

HOUR = 3600.0
DAY = 24 * HOUR
MB = 1024**2
GB = 1024**3

_UNITS = {"s": 1.0, "m": 60.0, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SIZES = {"": 1, "K": 1024, "M": MB, "G": GB, "T": 1024 * GB}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def _age(value: Any) -> Any:  # noqa: ANN401 - what pydantic gives a validator
    if not isinstance(value, str):
        return value
    if found := _AGE.fullmatch(value.strip()):
        return float(found[1]) * _UNITS[found[2]]
    raise ValueError(f"{value!r} is no age such as 12h, 7d or 4w")


def _size(value: Any) -> Any:  # noqa: ANN401 - what pydantic gives a validator
    if not isinstance(value, str):
        return value
    if found := _SIZE.fullmatch(value.strip()):
        return round(float(found[1]) * _SIZES[found[2].upper()])
    raise ValueError(f"{value!r} is no size such as 512MB or 4GB")


# at least the duplicate window of the streams, which JetStream holds to their age
Age = Annotated[float, BeforeValidator(_age), Field(ge=HOUR, le=3650 * DAY)]
StreamBytes = Annotated[int, BeforeValidator(_size), Field(ge=16 * MB, le=1024**5)]  # some messages of the largest size
BucketBytes = Annotated[int, BeforeValidator(_size), Field(ge=MB, le=1024**5)]


class Limits(EnvironmentSettings):
    """Ages in seconds, sizes in bytes; as settings also `7d` and `4GB`, with a KB of 1024 bytes."""

    inbox_bytes: StreamBytes = 2 * GB  # what publishers can be ahead of ingest
    raw_age: Age = 7 * DAY  # for how long articles can be replayed
    raw_bytes: StreamBytes = 4 * GB
    news_age: Age = 7 * DAY  # a consumer may be down for so long
    news_bytes: StreamBytes = 4 * GB
    dead_age: Age = 30 * DAY  # for how long a dead letter can be mended
    dead_bytes: StreamBytes = 2 * GB
    advisories_age: Age = 30 * DAY
    advisories_bytes: StreamBytes = GB // 16
    suspects_age: Age = 30 * DAY
    suspects_bytes: BucketBytes = GB // 64
    withdrawn_bytes: BucketBytes = GB // 64  # some 60,000 tombstones, which have no age
    letters_age: Age = 30 * DAY
    letters_bytes: BucketBytes = GB // 8
    furniture_bytes: BucketBytes = GB // 4
    feeds_bytes: BucketBytes = GB // 16  # some 30,000 feeds
    feed_entries_bytes: BucketBytes = GB // 4  # 12 bytes for each entry that a feed has, or 1,000 for each feed

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.news_age < self.raw_age:
            raise ValueError(
                "WIREROOM_NEWS_AGE is below WIREROOM_RAW_AGE: `wireroom audit` holds raw articles against what was "
                "announced of them, so announcements are kept at least as long"
            )
        if self.letters_age < self.dead_age:
            raise ValueError(
                "WIREROOM_LETTERS_AGE is below WIREROOM_DEAD_AGE: a replayed dead letter would count as open again"
            )
        return self


DEFAULTS = Limits.model_construct()


def age_text(seconds: float) -> str:
    """Return an age as it is written in settings: the largest unit that says it exactly."""
    if not seconds:
        return "none"
    unit = next((unit for unit in "dhm" if seconds % _UNITS[unit] == 0), "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"


def size_text(size: int) -> str:
    """Return a size as it is written in settings."""
    unit = next((unit for unit in "TGMK" if size >= _SIZES[unit]), "")
    return f"{size / _SIZES[unit]:.4g}{unit}B"
