"""``wireroom show`` and ``search``: stored articles."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from services.desk.search_engine import Fragment
from services.store import queries
from services.store.queries import Article, Filters
from shared.errors import Rejected
from shared.sanitizing import harmless_line
from shared.settings import Settings
from wireroom.cli.connections import mongo_articles
from wireroom.cli.output import counted, err, fail, json_line, one_line, out, table
from wireroom.cli.rendering import entity_names, render, render_changes
from wireroom.cli.snippets import snippet, terms
from wireroom.cli.time_arguments import since as moment
from wireroom.exporting.ninjs_output import Version, ninjs_of
from wireroom.ops import article_lookup
from wireroom.ops.word_diff import changes

EX_NOT_FOUND = 1


def show(
    name: Annotated[str | None, typer.Argument(help="Id, start of an id, link, guid or published file.")] = None,
    version: Annotated[int | None, typer.Option(help="Show this version instead of the newest.")] = None,
    versions: Annotated[bool, typer.Option("--versions", help="List the versions that are kept.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="What changed since the version before.")] = False,
    removed: Annotated[bool, typer.Option(help="Show what was taken out, and why.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    form: Annotated[str | None, typer.Option("--as", help="ninjs, or ninjs-1.5, ninjs-2.1, ninjs-3.1.")] = None,
) -> None:
    """Show a stored article, without a name the one that came last.

    Examples: `wireroom show`, `wireroom show 7f3c --diff`, `wireroom show article.txt --json | jq .paragraphs`,
    `wireroom show 7f3c --as ninjs`
    """
    ninjs = _ninjs_version(form)
    with mongo_articles(Settings()) as database:
        try:
            article = article_lookup.one(database, name) if name else article_lookup.newest(database)
        except (article_lookup.NotFound, Rejected) as error:
            fail(EX_NOT_FOUND, f"{error}.")
        kept = queries.versions(database, article) if versions or diff or version is not None else [article]
    if versions:
        _list(kept, as_json=as_json)
        return
    chosen = _chosen(kept, version if version is not None or not diff else article["version"])
    if diff:
        _diff(kept, chosen, as_json=as_json)
        return
    if ninjs:
        json_line(ninjs_of(chosen | {"_id": article["_id"]}, ninjs))
    elif as_json:
        json_line({"v": 1, "id": article["_id"]} | {k: v for k, v in chosen.items() if k not in {"_id", "article_id"}})
    else:
        render(chosen | {"_id": article["_id"]}, out, removed=removed)


def _ninjs_version(form: str | None) -> Version | None:
    if form is None:
        return None
    known = {"ninjs": Version.V3} | {f"ninjs-{version}": version for version in Version}
    if form not in known:
        raise typer.BadParameter(f"--as {form!r}: one of {', '.join(known)}")
    return known[form]


def _chosen(kept: Sequence[Article], version: int | None) -> dict[str, Any]:
    chosen = [candidate for candidate in kept if version in (None, candidate["version"])]
    if not chosen:
        known = ", ".join(str(candidate["version"]) for candidate in kept)
        fail(EX_NOT_FOUND, f"version {version} is not kept; these are: {known}.")
    return dict(chosen[0])


def _diff(kept: Sequence[Article], chosen: Mapping[str, Any], *, as_json: bool) -> None:
    before = [candidate for candidate in kept if candidate["version"] < chosen["version"]]
    if not before:
        fail(EX_NOT_FOUND, f"version {chosen['version']} is the first that is kept: there is nothing to compare with.")
    found = changes(before[-1], chosen)
    if as_json:
        told = [{"field": change.field, "kind": change.kind, "parts": change.parts} for change in found]
        json_line({"v": 1, "from": before[-1]["version"], "to": chosen["version"], "changes": told})
        return
    render_changes(found, before[-1], chosen, out)


def _list(kept: Sequence[Article], *, as_json: bool) -> None:
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


EX_NOTHING = 1
_LONGEST_TITLE = 200
_DROPPED = ("entities", "language", "source", "date")  # where a terminal is narrow, the first one first


def search(
    words: Annotated[
        list[str] | None, typer.Argument(help='Words of title or beginning; "quoted ones" together.')
    ] = None,
    entity: Annotated[str | None, typer.Option(help="A name, or LABEL:name such as ORG:Reuters.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    language: Annotated[str | None, typer.Option(help="Only this language, such as en.")] = None,
    since: Annotated[datetime | None, typer.Option(parser=moment, help="Dated since: 2h, 3d, 2026-03-01.")] = None,
    until: Annotated[datetime | None, typer.Option(parser=moment, help="Dated before that.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Articles of a page.")] = 20,
    page: Annotated[int, typer.Option(min=1, help="Which page; the first is 1.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per article.")] = False,
) -> None:
    """Find stored articles; without words the newest.

    With words each article is shown with the part of it where they stand.
    An article's date is that of its publication, or of its receipt where it tells none.

    Examples: `wireroom search lock opens`, `wireroom search --entity "ORG:Brackwater Engineering" --since 3d --json`,
    `wireroom search --since 2026-03-01 --until 2026-03-02 --page 2`
    """
    filters, text, skip = Filters(source, language, entity, since, until), " ".join(words or ()), (page - 1) * limit
    with mongo_articles(Settings()) as database:
        found = queries.search(database, text, filters, limit, skip)
        total = queries.count(database, text, filters)
    wanted = terms(text)
    if as_json:
        for article in found:
            kept = {k: v for k, v in article.items() if k != "_id"}
            marked = {"snippet": [asdict(part) for part in _snippet(article, wanted)]} if wanted else {}
            json_line({"v": 1, "id": article["_id"]} | kept | marked)
    elif found and wanted and out.is_terminal:
        for article in found:
            _show_hit(article, wanted)
    elif found and wanted:
        rows = [(*_row(article), "".join(part.text for part in _snippet(article, wanted))) for article in found]
        table(("id", "date", "source", "language", "title", "entities", "snippet"), rows)
    elif found:
        columns = ("id", "date", "source", "language", "title", "entities")
        table(columns, [_row(article) for article in found], wrapped=("title", "entities"), dropped=_DROPPED)
    if not found:
        err.print(
            f"Page {page} is empty: {counted(total, 'article')} in all." if total else "No stored article matches."
        )
    elif total > skip + len(found) or page > 1:
        more = f" `--page {page + 1}` shows more." if total > skip + len(found) else ""
        err.print(f"{skip + 1} to {skip + len(found)} of {counted(total, 'article')}.{more}")
    raise typer.Exit(0 if found else EX_NOTHING)


def _show_hit(article: Article, wanted: Sequence[str]) -> None:
    """Print which it is, its title, and where it has the words, which are marked."""
    facts = (article["_id"][:12], f"{queries.dated(article):%Y-%m-%d}", article["source"], article["language"])
    out.print(Text(one_line("  ".join(facts), _LONGEST_TITLE), style="dim"), soft_wrap=False)
    out.print(Text(one_line(article.get("title") or "(no title)", _LONGEST_TITLE), style="bold"), soft_wrap=False)
    parts = _snippet(article, wanted)
    marked = (Text(harmless_line(part.text), style="bold yellow" if part.matched else "") for part in parts)
    out.print(Padding(Text().join(marked), (0, 0, 1, 2)), soft_wrap=False)


def _snippet(article: Article, wanted: Sequence[str]) -> tuple[Fragment, ...]:
    return snippet("\n\n".join(article["paragraphs"]), wanted)


def _row(article: Article) -> tuple[str, ...]:
    title = article.get("title") or article["summary"]
    names = entity_names(article["entities"], 3)
    return (
        article["_id"][:12],
        f"{queries.dated(article):%Y-%m-%d}",
        article["source"],
        article["language"],
        title,
        names,
    )
