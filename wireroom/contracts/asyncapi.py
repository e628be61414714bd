"""The AsyncAPI 3.0 document: channels, messages and schemas for generators and catalogues."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.messages import MESSAGES, Message
from wireroom.contracts.message_facts import HEADERS, Json, examples, stream_of


def asyncapi() -> Json:
    """Return the document; the release is left out, because contracts and releases change apart."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in MESSAGES]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wireroom",
            "version": "v1",
            "description": "Within v1 only optional fields are added; readers ignore fields they do not know.",
        },
        "defaultContentType": "application/json",
        "channels": {model.event: _channel(model) for model in MESSAGES},
        "operations": {model.event: _operation(model) for model in MESSAGES},
        "components": {
            "messages": {model.__name__: _message(model) for model in MESSAGES},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
            "schemas": schemas["$defs"],
        },
    }


def _channel(model: type[Message]) -> Json:
    channel: Json = {
        "address": model.subject_pattern,
        "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"}},
        "x-stream": stream_of(model),
    }
    names = [part[1:-1] for part in model.subject_pattern.split(".") if part.startswith("{")]
    if names:
        channel["parameters"] = {name: {"location": f"$message.payload#/{name}"} for name in names}
    return channel


def _operation(model: type[Message]) -> Json:
    return {
        "action": "receive" if model.event == "submitted" else "send",  # as seen by the application, which is ours
        "channel": {"$ref": f"#/channels/{model.event}"},
        "messages": [{"$ref": f"#/channels/{model.event}/messages/{model.__name__}"}],
    }


def _message(model: type[Message]) -> Json:
    message: dict[str, Any] = {
        "summary": model.__doc__,
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "examples": [{"name": name, "payload": payload} for name, payload in examples(model)],
    }
    if model.event != "submitted":  # a publisher may send the body alone
        message["traits"] = [{"$ref": "#/components/messageTraits/cloudEvent"}]
    return message


def _headers() -> Json:
    return {"type": "object", "properties": {k: {"type": "string", "description": v} for k, v in HEADERS.items()}}
