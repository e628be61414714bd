"""Decodes and validates messages; the same rules in every service and in the command line.

What a message costs to parse is told by a few passes over its bytes before it is parsed: a parser makes an object of
each value and an error of each that is wrong, so four megabytes of short values take ten seconds, four megabytes of
text a few milliseconds. A large message is built in parts, because one call that makes a hundred thousand objects
holds Python's global interpreter lock for all that time.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, ArticleExtracted, Message

M = TypeVar("M", bound=Message)
B = TypeVar("B", bound=BaseModel)
_NAMED = 3  # problems named in a detail: enough to act on, short enough for a table
_MOST_NAMED = 1000  # problems; more are only counted, because each costs as much as a small message
_LONGEST_TYPO = 40  # characters; a longer key is no slip in one of ours, and to compare it takes the square of it
_SHOWN = 80  # characters of what a publisher sent, in a detail
_OUR_MAJOR = "1"
_MAJOR = re.compile(r"\bnews\.v(\d+)\.")
_BEGINNING = 1000  # characters of a body that show whether it is text
_NO_TEXT = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\ufffd]")  # control characters but white space and escape, and U+FFFD
_MOST_NO_TEXT = 0.1  # of the beginning; a wrongly decoded letter here and there is left to the reader
_DEEPEST = 200  # what pydantic's parser takes; a message of ours has five levels
_LOOKED_AT = 64 * 1024  # bytes from the beginning
_BRACKETS = re.compile(rb"[^\[\]{}]+")
_BEGIN = 100  # bytes; who puts more space in front has it counted
_COSTLY = frozenset({b"{", b"[", b""})
_LARGE = 128 * 1024  # bytes; a smaller message is made in some milliseconds
_PART = 500  # elements that are made in one call


def decode(data: bytes, model: type[M], headers: Mapping[str, str] | None = None) -> M:
    """Parse a message; raises Rejected with a reason from the closed set and a detail that names the field."""
    _check_major(headers or {})
    if not data.strip():
        raise Rejected(Reason.EMPTY_BODY, "the message has no body")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Rejected(Reason.NOT_UTF8, f"byte {error.start} is not UTF-8: {error.reason}") from None
    check_shape(data, NESTED if model is ArticleExtracted else FLAT)
    try:
        message = validated(data, model)
    except ValidationError as error:
        raise _rejection(error, model.model_fields) from None
    if model.model_config.get("extra") == "forbid":  # from a publisher: parsers disagree on which of two values counts
        _check_keys(text)
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


def _check_keys(text: str) -> None:
    try:
        _EACH_KEY_ONCE.decode(text)
    except (ValueError, RecursionError) as error:
        raise Rejected(Reason.NOT_JSON, f"parsers disagree on it: {str(error)[:_SHOWN]}") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        [(key, count)] = Counter(key for key, _ in pairs).most_common(1)
        raise Rejected(Reason.SCHEMA, f"{key[:_SHOWN]}: given {count} times")


_EACH_KEY_ONCE = json.JSONDecoder(object_pairs_hook=_each_key_once)


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


class Shape(NamedTuple):
    """How many strings a message may have, keys among them, and how many bytes that are in none."""

    strings: int
    structure: int


FLAT = Shape(strings=2_000, structure=16_384)  # a submission has ten fields and at most a hundred tags
NESTED = Shape(strings=150_000, structure=1_000_000)  # names of some 10,000 different things, each with its place


def check_shape(data: bytes, most: Shape) -> None:
    """Refuse what has more strings, or more beside strings; what is no JSON may pass, a parser sees that at once."""
    begin = data[:_BEGIN].lstrip()[:1]
    if len(data) <= most.strings or begin not in _COSTLY:
        return
    if begin == b"[":
        raise Rejected(Reason.NOT_JSON, f"the message is {len(data)} bytes that begin with [, and no object")
    check_counts(data, most)


def check_counts(data: bytes, most: Shape) -> None:
    """Refuse what has more strings or more beside strings, whatever it begins with, or is too deep."""
    bare = data
    if b"\\" in bare:
        bare = bare.replace(b"\\\\", b"").replace(b'\\"', b"")  # in this order what is left escapes no quote
    _check_depth(bare)
    strings = (bare.count(b'"') + 1) // 2
    if strings > most.strings:
        raise Rejected(Reason.TOO_LARGE, f"the message has {strings} keys and texts, at most {most.strings} are taken")
    structure = sum(map(len, bare.split(b'"')[::2]))
    if structure > most.structure:
        detail = f"the message has {structure} bytes outside of texts, at most {most.structure} are taken"
        raise Rejected(Reason.TOO_LARGE, detail)


def _check_depth(bare: bytes) -> None:
    """Name it as the parser would: what begins with so many levels is no JSON to it, however large it is."""
    brackets = _BRACKETS.sub(b"", b"".join(bare[:_LOOKED_AT].split(b'"')[::2]))
    if max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0) > _DEEPEST:
        raise Rejected(Reason.NOT_JSON, f"it is nested more than {_DEEPEST} levels deep")


def validated(data: bytes, model: type[B]) -> B:
    """Return what ``model_validate_json`` returns; raises ValidationError, with places counted from a part's begin."""
    if len(data) < _LARGE:
        return model.model_validate_json(data)
    try:
        value = from_json(data)
    except ValueError:
        value = None  # for the error that tells where it is no JSON
    if not isinstance(value, dict):
        return model.model_validate_json(data)
    if model.model_config.get("extra") == "ignore":
        value = {name: value[name] for name in model.model_fields if name in value}
    return _built(model, value)


def _built(model: type[B], value: Mapping[str, Any]) -> B:
    long = {name: items for name, items in value.items() if name in model.model_fields and _is_long(items)}
    made = model.model_validate({**value, **dict.fromkeys(long, ())})
    return made.model_copy(update={name: tuple(_items(model, name, items)) for name, items in long.items()})


def _is_long(value: object) -> bool:
    """Tell whether a value is a list of many elements, or of elements that have many."""
    return isinstance(value, list) and (len(value) > _PART or sum(map(_weight, value)) > _PART)


def _weight(item: object) -> int:
    """Return how many objects are made of an element."""
    if not isinstance(item, dict):
        return 1
    return 1 + sum([len(inner) for inner in item.values() if isinstance(inner, list)])


def _items(model: type[BaseModel], name: str, items: list[Any]) -> Iterator[Any]:
    adapter, of_one = _types(model, name)
    for part in _parts(items) if of_one else _slices(items):
        if of_one and len(part) == 1 and isinstance(part[0], dict):
            yield _built(of_one, part[0])
        else:
            yield from adapter.validate_python(part)


def _slices(items: list[Any]) -> Iterator[list[Any]]:
    return (items[start : start + _PART] for start in range(0, len(items), _PART))


def _parts(items: list[Any]) -> Iterator[list[Any]]:
    """Yield the elements in lists that weigh so much at most; a heavier one alone."""
    part: list[Any] = []
    total = 0
    for item in items:
        weight = _weight(item)
        if part and total + weight > _PART:
            yield part
            part, total = [], 0
        part.append(item)
        total += weight
    yield part


@lru_cache(64)
def _types(model: type[BaseModel], name: str) -> tuple[TypeAdapter[Any], type[BaseModel] | None]:
    """Return what makes a field of a list, and the model of its elements if they have one."""
    annotation: Any = model.model_fields[name].annotation
    first, *_ = get_args(annotation) or (None,)
    is_model = isinstance(first, type) and issubclass(first, BaseModel)
    return TypeAdapter(annotation), first if is_model else None
