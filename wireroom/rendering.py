"""How one article looks on a terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from wireroom.terminal import highlight, one_line, term_safe

_NAMED = 12  # entities listed under an article; all are in its JSON


def render(article: Mapping[str, Any], console: Console, *, removed: bool) -> None:
    """Print an article as it is stored: head, text with its entities marked, captions, and what was taken out."""
    _head(article, console)
    text = "\n\n".join(article["paragraphs"])
    console.print(Padding(highlight(text, article["entities"]), (1, 0, 1, 2)), soft_wrap=False)
    for caption in article["captions"]:
        credit = f"  ({one_line(caption['credit'], 100)})" if caption.get("credit") else ""
        console.print(Text.assemble(("caption  ", "dim"), one_line(caption["text"], 300), (credit, "dim")))
    _entities(article["entities"], article["entities_status"], article["language"], console)
    if removed:
        _removed(article["removed"], console)


def _head(article: Mapping[str, Any], console: Console) -> None:
    console.print(Text(one_line(article.get("title") or "(no title)", 300), style="bold"))
    published = article.get("published_at")
    date = published.strftime("%Y-%m-%d %H:%M") if isinstance(published, datetime) else published
    facts = (article["source"], article["language"], date, article.get("agency"), article.get("byline"))
    console.print(Text(" · ".join(one_line(str(fact), 100) for fact in facts if fact), style="dim"))
    console.print(Text(f"{article['_id']}  version {article['version']}", style="dim"))
    if article.get("url"):
        console.print(Text(one_line(article["url"], 300), style="dim"))


def _entities(entities: Sequence[Mapping[str, Any]], status: str, language: str, console: Console) -> None:
    if status == "no_model":
        console.print(Text(f"entities no model reads {language!r}: it was stored without entities", style="dim"))
    for entity in entities[:_NAMED]:
        often = "once" if entity["count"] == 1 else f"{entity['count']} times"
        aliases = ", ".join(one_line(alias, 60) for alias in entity.get("aliases", ()))
        also = f", also {aliases}" if aliases else ""
        console.print(
            Text.assemble(
                (f"{entity['label']:<11}", "dim"),
                one_line(entity["name"], 80),
                (f"  {often}{also}", "dim"),
            )
        )
    if len(entities) > _NAMED:
        console.print(Text(f"           and {len(entities) - _NAMED} more", style="dim"))


def _removed(lines: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not lines:
        console.print(Text("\nNothing was removed.", style="dim"))
        return
    console.print(Text(f"\nRemoved, {len(lines)} in all:", style="bold"))
    for line in lines:
        where = f"{line['line']:>4}  {line['rule']:<16} "
        console.print(Text.assemble((where, "dim"), (one_line(line["text"], 90), "strike")))


def entity_names(entities: Sequence[Mapping[str, Any]], count: int) -> str:
    """Return the names of the first entities, which are the most salient, for one cell of a table."""
    return ", ".join(term_safe(entity["name"]) for entity in entities[:count])
