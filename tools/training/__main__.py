"""``python -m tools.training``: the networks of lines and of pages, trained from packs of articles with known text."""

import typer

from tools.training.train_command import train_lines, train_pack, train_pages

app = typer.Typer(no_args_is_help=True, help="Train the networks that tell an article from what stands around it.")
app.command("lines")(train_lines)
app.command("pages")(train_pages)
app.command("pack")(train_pack)

if __name__ == "__main__":
    app()
