"""``wireroom show``: one stored article as a person reads it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from shared.errors import Rejected
from shared.settings import Settings
from wireroom.cli.connections import mongo_articles
from wireroom.cli.output import fail, json_line, out, table
from wireroom.cli.rendering import render, render_changes
from wireroom.cli.word_diff import changes
from wireroom.ops import article_queries

EX_NOT_FOUND = 1


def show(
    name: Annotated[str | None, typer.Argument(help="Id, start of an id, link, guid or published file.")] = None,
    version: Annotated[int | None, typer.Option(help="Show this version instead of the newest.")] = None,
    versions: Annotated[bool, typer.Option("--versions", help="List the versions that are kept.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="What changed since the version before.")] = False,
    removed: Annotated[bool, typer.Option(help="Show what was taken out, and why.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show a stored article, without a name the one that came last.

    Examples: `wireroom show`, `wireroom show 7f3c --diff`, `wireroom show article.txt --json | jq .paragraphs`
    """
    with mongo_articles(Settings()) as database:
        try:
            article = article_queries.one(database, name) if name else article_queries.newest(database)
        except (article_queries.NotFound, Rejected) as error:
            fail(EX_NOT_FOUND, f"{error}.")
        kept = article_queries.versions(database, article) if versions or diff or version is not None else [article]
    if versions:
        _list(kept, as_json=as_json)
        return
    chosen = _chosen(kept, version if version is not None or not diff else article["version"])
    if diff:
        _diff(kept, chosen, as_json=as_json)
        return
    if as_json:
        json_line({"v": 1, "id": article["_id"]} | {k: v for k, v in chosen.items() if k not in {"_id", "article_id"}})
    else:
        render(chosen | {"_id": article["_id"]}, out, removed=removed)


def _chosen(kept: Sequence[article_queries.Article], version: int | None) -> dict[str, Any]:
    chosen = [candidate for candidate in kept if version in (None, candidate["version"])]
    if not chosen:
        known = ", ".join(str(candidate["version"]) for candidate in kept)
        fail(EX_NOT_FOUND, f"version {version} is not kept; these are: {known}.")
    return dict(chosen[0])


def _diff(kept: Sequence[article_queries.Article], chosen: Mapping[str, Any], *, as_json: bool) -> None:
    before = [candidate for candidate in kept if candidate["version"] < chosen["version"]]
    if not before:
        fail(EX_NOT_FOUND, f"version {chosen['version']} is the first that is kept: there is nothing to compare with.")
    found = changes(before[-1], chosen)
    if as_json:
        told = [{"field": change.field, "kind": change.kind, "parts": change.parts} for change in found]
        json_line({"v": 1, "from": before[-1]["version"], "to": chosen["version"], "changes": told})
        return
    render_changes(found, before[-1], chosen, out)


def _list(kept: Sequence[article_queries.Article], *, as_json: bool) -> None:
    columns = ("version", "received", "content", "title")
    rows = [
        (item["version"], item["received_at"].isoformat(" ", "seconds"), item["content_hash"][:12], item["title"] or "")
        for item in kept
    ]
    if as_json:
        for row in rows:
            json_line({"v": 1, **dict(zip(columns, row, strict=True))})
        return
    table(columns, rows, numbers=("version",))
