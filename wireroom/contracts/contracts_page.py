"""The contracts page: subjects, fields and one example of each message, for people."""

import json
from collections.abc import Iterable, Iterator

from shared.messages import MESSAGES, Caption, Entity, Mention, Message, Pipeline, Removed, Value
from shared.topology import stream_of
from wireroom.contracts.message_facts import HEADERS, Json, examples

_PARTS: tuple[type[Value], ...] = (Entity, Mention, Caption, Removed, Pipeline)
_INTRO = """\
# Contracts

Made by `make contracts` from `shared/messages.py`; machines read [asyncapi.json](asyncapi.json).
Within `v1` only optional fields are added, so ignore fields you do not know.
Bodies are JSON, and every message but a submission carries CloudEvents headers:
"""


def page() -> str:
    """Return the page as Markdown."""
    lines = [_INTRO, *_table(("header", "meaning"), ((f"`{name}`", meaning) for name, meaning in HEADERS.items()))]
    for model in MESSAGES:
        lines += _message(model)
    lines += ["", "## Parts of messages"]
    for part in _PARTS:
        lines += ["", f"### {part.__name__}", "", _doc(part), "", *_fields(part)]
    return "\n".join(lines) + "\n"


def _message(model: type[Message]) -> Iterator[str]:
    yield from ("", f"## {model.__name__}", "", _doc(model), "")
    yield from (f"Subject `{model.subject_pattern}`, stream `{stream_of(model)}`.", "")
    yield from _fields(model)
    name, payload = next(examples(model))
    yield from ("", f"Example (`shared/examples/v1/{name}.json`):", "", "```json")
    yield from (json.dumps(payload, indent=2, ensure_ascii=False), "```")


def _doc(model: type[Value]) -> str:
    return (model.__doc__ or "").replace("``", "`")


def _fields(model: type[Value]) -> Iterator[str]:
    schema = model.model_json_schema(ref_template="{model}")
    required = schema.get("required", [])
    rows = (
        (f"`{name}`", _kind(field), "yes" if name in required else "", field.get("description", ""))
        for name, field in schema["properties"].items()
    )
    yield from _table(("field", "type", "required", "meaning"), rows)


def _kind(field: Json) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(option) for option in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "$ref" in field:
        return f"[{field['$ref']}](#{field['$ref'].lower()})"
    if field["type"] == "array":
        return f"list of {_kind(field['items'])}"
    return str(field.get("format", field["type"]))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(head)
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
