"""How one article looks on a terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from shared.messages import Removed
from shared.sanitizing import harmless_line
from wireroom.cli.output import highlight, one_line
from wireroom.ops.word_diff import Change

_NAMED = 12  # entities listed under an article; all are in its JSON


def render(article: Mapping[str, Any], console: Console, *, removed: bool) -> None:
    """Print an article as it is stored: head, text with its entities marked, captions, and what was taken out."""
    _head(article, console)
    text = "\n\n".join(article["paragraphs"])
    marked = highlight(text, article["entities"])
    if console.is_terminal:
        console.print(Padding(marked, (1, 0, 1, 2)), soft_wrap=False)
    else:  # a paragraph is a line: whoever reads a pipe breaks it as they like
        console.print(Text("\n").append_text(marked).append("\n"), soft_wrap=True)
    for caption in article["captions"]:
        credit = f"  ({one_line(caption['credit'], 100)})" if caption.get("credit") else ""
        console.print(Text.assemble(("caption  ", "dim"), one_line(caption["text"], 300), (credit, "dim")))
    _entities(article["entities"], article["entities_status"], article["language"], console)
    if removed:
        _removed(article["removed"], console)
        _dropped(article.get("dropped_entities", ()), console)


def _head(article: Mapping[str, Any], console: Console) -> None:
    console.print(Text(one_line(article.get("title") or "(no title)", 300), style="bold"))
    published = article.get("published_at")
    date = published.strftime("%Y-%m-%d %H:%M") if isinstance(published, datetime) else published
    facts = (article["source"], article["language"], date, article.get("agency"), article.get("byline"))
    console.print(Text(" · ".join(one_line(str(fact), 100) for fact in facts if fact), style="dim"))
    console.print(Text(f"{article['_id']}  version {article['version']}", style="dim"))
    if article.get("url"):
        console.print(Text(one_line(article["url"], 300), style="dim"))


_MARKS = {"same": " ", "gone": "-", "new": "+", "edited": "~"}
_STYLES = {"same": "dim", "gone": "red strike", "new": "green"}


def render_changes(changes: Sequence[Change], old: Mapping[str, Any], new: Mapping[str, Any], console: Console) -> None:
    """Print what changed, readable without colours: words that went in [-...-], words that came in {+...+}."""
    said = f"version {old['version']} of {old['received_at']:%Y-%m-%d %H:%M} to {new['version']} of "
    console.print(Text(f"{said}{new['received_at']:%Y-%m-%d %H:%M}", style="bold"))
    if all(change.kind == "same" for change in changes):
        console.print("Title and text are the same; what differs in them was taken out as noise.")
        return
    for change in changes:
        line = Text(f"{_MARKS[change.kind]} {change.field}: " if change.field else f"{_MARKS[change.kind]} ")
        for kind, part in change.parts:
            text = harmless_line(part)
            if change.kind == "edited":
                text = {"gone": f"[-{text}-]", "new": f"{{+{text}+}}"}.get(kind, text)
            line.append(text, style=_STYLES[kind])
        console.print(line if change.field else Text("\n").append_text(line), soft_wrap=not console.is_terminal)


def render_lines(kept: Sequence[tuple[int, str]], removed: Sequence[Removed], console: Console) -> None:
    """Print numbered lines in their order, readable without colours: what goes has a minus, its rule and its score."""
    lines = [(number, 1, Text(f"{number:>4}   {harmless_line(text)}")) for number, text in kept]
    for entry in removed:
        score = "" if entry.score is None else f" {entry.score:.2f}"
        struck = Text.assemble((f"{entry.line:>4} - ", "dim"), (one_line(entry.text, 300), "dim strike"))
        lines.append((entry.line, 0, struck.append(f"  [{entry.rule}{score}]", style="dim")))
    for _, _, line in sorted(lines, key=lambda entry: entry[:2]):
        console.print(line, soft_wrap=not console.is_terminal)


def _entities(entities: Sequence[Mapping[str, Any]], status: str, language: str, console: Console) -> None:
    if status == "no_model":
        console.print(Text(f"entities none, because no model reads {language!r}", style="dim"))
    for entity in entities[:_NAMED]:
        often = "once" if entity["count"] == 1 else f"{entity['count']} times"
        aliases = ", ".join(one_line(alias, 60) for alias in entity.get("aliases", ()))
        also = f", also {aliases}" if aliases else ""
        known = f", {one_line(entity['identifier'], 60)}" if entity.get("identifier") else ""
        console.print(
            Text.assemble(
                (f"{one_line(entity['label'], 20):<11}", "dim"),
                one_line(entity["name"], 80),
                (f"  {often}{also}{known}", "dim"),
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
        where = f"{line['line']:>4}  {one_line(line['rule'], 40):<16} "
        console.print(Text.assemble((where, "dim"), (one_line(line["text"], 90), "strike")))


def _dropped(mentions: Sequence[Mapping[str, Any]], console: Console) -> None:
    if mentions:
        console.print(Text(f"\nNot taken for names, {len(mentions)} in all:", style="bold"))
    for mention in mentions:
        where = f"{one_line(mention['label'], 20):<11} {one_line(mention['rule'], 40):<16} "
        console.print(Text.assemble((where, "dim"), one_line(mention["text"], 90)))


def entity_names(entities: Sequence[Mapping[str, Any]], count: int) -> str:
    """Return the names of the first entities, which are the most salient, for one cell of a table."""
    return ", ".join(entity["name"] for entity in entities[:count])
