"""``python -m tools.evaluation``: the quality of clean texts and of names, measured on packs with known results."""

import typer

from tools.evaluation.clean_quality import bench_clean
from tools.evaluation.entity_quality_command import bench_entities

app = typer.Typer(no_args_is_help=True, help="Measure quality on packs of articles whose results are known.")
app.command("clean")(bench_clean)
app.command("entities")(bench_entities)

if __name__ == "__main__":
    app()
