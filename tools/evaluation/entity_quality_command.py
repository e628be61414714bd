"""``python -m tools.evaluation entities``: how right the names are on a pack of articles whose names are known."""

import lzma
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tools.evaluation.clean_quality import records_of
from tools.evaluation.entity_packs import Article, article_of
from tools.evaluation.entity_scores import Comparison
from wireroom.cli.output import fail, json_line, table

if TYPE_CHECKING:
    from services.extract.entities.ner.pipeline import Pipeline

EX_DATA = 65
EX_CONFIG = 78
_AT_ONCE = 16
_PER_CENT = 100


def bench_entities(
    pack: Annotated[Path, typer.Argument(help="JSON Lines, .xz or plain; its format stands in docs/quality.md.")],
    language: Annotated[str, typer.Option(help="Of all its articles.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per row.")] = False,
) -> None:
    """Measure mentions and groups of names beside those of the bare model, in the same run.

    Examples: `python -m tools.evaluation entities names.jsonl.xz`,
    `python -m tools.evaluation entities names.jsonl --language fr --json`
    """
    from services.extract.entities import ModelUnavailable  # noqa: PLC0415 - spaCy takes a second
    from services.extract.entities.ner.pipeline import Pipeline  # noqa: PLC0415
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    try:
        articles = [article_of(record) for record in records_of(pack)]
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        fail(EX_DATA, f"{pack} is no pack of names: {type(error).__name__}: {error}.")
    model = ExtractSettings().models.get(language)
    if not articles or model is None:
        fail(EX_DATA, f"{pack} has no articles." if model else f"no model is set for {language!r}.")
    try:
        pipeline = Pipeline(model, language)
    except ModelUnavailable as error:
        fail(EX_CONFIG, f"{error}.")
    rows = [{"method": name, **asdict(found)} for name, found in _measure(articles, pipeline).items()]
    if as_json:
        for row in rows:
            json_line({"v": 1, "articles": len(articles), **row})
        return
    columns = tuple(name.replace("_", " ") for name in rows[0])
    table(columns, [[_cell(value) for value in row.values()] for row in rows], numbers=columns[1:])


def _cell(value: object) -> str:
    return f"{value * _PER_CENT:.1f}" if isinstance(value, float) else "" if value is None else str(value)


def _measure(articles: list[Article], pipeline: "Pipeline") -> Mapping[str, Any]:
    from tools.evaluation.merge_scores import Tally  # noqa: PLC0415 - spaCy takes a second

    tally = Tally()
    for batch in _batches(articles):
        for article, found in zip(batch, pipeline.find([one.text for one in batch]), strict=True):
            tally.add(article, found)
    compared: Mapping[str, Comparison] = tally.compared()
    return compared


def _batches(articles: list[Article]) -> Iterator[list[Article]]:
    return (articles[start : start + _AT_ONCE] for start in range(0, len(articles), _AT_ONCE))
