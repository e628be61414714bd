"""``python -m tools.evaluation clean``: the quality and speed of cleaning on a pack of articles with known text."""

import gc
import json
import logging
import lzma
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any
from zlib import crc32

import typer

from services.extract.clean.cleaner import Cleaner, load
from shared.errors import Rejected
from tools.evaluation.text_scores import Heading, Score, heading, score, summary
from tools.text_layouts import AS_IT_IS, LAYOUTS, write
from wireroom.cli.output import err, fail, json_line, table

EX_USAGE, EX_DATA = 64, 65
Method = Callable[[str], list[str]]
_BARE = "bare trafilatura"
_TEXTS = ("raw_text", "full_text")
_FIELDS = ("html", *_TEXTS)


def bench_clean(
    pack: Annotated[Path, typer.Argument(help="JSON Lines, .xz or plain; its format stands in docs/quality.md.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per row.")] = False,
    layout: Annotated[str, typer.Option(help=f"Of plain texts: {', '.join(LAYOUTS)}.")] = AS_IT_IS,
) -> None:
    """Measure cleaning on a pack, beside doing nothing or, for HTML, trafilatura where it is installed.

    Examples: `python -m tools.evaluation clean pages.jsonl.xz`,
    `python -m tools.evaluation clean texts.jsonl.xz --layout blank_wrapped --json`
    """
    if layout not in LAYOUTS:
        fail(EX_USAGE, f"--layout {layout} is none of {', '.join(LAYOUTS)}.")
    try:
        records = [laid_out(record, layout) for record in records_of(pack)]
    except (OSError, ValueError, lzma.LZMAError) as error:
        fail(EX_DATA, f"{pack} is no pack of JSON lines: {error}.")
    if any(record.get("html") for record in records) and not _bare_extractor():
        err.print("HTML is measured without the bare extractor: trafilatura is not installed.")
    cleaner = load()
    parts = {field: [record for record in records if record.get(field)] for field in _FIELDS}
    rows = [row for field, part in parts.items() if part for row in _measure(cleaner, field, part)]
    if not rows:
        fail(EX_DATA, f"{pack} has none of the fields {', '.join(_FIELDS)}.")
    heads = list(_heads(cleaner, [record for record in records if record.get("html")]))
    if as_json:
        for row in rows + heads:
            json_line({"v": 1, **row})
        return
    _show(rows)
    if heads:
        _show(heads)


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    columns = tuple(rows[0])
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row.values()] for row in rows]
    table(columns, cells, numbers=columns[2:])


def records_of(pack: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(pack, "rt", encoding="utf-8") if pack.suffix == ".xz" else pack.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def laid_out(record: Mapping[str, Any], layout: str) -> dict[str, Any]:
    """Return the article with its plain texts, which have one block a line, in another layout."""
    texts = {} if layout == AS_IT_IS else {field: record[field] for field in _TEXTS if record.get(field)}
    width = crc32(str(record.get("id")).encode())
    return {**record, **{field: write(body.splitlines(), layout, width)[0] for field, body in texts.items()}}


def _measure(cleaner: Cleaner, field: str, records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    kind = "text/html" if field == "html" else "text/plain"
    beside: dict[str, Method] = {"nothing": str.splitlines}
    if field == "html":
        beside = {_BARE: _bare} if _bare_extractor() else {}
    methods: dict[str, Method] = {**beside, "wireroom": lambda body: cleaned(cleaner, body, kind)}
    scores: dict[str, list[Score]] = {name: [] for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    for method in methods.values():
        method(records[0][field])  # what is loaded once is not timed,
    gc.collect()
    gc.freeze()  # nor, as in a worker of extract, looked through again and again with the pack
    for record in records:  # interleaved: whatever else the machine does falls on both
        expected = record.get("expected_paragraphs") or record["paragraphs"]
        for name, method in methods.items():
            began = time.perf_counter()
            found = method(record[field])
            seconds[name] += time.perf_counter() - began
            scores[name].append(score(expected, found))
    gc.unfreeze()
    for name, taken in seconds.items():
        figures = asdict(summary(scores[name]))
        yield {"field": field, "method": name, **figures, "articles_per_second": len(records) / taken}


def _heads(cleaner: Cleaner, records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield how often title, day and authors of a page are exactly those that were expected, where any were."""
    methods: dict[str, Callable[[str], Heading]] = {"wireroom": lambda body: _head(cleaner, body)}
    if _bare_extractor():
        methods = {_BARE: _bare_head, **methods}
    told = [record for record in records if record.get("title")]
    found = {name: [method(record["html"]) for record in told] for name, method in methods.items()}
    for number, field in enumerate(("title", "date", "authors")):
        asked = [(n, heading(record)[number]) for n, record in enumerate(told) if record.get(field)]
        for name in methods if asked else ():
            exact = sum(found[name][n][number] == expected for n, expected in asked)
            yield {"field": field, "method": name, "articles": len(asked), "exact": exact / len(asked)}


def _bare_extractor() -> bool:
    """Tell whether the extractor that HTML is measured beside is installed; nothing else needs it."""
    if find_spec("trafilatura") is None:
        return False
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it reports every page it is unsure of
    return True


def _head(cleaner: Cleaner, body: str) -> Heading:
    try:
        article = cleaner.clean(body, "text/html")
    except Rejected:
        return heading({})
    day = article.published_at and article.published_at.date().isoformat()
    authors = re.split(r",\s*", article.byline or "")
    return heading({"title": article.title, "date": day, "authors": authors})


def _bare_head(body: str) -> Heading:
    import trafilatura  # noqa: PLC0415

    found = trafilatura.extract_metadata(body)
    if found is None:
        return heading({})
    return heading({"title": found.title, "date": found.date, "authors": (found.author or "").split("; ")})


def cleaned(cleaner: Cleaner, body: str, media_type: str) -> list[str]:
    try:
        return list(cleaner.clean(body, media_type).paragraphs)
    except Rejected:
        return []


def _bare(body: str) -> list[str]:
    import trafilatura  # noqa: PLC0415 - a third of a second, which packs of text do not need

    text: str | None = trafilatura.extract(body, favor_precision=True, include_comments=False)
    return (text or "").splitlines()
