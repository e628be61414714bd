"""Written cases of names: texts with what a model would report, and the entities that have to come of it."""

import re
import tomllib
from typing import Any

import pytest

from services.extract.entities import entities_in
from services.extract.entities.spans import Span
from tests.paths import ROOT

CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted((ROOT / "tests/entities").glob("*.toml"))
    for case in tomllib.loads(file.read_text("utf-8"))["case"]
]
_MARK = re.compile(r"\[([^\[\]]+)\]\(([A-Z_]+)\)")


def unmarked(marked: str) -> tuple[str, list[Span]]:
    """Return the text without its marks, and where they were."""
    text, spans, position = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[position : mark.start()]
        spans.append(Span(len(text), len(text) + len(mark[1]), mark[2]))
        text += mark[1]
        position = mark.end()
    return text + marked[position:], spans


@pytest.mark.parametrize("case", CASES)
def test_names_become_the_entities_that_were_written_down(case: dict[str, Any]) -> None:
    text, spans = unmarked(case["text"])
    tagged = entities_in(text, spans)
    found = [
        f"{entity.label} {entity.name}: {', '.join(mention.text for mention in entity.mentions)}"
        for entity in sorted(tagged.entities, key=lambda entity: entity.mentions[0].start)
    ]
    assert found == case["entities"]
    assert [f"{one.rule}: {one.text}" for one in tagged.dropped] == case.get("dropped", [])
    assert all(text[m.start : m.end] == m.text for entity in tagged.entities for m in entity.mentions)


def test_there_are_sixty_cases_or_more() -> None:
    assert len(CASES) >= 60
