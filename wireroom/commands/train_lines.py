"""``wireroom train lines``: the model of lines, made anew from a pack of articles with known text."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wireroom.commands.bench_clean import EX_DATA, records_of
from wireroom.quality import Score, score, summary
from wireroom.terminal import fail, table


def train_lines(
    pack: Annotated[Path, typer.Argument(help="JSON Lines, .xz or plain; its format stands in docs/quality.md.")],
    out: Annotated[Path, typer.Option(help="Where the weights are written.")] = Path("lines.npz"),
    seed: Annotated[int, typer.Option(help="The same pack and seed make the same weights.")] = 0,
    folds: Annotated[bool, typer.Option(help="Measure on publishers that were held out, and write nothing.")] = False,
    parting: Annotated[int, typer.Option(help="Which way of parting the publishers into folds.")] = 0,
) -> None:
    """Train the model that tells lines of an article from the lines around it; some minutes on one core.

    Examples: `wireroom train lines texts.jsonl.xz --out lines.npz`, `wireroom train lines texts.jsonl.xz --folds`
    """
    from wireroom.training import fitting, lines  # noqa: PLC0415 - numpy, which no other command needs

    try:
        records = list(records_of(pack))
        usable = [record for record in records if record["publisher"] and record["expected_paragraphs"]]
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{pack} is no pack to train on: {error!r}.")
    if not usable:
        fail(EX_DATA, f"{pack} has no article with a publisher and its expected paragraphs.")
    if folds:
        _measure_folds(usable, seed, parting)
        return
    found = list(lines.texts(usable))
    typer.echo(f"{len(found)} texts of {len({text.publisher for text in found})} publishers", err=True)
    out.write_bytes(fitting.fit(found, lines.PLAN, seed=seed, report=_report))
    typer.echo(f"{out}: {out.stat().st_size} bytes")


def _report(epoch: int, loss: float) -> None:
    typer.echo(f"epoch {epoch}: loss {loss:.4f}", err=True)


def _measure_folds(records: list[dict[str, Any]], seed: int, parting: int) -> None:
    from services.extract.clean import model  # noqa: PLC0415 - with numpy
    from wireroom.commands.bench_clean import cleaned  # noqa: PLC0415
    from wireroom.training import fitting, lines  # noqa: PLC0415

    found = list(lines.texts(records))
    unseen_by = fitting.held_out(records, found, lines.PLAN, seed=seed, parting=parting, report=_report)
    scores: dict[str, list[Score]] = {field: [] for field in lines.FIELDS}
    for network, unseen in unseen_by:
        with model.using(network):
            for record in unseen:
                for field in lines.FIELDS:
                    if record.get(field):
                        scores[field].append(score(record["expected_paragraphs"], cleaned(record[field], "text/plain")))
    rows = [(field, summary(each)) for field, each in scores.items() if each]
    names = ("articles", "precision", "recall", "f1", "paragraph_f1", "good", "bad")
    cells = [[field, *(f"{getattr(means, name):.3f}" for name in names)] for field, means in rows]
    table(("field", *names), cells, numbers=names)
