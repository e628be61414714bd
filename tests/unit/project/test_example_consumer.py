"""The example of a consumer, tested as an author of one would: its handler, with messages of `wireroom.testing`."""

from runpy import run_path

import pytest

from shared.settings import Settings
from tests.paths import ROOT
from wireroom.testing.factories import a_delivery, an_entity, an_extracted_article

EXAMPLE = run_path(str(ROOT / "examples/watch_names.py"))


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        ("Marta Quillfeather", "Marta Quillfeather 2 times in New lock"),
        ("quillfeather", "Marta Quillfeather 2 times in New lock"),
        ("Nobody", ""),
    ],
)
async def test_a_watched_name_or_alias_is_reported(
    watched: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATCH", watched)
    entity = an_entity("Marta Quillfeather", count=2, aliases=("Quillfeather",))
    async with EXAMPLE["open_handler"](Settings()) as report:
        await report(an_extracted_article(title="New lock", entities=(entity,)), a_delivery())
    assert capsys.readouterr().out.partition(" (")[0].strip() == said
