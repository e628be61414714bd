"""The AsyncAPI 3.0 document of the pipeline: FastStream's, with the headers, examples and streams it cannot know."""

import json
from typing import cast

from faststream.specification import AsyncAPI

from shared.messages import MESSAGES, ArticleMatched, Message
from shared.runtime.run import load
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import PIPELINE, stream_of
from wireroom.contracts.message_facts import HEADERS, Json, examples


def asyncapi() -> Json:
    """Return the document; the release is left out, because contracts and releases change apart."""
    made = AsyncAPI(
        title="Wireroom",
        version="v1",
        description="Within v1 only optional fields are added; readers ignore fields they do not know.",
    )
    for name in PIPELINE:
        made.add_broker(load(name)(Settings()).brokers[0])
    of_the_desk = Broker("desk", Settings())
    of_the_desk.publisher(ArticleMatched)  # several for one article, so no handler returns it
    made.add_broker(of_the_desk)
    document = cast("Json", json.loads(made.to_specification().to_json()))
    del document["servers"]  # yours have other addresses
    for channel in document["channels"].values():
        del channel["servers"]
        _complete_channel(channel, next(each for each in MESSAGES if each.subject_pattern == channel["address"]))
    for message in document["components"]["messages"].values():
        name = message["payload"]["$ref"].rpartition("/")[2]
        _complete_message(message, next(each for each in MESSAGES if each.__name__ == name))
    document["components"]["messageTraits"] = {"cloudEvent": {"headers": _headers()}}
    return document


def _complete_channel(channel: Json, model: type[Message]) -> None:
    channel["x-stream"] = stream_of(model)
    names = [part[1:-1] for part in model.subject_pattern.split(".") if part.startswith("{")]
    if names:
        channel["parameters"] = {name: {"location": f"$message.payload#/{name}"} for name in names}


def _complete_message(message: Json, model: type[Message]) -> None:
    del message["correlationId"]  # FastStream's own header, which is not sent: traceparent is
    message["summary"] = model.__doc__
    message["examples"] = [{"name": name, "payload": payload} for name, payload in examples(model)]
    if model.event != "submitted":  # a publisher may send the body alone
        message["traits"] = [{"$ref": "#/components/messageTraits/cloudEvent"}]


def _headers() -> Json:
    return {"type": "object", "properties": {k: {"type": "string", "description": v} for k, v in HEADERS.items()}}
