"""What both documents say of a message: its headers, its stream, its committed examples."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from shared.messages import Message

Json = dict[str, Any]

HEADERS: Mapping[str, str] = {
    "ce-specversion": "Always 1.0.",
    "ce-id": "Identifies this event; the same when it is published again.",
    "ce-source": "The service that published it, such as /wireroom/extract.",
    "ce-type": "The event and its version, such as news.v1.extracted.",
    "ce-time": "When it was published, RFC 3339.",
    "ce-dataschema": "Names the schema of the body.",
    "traceparent": "W3C trace context; it stays the same from the submission to the stored article.",
    "content-type": "Always application/json.",
}


def examples(model: type[Message]) -> Iterator[tuple[str, Json]]:
    """Yield the committed examples of a message by name, such as ``extracted-minimal``."""
    folder = files("shared").joinpath("examples/v1")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.startswith(f"{model.event}-"):
            yield file.name.removesuffix(".json"), json.loads(file.read_text("utf-8"))
