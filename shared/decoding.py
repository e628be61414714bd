"""Bytes to a message, or the reason why not. The same rules at the door, in every service and in the command line."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.chunked_models import validated
from shared.errors import Reason, Rejected
from shared.json_shape import FLAT, NESTED, check_shape
from shared.messages import MAX_BODY_BYTES, ArticleExtracted, Message

M = TypeVar("M", bound=Message)
_NAMED = 3  # problems named in a detail: enough to act on, short enough for a table
_MOST_NAMED = 1000  # problems; more are only counted, because each costs as much as a small message
_LONGEST_TYPO = 40  # characters; a longer key is no slip in one of ours, and to compare it takes the square of it
_SHOWN = 80  # characters of what a publisher sent, in a detail
_OUR_MAJOR = "1"
_MAJOR = re.compile(r"\bnews\.v(\d+)\.")
_BEGINNING = 1000  # characters of a body that show whether it is text
_NO_TEXT = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\ufffd]")  # control characters but white space and escape, and U+FFFD
_MOST_NO_TEXT = 0.1  # of the beginning; a wrongly decoded letter here and there is left to the reader


def decode(data: bytes, model: type[M], headers: Mapping[str, str] | None = None) -> M:
    """Parse a message; raises Rejected with a reason from the closed set and a detail that names the field."""
    _check_major(headers or {})
    if not data.strip():
        raise Rejected(Reason.EMPTY_BODY, "the message has no body")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Rejected(Reason.NOT_UTF8, f"byte {error.start} is not UTF-8: {error.reason}") from None
    check_shape(data, NESTED if model is ArticleExtracted else FLAT)
    try:
        message = validated(data, model)
    except ValidationError as error:
        raise _rejection(error, model.model_fields) from None
    if model.model_config.get("extra") == "forbid":  # from a publisher: parsers disagree on which of two values counts
        _check_keys(data)
    _check_body(message)
    return message


def check_fields(fields: Mapping[str, Any], model: type[Message]) -> None:
    """Raise Rejected where `decode` would, for fields that a reader of ours made and whose JSON nobody else wrote."""
    try:
        message = model.model_validate(fields)
    except ValidationError as error:
        raise _rejection(error, model.model_fields) from None
    _check_body(message)


def _check_major(headers: Mapping[str, str]) -> None:
    """Refuse what says to be of another major version, whose fields may mean other things under the same names."""
    for name in ("ce-type", "ce-dataschema"):
        given = headers.get(name, "")
        if any(major != _OUR_MAJOR for major in _MAJOR.findall(given)):
            raise Rejected(Reason.SCHEMA_UNSUPPORTED, f"{name} is {given[:80]!r}; only v{_OUR_MAJOR} is read here")


def _check_keys(data: bytes) -> None:
    try:
        json.loads(data, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise Rejected(Reason.NOT_JSON, f"parsers disagree on it: {str(error)[:_SHOWN]}") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> None:
    for key, count in Counter(key for key, _ in pairs).most_common(1):
        if count > 1:
            raise Rejected(Reason.SCHEMA, f"{key[:_SHOWN]}: given {count} times")


def _rejection(error: ValidationError, known: Iterable[str]) -> Rejected:
    if (count := error.error_count()) > _MOST_NAMED:
        return Rejected(Reason.SCHEMA, f"{count} problems, too many to name")
    problems = error.errors(include_url=False, include_context=False)
    kinds = {problem["type"] for problem in problems}
    if "json_invalid" in kinds:
        return Rejected(Reason.NOT_JSON, problems[0]["msg"])
    named = "; ".join(f"{_place(problem)}: {problem['msg']}" for problem in problems[:_NAMED])
    if "extra_forbidden" in kinds:
        return Rejected(Reason.UNKNOWN_FIELD, named + _meant(problems, known))
    for problem in problems:
        if problem["loc"] == ("media_type",) and problem["type"] != "missing":
            return Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, f"{named}, got {_shown(problem['input'])}")
    return Rejected(Reason.SCHEMA, named)


def _shown(value: object) -> str:
    return repr(value[:_SHOWN] if isinstance(value, str) else value)[:_SHOWN]


def _place(problem: ErrorDetails) -> str:
    return ".".join(map(str, problem["loc"]))[:_SHOWN] or "message"


def _meant(problems: Iterable[ErrorDetails], known: Iterable[str]) -> str:
    """Name the field a publisher may have meant by one we do not know."""
    unknown = next(str(problem["loc"][-1]) for problem in problems if problem["type"] == "extra_forbidden")
    near = get_close_matches(unknown, known, 1) if len(unknown) <= _LONGEST_TYPO else []
    return f"; did you mean {near[0]}?" if near else ""


def _check_body(message: Message) -> None:
    body = getattr(message, "body", None)
    if body is None:
        return
    if not body.strip():
        raise Rejected(Reason.EMPTY_BODY, "field body is empty")
    size = len(body.encode("utf-8", "surrogatepass"))
    if size > MAX_BODY_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"field body has {size} bytes, at most {MAX_BODY_BYTES} are taken")
    if body.startswith("%PDF-") or len(_NO_TEXT.findall(body[:_BEGINNING])) > _MOST_NO_TEXT * len(body[:_BEGINNING]):
        raise Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, "field body is the bytes of a file that is neither text nor HTML")
