"""``python -m tools.evaluation``: the quality of clean texts and of names, measured on packs with known results."""

import os
import sys

import typer

from services.extract.blas import kernels
from tools.evaluation.clean_quality import bench_clean
from tools.evaluation.entity_quality_command import bench_entities

app = typer.Typer(no_args_is_help=True, help="Measure quality on packs of articles whose results are known.")
app.command("clean")(bench_clean)
app.command("entities")(bench_entities)

if __name__ == "__main__":
    if (chosen := kernels(os.environ)) != dict(os.environ):  # as a worker has them; numpy, imported by now, read none
        os.execve(sys.executable, [sys.executable, "-m", "tools.evaluation", *sys.argv[1:]], chosen)  # noqa: S606 - ourselves
    app()
