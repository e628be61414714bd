"""``python -m tools.training``: the models of lines and of pages, made anew from a pack of articles with known text."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.extract.clean.cleaner import Cleaner, shipped
from services.extract.clean.rules import packs
from services.extract.clean.rules.line_facts import Rules
from tools.evaluation.clean_quality import EX_DATA, cleaned, laid_out, records_of
from tools.evaluation.text_scores import Score, score, summary
from tools.text_layouts import AS_IT_IS, LAYOUTS
from wireroom.cli.output import err, fail, table
from wireroom.cli.output import out as console

if TYPE_CHECKING:
    from tools.training.fitting import Text
    from tools.training.gradients import Plan

Record = Mapping[str, Any]
Pack = Annotated[Path, typer.Argument(help="JSON Lines, .xz or plain; its format stands in docs/quality.md.")]
Also = Annotated[
    list[Path] | None, typer.Option(metavar="PACK", help="Another pack to learn from; only the first is measured.")
]
Out = Annotated[Path, typer.Option(help="Where the weights are written.")]
Seed = Annotated[int, typer.Option(help="The same pack and seed make the same weights.")]
Folds = Annotated[bool, typer.Option(help="Measure on publishers that were held out, and write nothing.")]
Parting = Annotated[int, typer.Option(help="Which way of parting the publishers into folds.")]


@dataclass(frozen=True)
class _Model:
    network: str  # field of Networks
    media_type: str
    fields: Sequence[str]
    plan: "Plan"
    texts: "Callable[[Sequence[Record], Rules], Iterator[Text]]"


def train_lines(
    pack: Pack,
    also: Also = None,
    out: Out = Path("lines.npz"),
    seed: Seed = 0,
    folds: Folds = False,
    parting: Parting = 0,
) -> None:
    """Train the model that tells lines of an article from the lines around it; some minutes on one core.

    Examples: `python -m tools.training lines texts.jsonl.xz --out lines.npz`,
    `python -m tools.training lines texts.jsonl.xz --folds`
    """
    from tools.training import line_examples  # noqa: PLC0415 - numpy, which no other command needs

    model = _Model("lines", "text/plain", line_examples.FIELDS, line_examples.PLAN, line_examples.texts)
    _train(model, _records(pack), _more(also), out, seed, parting if folds else None)


def train_pages(
    pack: Pack,
    also: Also = None,
    out: Out = Path("pages.npz"),
    seed: Seed = 0,
    folds: Folds = False,
    parting: Parting = 0,
) -> None:
    """Train the model that tells the article of a page from what stands around it; some minutes on one core.

    Examples: `python -m tools.training pages pages.jsonl.xz --out pages.npz`,
    `python -m tools.training pages pages.jsonl.xz --folds`
    """
    from tools.training import page_examples as pages  # noqa: PLC0415 - numpy, which no other command needs

    model = _Model("pages", "text/html", pages.FIELDS, pages.PLAN, pages.texts)
    _train(model, _records(pack), _more(also), out, seed, parting if folds else None)


def train_pack(
    pages: Annotated[Path, typer.Argument(help="JSON Lines, .xz or plain, with id and html.")],
    marks: Annotated[Path, typer.Argument(help="Which lines of them belong, as docs/models/marks.jsonl tells it.")],
    out: Annotated[Path, typer.Option(help="Where the pack is written.")] = Path("pack.jsonl"),
) -> None:
    """Make a pack to train on from pages and what was marked in them.

    Example: `python -m tools.training pack pages.jsonl docs/models/marks.jsonl --out read.jsonl`
    """
    from tools.training.page_labels import OtherPage, packed  # noqa: PLC0415 - lxml, which plain text does not need

    part, count = out.with_name(f"{out.name}.part"), 0
    try:
        marked = list(records_of(marks))
        with part.open("w", encoding="utf-8") as file:
            for record in packed(records_of(pages), marked, Rules.of(packs.read()).vocabulary):
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                count += 1
        part.replace(out)
    except (OSError, ValueError, KeyError, OtherPage) as error:
        part.unlink(missing_ok=True)
        fail(EX_DATA, f"no pack of {pages} and {marks}: {error}.")
    console.print(f"{out}: {count} of {len(marked)} marked articles")


def _more(packs: list[Path] | None) -> Sequence[Record]:
    return [record for pack in packs or () for record in _records(pack)]


def _records(pack: Path) -> Sequence[Record]:
    """Return the articles that have a publisher and an expected text."""
    try:
        usable = [
            {**record, "expected_paragraphs": expected}
            for record in records_of(pack)
            if record["publisher"] and (expected := record.get("expected_paragraphs") or record["paragraphs"])
        ]
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{pack} is no pack to train on: {error!r}.")
    if not usable:
        fail(EX_DATA, f"{pack} has no article with a publisher and its expected paragraphs.")
    return usable


def _train(
    model: _Model, records: Sequence[Record], more: Sequence[Record], out: Path, seed: int, parting: int | None
) -> None:
    from tools.training import fitting  # noqa: PLC0415 - numpy

    rules = Rules.of(packs.read())
    found = list(model.texts([*records, *more], rules))
    if not found:
        fail(EX_DATA, f"no article has one of the fields {', '.join(model.fields)}.")
    if parting is not None:
        _measure_folds(model, rules, records, found, seed, parting)
        return
    err.print(f"{len(found)} texts of {len({text.publisher for text in found})} publishers")
    out.write_bytes(fitting.fit(found, model.plan, seed=seed, report=_report))
    console.print(f"{out}: {out.stat().st_size} bytes")


def _report(epoch: int, loss: float) -> None:
    err.print(f"epoch {epoch}: loss {loss:.4f}")


def _measure_folds(
    model: _Model, rules: Rules, records: Sequence[Record], found: "Sequence[Text]", seed: int, parting: int
) -> None:
    from tools.training import fitting  # noqa: PLC0415

    networks = shipped()
    layouts = tuple(LAYOUTS) if model.media_type == "text/plain" else (AS_IT_IS,)
    scores: dict[tuple[str, str], list[Score]] = {(field, layout): [] for field in model.fields for layout in layouts}
    for network, unseen in fitting.held_out(
        records, found, model.plan, seed=seed, parting=parting, report=_report
    ):  # fmt: skip
        cleaner = Cleaner(rules, replace(networks, **{model.network: network}))
        for record in unseen:
            for (field, layout), each in scores.items():
                if body := laid_out(record, layout).get(field):
                    each.append(score(record["expected_paragraphs"], cleaned(cleaner, body, model.media_type)))
    rows = [(*key, summary(each)) for key, each in scores.items() if each]
    names = ("articles", "precision", "recall", "f1", "paragraph_f1", "good", "bad", "lost")
    cells = [[field, layout, *(f"{getattr(means, name):.3f}" for name in names)] for field, layout, means in rows]
    table(("field", "layout", *names), cells, numbers=names)
