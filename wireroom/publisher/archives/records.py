"""A record of an archive: the fields of a submission, or why there is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.errors import Rejected
from shared.messages import MAX_BODY_BYTES
from shared.topology import MAX_MESSAGE_BYTES
from wireroom.publisher.json_stream import lines

MOST_TEXT = 4 * MAX_BODY_BYTES  # bytes of a text: UTF-32 takes four bytes where UTF-8 takes one
MOST_JSON = 4 * MAX_MESSAGE_BYTES  # bytes of one article as JSON: escapes may take more than what is sent


class Skipped(StrEnum):
    """Why a record of an archive is no article. Closed: these are counted, and told beside the reasons of refusals."""

    NOT_RESPONSE = "not_response"  # a WARC record of another kind: request, metadata, warcinfo
    REVISIT = "revisit"  # the page was the same as at an earlier visit, and is not repeated in the archive
    STATUS = "status"  # an HTTP status other than 200
    NOT_HTML = "not_html"
    NOT_TEXT = "not_text"  # a member of a zip file that is neither text nor HTML nor JSON
    TRUNCATED = "truncated"  # the archive holds only the beginning of the page


class BrokenArchive(Exception):  # noqa: N818 - what it is, to whoever catches it
    """An archive that cannot be read further, or not at all: says why."""


@dataclass(frozen=True)
class Record:
    """``number``: line, element or row from 1, in a WARC file the offset in bytes; None: the whole file.

    ``fields`` are those of ``ArticleSubmitted``, as far as the record has them.
    """

    number: int | None
    fields: Mapping[str, Any] | None = None
    refusal: Rejected | None = None
    skipped: Skipped | None = None


def lines_of(chunks: Iterator[bytes], most: int) -> Iterator[bytes | None]:
    """Yield the lines with line feeds, and None for each that is longer than ``most`` bytes."""
    for found in lines(chunks, most):
        yield None if found.refusal else found.data + b"\n"
