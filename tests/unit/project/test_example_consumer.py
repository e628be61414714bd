"""The example of a consumer, tested as an author of one would: the whole way of a message, without a broker."""

from runpy import run_path

import pytest

from shared.settings import Settings
from tests.paths import ROOT
from wireroom.testing.factories import an_entity, an_extracted_article
from wireroom.testing.fake_broker import FakeJetStream, deliver, prepared

EXAMPLE = run_path(str(ROOT / "examples/watch_names.py"))


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        ("Marta Quillfeather", "Marta Quillfeather 2 times in New lock"),
        ("quillfeather", "Marta Quillfeather 2 times in New lock"),
        ("Nobody", ""),
    ],
)
async def test_a_watched_name_or_alias_is_reported_and_its_article_acknowledged(
    watched: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATCH", watched)
    service = prepared(EXAMPLE["app"](Settings()), FakeJetStream())
    entity = an_entity("Marta Quillfeather", count=2, aliases=("Quillfeather",))
    delivery = await deliver(service, an_extracted_article(title="New lock", entities=(entity,)))
    assert delivery.answers == ["ack"]
    assert capsys.readouterr().out.partition(" (")[0].strip() == said


async def test_what_is_no_article_becomes_a_dead_letter_with_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCH", "Nobody")
    js = FakeJetStream()
    delivery = await deliver(prepared(EXAMPLE["app"](Settings()), js), b"no json")
    [letter] = js.published
    assert (letter.subject, letter.data) == ("news.dead.watch-names.not_json", b"no json")
    assert delivery.answers == ["term"]
