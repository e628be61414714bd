"""``wireroom try``: what the pipeline would make of an article; nothing is published or stored."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.broker.stream_reader import fields
from shared.decoding import decode
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleIngested, ArticleSubmitted
from wireroom.cli import subject_arguments
from wireroom.cli.output import err, fail, json_line, out
from wireroom.cli.rendering import render, render_lines
from wireroom.publisher import submissions as intake

if TYPE_CHECKING:
    from services.extract.clean.cleaner import Cleaner

EX_PARTLY = 1
EX_DATA = 65
_BATCH = 16


def preview(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    source: Annotated[
        str, typer.Option(callback=subject_arguments.own_source, help="Source of articles that name none.")
    ] = "local",
    diff: Annotated[bool, typer.Option("--diff", help="Its lines in their order, those that go struck out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per article, in input order.")] = False,
) -> None:
    """Show what would become of articles: clean text, entities, and what is removed and why.

    What extract has learned of a source is not known here: that needs no broker.

    Examples: `wireroom try article.txt`, `wireroom try --diff page.html`, `wireroom try articles.jsonl --json`
    """
    from services.extract import configured  # noqa: PLC0415 - numpy
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    refused = 0
    cleaner = configured.cleaner(ExtractSettings())
    for submission, result in results(_read(paths, source), cleaner):
        refused += isinstance(result, Exception)
        if as_json:
            json_line(as_object(submission, result))
        elif isinstance(result, ArticleExtracted) and diff:
            _show_lines(submission, cleaner)
        elif isinstance(result, ArticleExtracted):
            render(result.model_dump(mode="json") | {"_id": result.id}, out, removed=True)
        else:
            err.print(f"{submission.origin}: would be dead-lettered: {describe(result)}")
    if not as_json:
        err.print("Nothing was published.")
    raise typer.Exit(EX_PARTLY if refused else 0)


def _read(paths: list[str], source: str) -> Iterator[intake.Submission]:
    try:
        yield from (read for read in intake.read(intake.find(paths), source=source) if not read.skipped)
    except intake.Unreadable as error:
        fail(EX_DATA, f"{error}.")


def _show_lines(submission: intake.Submission, cleaner: "Cleaner") -> None:
    raw = decode(submission.data, ArticleSubmitted)
    article = cleaner.clean(raw.body, raw.media_type, title=raw.title, source=raw.source)
    out.print(submission.origin, style="bold")
    render_lines(list(zip(article.line_numbers, article.paragraphs, strict=True)), article.removed, out)


def results(
    submissions: Iterable[intake.Submission], cleaner: "Cleaner"
) -> Iterator[tuple[intake.Submission, ArticleExtracted | Exception]]:
    """Run each submission through the services' own functions, in micro-batches, keeping the order."""
    from services.extract import tagging  # noqa: PLC0415 - loading spaCy takes a second
    from services.extract.extraction import extract_batch  # noqa: PLC0415
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    tagger = tagging.tagger(ExtractSettings())
    now = datetime.now(UTC)
    numbered = iter(enumerate(submissions, 1))
    while batch := list(islice(numbered, _BATCH)):
        ingested = [_ingested(submission, number, now) for number, submission in batch]
        good = [item for item in ingested if isinstance(item, ArticleIngested)]
        extracted = iter(extract_batch(good, cleaner, tagger))
        for (_, submission), item in zip(batch, ingested, strict=True):
            yield submission, next(extracted) if isinstance(item, ArticleIngested) else item


def _ingested(submission: intake.Submission, number: int, now: datetime) -> ArticleIngested | Rejected:
    from services.ingest.identity import ingested  # noqa: PLC0415

    if submission.refusal:
        return submission.refusal
    try:
        return ingested(decode(submission.data, ArticleSubmitted), version=number, received_at=now)
    except Rejected as rejection:
        return rejection


def as_object(submission: intake.Submission, result: ArticleExtracted | Exception) -> dict[str, Any]:
    """Return the JSON form: the extracted article, or why there is none with the same keys left empty."""
    if isinstance(result, ArticleExtracted):
        return {"v": 1, "origin": submission.origin, **result.model_dump(mode="json")}
    empty: dict[str, Any] = dict.fromkeys(("id", "title", "agency", "language"))
    lists: dict[str, Any] = {key: [] for key in ("paragraphs", "captions", "removed", "entities")}
    reason = result.reason if isinstance(result, Rejected) else "error"
    refused = {"reason": reason, "detail": str(result)}
    return {"v": 1, "origin": submission.origin, "guid": _guid(submission.data), **empty, **lists, "refused": refused}


def _guid(data: bytes) -> str | None:
    guid = fields(data).get("guid")
    return guid if isinstance(guid, str) else None


def describe(error: Exception) -> str:
    return f"{error.reason} ({error.detail})" if isinstance(error, Rejected) else f"{type(error).__name__}: {error}"
