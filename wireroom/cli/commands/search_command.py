"""``wireroom search``: stored articles by words, entity, source, language and time."""

from datetime import datetime
from typing import Annotated

import typer

from shared.settings import Settings
from wireroom.cli.connections import mongo_articles
from wireroom.cli.output import err, json_line, out, table
from wireroom.cli.rendering import entity_names
from wireroom.cli.time_arguments import since as moment
from wireroom.ops.article_queries import Article, Filters
from wireroom.ops.article_queries import search as find

EX_NOTHING = 1
_TITLE = 44  # characters of a title: leaves room for names in 120 columns
_NARROW = 110  # columns of a terminal that has room for titles or for names: an id cut short names nothing


def search(
    words: Annotated[
        list[str] | None, typer.Argument(help='Words of title or beginning; "quoted ones" together.')
    ] = None,
    entity: Annotated[str | None, typer.Option(help="A name, or LABEL:name such as ORG:Reuters.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    language: Annotated[str | None, typer.Option(help="Only this language, such as en.")] = None,
    since: Annotated[datetime | None, typer.Option(parser=moment, help="Received since: 2h, 3d, 2026-03-01.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per article.")] = False,
) -> None:
    """Find stored articles; without words the newest.

    Examples: `wireroom search lock opens`, `wireroom search --entity "ORG:Brackwater Engineering" --since 3d --json`
    """
    filters = Filters(source, language, entity, since)
    with mongo_articles(Settings()) as database:
        found = list(find(database, " ".join(words or ()), filters, limit))
    if as_json:
        for article in found:
            json_line({"v": 1, "id": article["_id"]} | {k: v for k, v in article.items() if k != "_id"})
    elif found:
        columns = ("id", "date", "source", "language", "title", "entities")
        shown = len(columns) - (out.is_terminal and out.width < _NARROW)
        table(columns[:shown], [_row(article)[:shown] for article in found])
    else:
        err.print("No stored article matches.")
    raise typer.Exit(0 if found else EX_NOTHING)


def _row(article: Article) -> tuple[str, ...]:
    date = article.get("published_at") or article["received_at"]
    title = article.get("title") or article["summary"]
    short = title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
    names = entity_names(article["entities"], 3)
    return (article["_id"][:12], f"{date:%Y-%m-%d}", article["source"], article["language"], short, names)
