"""Articles written for these tests, after real kinds of noise in eleven languages: each comes out exactly."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cleaning import CLEANER, clean
from tests.paths import ROOT
from tools.text_layouts import LAYOUTS, write

FOLDER = ROOT / "tests/articles"
LEFT_OUT = re.compile(r"\{.*?\}")


@dataclass(frozen=True)
class Written:
    """An article as scraped, and what has to come of it."""

    language: str
    raw: str
    blocks: tuple[str, ...]  # its lines, wrapped ones joined
    paragraphs: tuple[str, ...]
    fields: dict[str, Any]


def _written(language: str, fields: dict[str, Any]) -> Written:
    raw: list[str] = []
    blocks: list[str] = []
    paragraphs: list[str] = []
    for line in fields["body"].strip("\n").split("\n"):
        mark, text = line[:1], line[2:]
        raw.append(text.replace("{", "").replace("}", ""))
        if mark == "+":
            blocks[-1] += f" {raw[-1]}"
        elif raw[-1]:
            blocks.append(raw[-1])
        if mark == "|":
            paragraphs.append(LEFT_OUT.sub("", text))
        elif mark == "+":
            paragraphs[-1] += f" {text}"
    return Written(language, "\n".join(raw), tuple(blocks), tuple(paragraphs), fields)


def _all() -> Iterator[Written]:
    for file in sorted(FOLDER.glob("*.toml")):
        for fields in tomllib.loads(file.read_text(encoding="utf-8"))["article"]:
            yield _written(file.stem, fields)


ARTICLES = list(_all())
each_article = pytest.mark.parametrize(
    "written", ARTICLES, ids=lambda written: f"{written.language}-{written.fields['name']}"
)


def test_there_are_articles_in_eleven_languages() -> None:
    counts = Counter(written.language for written in ARTICLES)
    assert counts == dict.fromkeys(("de", "en", "es", "fr", "it", "nl", "pl", "pt"), 5) | {"ja": 2, "ko": 2, "zh": 2}


@each_article
def test_an_article_comes_out_exactly(written: Written) -> None:
    article = clean(written.raw, "text/plain", title=written.fields.get("title"))
    assert article.paragraphs == written.paragraphs
    assert [[caption.text, caption.credit] for caption in article.captions] == written.fields.get("captions", [])
    found = {name: getattr(article, name) for name in ("byline", "agency", "dateline")}
    assert found == {name: written.fields.get(name) for name in found}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_articles_come_out_exactly_in_every_layout(layout: str) -> None:
    for written in ARTICLES:
        body, _ = write(written.blocks, layout, seed=1)
        article = clean(body, "text/plain", title=written.fields.get("title"))
        assert article.paragraphs == written.paragraphs
        assert [[caption.text, caption.credit] for caption in article.captions] == written.fields.get("captions", [])


@each_article
def test_its_language_is_told(written: Written) -> None:
    found = CLEANER.languages.identify("\n\n".join(written.paragraphs), None)
    assert found.language == written.language
    assert found.confidence > 0.9
