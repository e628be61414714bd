"""Old messages stay readable, and the documents say what the code does. An example is never edited, only added to."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.server import HTTPServer
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import unquote

import httpx
import jsonschema
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from shared.messages import MESSAGES, ArticleExtracted, ArticleSubmitted, Identity, Message
from tests.paths import ROOT
from wireroom.contracts.asyncapi import asyncapi
from wireroom.contracts.generated_documents import documents
from wireroom.contracts.message_facts import examples

EXAMPLES = [(model, name, payload) for model in MESSAGES for name, payload in examples(model)]
each_example = pytest.mark.parametrize(("model", "name", "payload"), EXAMPLES, ids=[name for _, name, _ in EXAMPLES])


def test_every_committed_example_belongs_to_a_message() -> None:
    names = {file.stem for file in (ROOT / "shared/examples/v1").iterdir()}
    assert names == {name for _, name, _ in EXAMPLES}


@each_example
def test_a_committed_example_is_read_and_nothing_in_it_is_lost(
    model: type[Message], name: str, payload: dict[str, Any]
) -> None:
    read = model.model_validate_json(json.dumps(payload)).model_dump(mode="json", exclude_unset=True)
    assert _with_moments(read) == _with_moments(payload), name


def _with_moments(payload: dict[str, Any]) -> dict[str, Any]:
    return {k: datetime.fromisoformat(v) if k.endswith("_at") and v else v for k, v in payload.items()}


@each_example
def test_a_committed_example_satisfies_the_published_schema(
    model: type[Message], name: str, payload: dict[str, Any]
) -> None:
    document = asyncapi()
    schema = {"$ref": f"#/components/schemas/{model.__name__}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(payload)
    messages = [each for each in document["components"]["messages"].values() if _payload(each) == model.__name__]
    assert messages
    assert all(name in {example["name"] for example in message["examples"]} for message in messages)


def _payload(message: dict[str, Any]) -> str:
    return str(message["payload"]["$ref"].rpartition("/")[2])


@pytest.mark.parametrize("model", MESSAGES, ids=lambda model: model.event)
def test_the_schema_that_faststream_writes_is_the_models_own(model: type[Message]) -> None:
    schemas = asyncapi()["components"]["schemas"]
    own = model.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = own.pop("$defs", {})
    assert schemas[model.__name__] == own
    assert {name: schemas[name] for name in parts} == parts


def test_every_message_travels_on_a_channel_of_the_document_and_every_reference_leads_somewhere() -> None:
    document = asyncapi()
    assert {channel["address"] for channel in document["channels"].values()} == {m.subject_pattern for m in MESSAGES}
    references = set(re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(document)))
    assert references
    for reference in references:
        found: Any = document
        for step in reference.split("/"):
            found = found[unquote(step).replace("~1", "/").replace("~0", "~")]


@pytest.mark.parametrize("model", MESSAGES, ids=lambda model: model.event)
def test_some_example_shows_every_field(model: type[Message]) -> None:
    shown = {field for _, payload in examples(model) for field in payload}
    assert shown == set(model.model_fields)


@pytest.mark.parametrize("name", documents())
def test_the_generated_documents_are_up_to_date(name: str) -> None:
    committed = (ROOT / "docs" / name).read_text("utf-8")
    assert committed == documents()[name], "run `make contracts` and commit what it writes"


def test_faststreams_command_renders_every_channel_of_the_committed_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `faststream docs serve docs/asyncapi.json` does in a browser, which reads the document in the page."""
    pages = []

    def serve_once(server: HTTPServer) -> None:
        with ThreadPoolExecutor() as browser:
            asked = browser.submit(page_of, server.server_port)
            server.timeout = 10  # seconds
            server.handle_request()
            pages.append(asked.result())
        server.server_close()

    def page_of(port: int) -> str:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=10, trust_env=False).text

    monkeypatch.setattr(HTTPServer, "serve_forever", serve_once)
    monkeypatch.chdir(ROOT)
    [command] = entry_points(group="console_scripts", name="faststream")
    options = ["--host", "127.0.0.1", "--port", "0"]
    done = CliRunner().invoke(command.load(), ["docs", "serve", "docs/asyncapi.json", *options])
    assert done.exit_code == 0, done.output
    (page,) = pages
    committed = json.loads((ROOT / "docs/asyncapi.json").read_text("utf-8"))
    given, _ = json.JSONDecoder().raw_decode(page, page.index('{"schema"'))  # to the viewer in the browser
    shown = json.loads(given["schema"])
    assert shown["channels"].keys() == committed["channels"].keys()
    assert shown["operations"].keys() == committed["operations"].keys()
    assert shown["components"]["schemas"] == committed["components"]["schemas"]


def test_mentions_in_the_examples_stand_where_they_say() -> None:
    for _, payload in examples(ArticleExtracted):
        article = ArticleExtracted.model_validate(payload)
        for entity in article.entities:
            assert [article.text[m.start : m.end] for m in entity.mentions] == [m.text for m in entity.mentions]


@pytest.mark.parametrize("model", MESSAGES[1:], ids=lambda model: model.event)
def test_readers_ignore_fields_that_a_later_release_adds(model: type[Message]) -> None:
    _, payload = next(examples(model))
    assert model.model_validate(payload | {"added_later": 1}) == model.model_validate(payload)


def test_a_submission_refuses_a_field_it_does_not_know() -> None:
    _, payload = next(examples(ArticleSubmitted))
    with pytest.raises(ValidationError, match="publishd_at"):
        ArticleSubmitted.model_validate(payload | {"publishd_at": "2026-03-01T09:30:00Z"})


@pytest.mark.parametrize("model", MESSAGES, ids=lambda model: model.event)
def test_messages_are_facts_that_nobody_edits(model: type[Message]) -> None:
    message = model.model_validate(next(examples(model))[1])
    with pytest.raises(ValidationError, match="frozen"):
        message.source = "other"  # type: ignore[attr-defined] # every message has one


@pytest.mark.parametrize("model", MESSAGES, ids=lambda model: model.event)
def test_the_subject_is_made_of_the_messages_own_values(model: type[Message]) -> None:
    message = model.model_validate(next(examples(model))[1])
    assert message.subject.startswith(f"news.v1.{model.event}")
    assert "{" not in message.subject
    if issubclass(model, Identity):
        assert message.subject.endswith("harbour-locks" if model.event == "matched" else "harbour-gazette")
