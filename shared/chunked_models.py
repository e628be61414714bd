"""Builds a large message in parts: one call that makes a hundred thousand objects keeps Python's lock all the while."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic_core import from_json

M = TypeVar("M", bound=BaseModel)
_LARGE = 128 * 1024  # bytes; a smaller message is made in some milliseconds
_PART = 500  # elements that are made in one call


def validated(data: bytes, model: type[M]) -> M:
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


def _built(model: type[M], value: Mapping[str, Any]) -> M:
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
