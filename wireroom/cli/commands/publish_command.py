"""``wireroom publish``: puts articles on the queue and counts what the broker has on disk."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from nats.aio.client import Client
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from shared.broker.nats_address import without_password
from shared.errors import Reason, Unavailable
from shared.settings import Settings
from wireroom.cli import subject_arguments
from wireroom.cli.connections import lasting_nats_connection, nats_connection
from wireroom.cli.output import counted, err, fail, json_line, out
from wireroom.ops import outcomes
from wireroom.publisher import ledger
from wireroom.publisher import submissions as intake
from wireroom.publisher.archives.records import Skipped
from wireroom.publisher.archives.tables import FIELDS
from wireroom.publisher.import_control import ImportControl
from wireroom.publisher.input_formats import Format
from wireroom.publisher.sender import Answer, BrokerLost, Outage, Pace, Refusing, Sender, new_run
from wireroom.publisher.submissions import Submission

EX_PARTLY = 1
EX_DATA = 65
EX_UNAVAILABLE = 69
EX_TEMPORARY = 75
_NO_OUTCOME = "without an outcome"
_NAMED = 20  # refusals of one reason that are named; an archive may have thousands
_WAIT_PATIENCE = 60.0  # seconds without a further outcome

_WHAT_TO_DO = {
    Reason.TOO_LARGE: "Split it, or send only the text of the article.",
    Reason.EMPTY_BODY: "There is nothing in it to publish.",
    Reason.NOT_JSON: "Mend it there; what came before it was taken.",
    Reason.UNSUPPORTED_MEDIA_TYPE: "Convert it to text or HTML first.",
    Reason.EMBARGOED: "With --resume and the same --ledger later, only what is missing is sent.",
    Reason.NOT_PUBLISHABLE: "Repeating it changes nothing: ask whoever runs the broker.",
}


class Cancelled(Exception):  # noqa: N818 - an order that somebody gave
    """The import was cancelled by `wireroom import cancel`."""


@dataclass
class Report:
    """What is told of a run, and counted: while it goes on, and whatever ends it."""

    run: str
    as_json: bool
    keep_places: bool = False
    acknowledged: int = 0
    refused: int = 0
    skipped: int = 0
    already: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    places: set[int] = field(default_factory=set)

    def tell(self, submission: Submission, answer: Answer) -> None:
        """Name the reason of a refusal at once: an outage may end the command later."""
        origin = submission.origin
        if isinstance(answer, int):
            self.acknowledged += 1
            if self.keep_places:
                self.places.add(answer)
            if self.as_json:
                json_line({"v": 1, "origin": origin, "sequence": answer})
            return
        if isinstance(answer, Skipped):
            self.skipped += 1
            self.reasons[answer] += 1
            return
        self.refused += 1
        self.reasons[answer.reason] += 1
        what_to_do = _WHAT_TO_DO.get(answer.reason, "")
        if self.as_json:
            refused = {"reason": answer.reason, "detail": answer.detail, "what_to_do": what_to_do}
            json_line({"v": 1, "origin": origin, "refused": refused})
        elif self.reasons[answer.reason] <= _NAMED:
            err.print(f"{origin}: {answer.reason}: {answer.detail}. {what_to_do}".rstrip())
            if self.reasons[answer.reason] == _NAMED:
                err.print(f"Others that are refused as {answer.reason} are only counted; --json names each.")

    def total(self) -> None:
        """Say how many were acknowledged."""
        if self.as_json:
            numbers = {"acknowledged": self.acknowledged, "refused": self.refused, "already": self.already}
            json_line({"v": 1, "run": self.run, **numbers, "skipped": self.skipped, "reasons": self.reasons})
            return
        others = ((self.refused, "refused"), (self.already, "acknowledged before"), (self.skipped, "skipped"))
        numbers_told = "".join(f"   {what} {n}" for n, what in others if n)
        out.print(f"acknowledged {self.acknowledged}{numbers_told}{self.by_reason()}")

    def by_reason(self) -> str:
        """Return how many were not taken for which reason, the most frequent first."""
        return "".join(f" · {reason} {n}" for reason, n in self.reasons.most_common())

    def outcomes(self, counts: Counter[str]) -> None:
        if self.as_json:
            json_line({"v": 1, "run": self.run, "outcomes": counts})
        else:
            out.print(
                f"{counts.total()} published = " + " + ".join(f"{n} {what}" for what, n in sorted(counts.items()))
            )


def publish(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, pipes, or - for standard input.")],
    source: Annotated[
        str, typer.Option(callback=subject_arguments.own_source, help="Source of articles that name none.")
    ] = "local",
    ledger_path: Annotated[
        Path | None,
        typer.Option("--ledger", help="Append each acknowledgement here, for --resume and `wireroom audit`."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run of this ledger: what it has is not sent again.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until each is stored or dead-lettered, and count.")
    ] = False,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a broker that becomes unavailable to come back.")
    ] = 60.0,
    form: Annotated[Format, typer.Option("--format", help="Of every input; else by its name or its beginning.")] = (
        Format.AUTO
    ),
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=COLUMN", help="Of CSV and Parquet, such as title=headline; repeat it."),
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="N/s", help="Send at most so many articles a second, such as 200/s.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per article, as each is answered.")] = False,
) -> None:
    """Put articles on the queue: text, HTML, JSON, archives, folders of these, pipes, or standard input.

    Archives are WARC, CSV, Parquet, zip files, e-mail and mailboxes; .gz and .zst of text, JSON Lines and CSV are read
    as what they hold. What is no article in an archive is skipped and counted by its reason.

    What is too large, empty or no text is refused with its reason; exit code 1 if there was any such article, and with
    `--wait` if any was dead-lettered. Each run has an id, by which `wireroom import undo` takes all of it back.

    Examples: `wireroom publish articles.jsonl`, `tail -f feed.jsonl | wireroom publish - --source example`,
    `wireroom publish big.jsonl --ledger sent.jsonl --resume`,
    `wireroom publish news.parquet --column title=headline --column body=text --rate 200/s`
    """
    pace = _pace(rate)
    mapping = _mapping(columns or [])
    if resume and ledger_path is None:
        raise typer.BadParameter("--resume needs the --ledger of the run that broke off")
    try:
        files = intake.find(paths)
    except intake.Unreadable as error:
        fail(EX_DATA, f"{error}. Nothing was published.")
    report = Report(new_run(datetime.now(UTC)), as_json, keep_places=wait)
    with _ending(report, ledger_path), _ledger(ledger_path, report.run, resume=resume) as notes:
        report.run = notes.run if notes else report.run
        err.print(f"run {report.run}")
        starts = notes.starts if notes else {}
        options = intake.Options(source, form, mapping, starts)
        if notes:
            report.already = sum(notes.acknowledged_before(file, intake.start_of(file, options)) for file in files)
        given = intake.read(files, source=source, options=options)
        code = asyncio.run(_run(given, report, notes, Outage(patience), pace, wait=wait))
    raise typer.Exit(code or (EX_PARTLY if report.refused else 0))


def _pace(rate: str | None) -> Pace | None:
    if rate is None:
        return None
    try:
        a_second = float(rate.removesuffix("/s"))
    except ValueError:
        a_second = 0.0
    if not 0 < a_second < float("inf"):
        raise typer.BadParameter(f"--rate {rate!r}: a number of articles a second, such as 200/s")
    return Pace(a_second)


def _mapping(columns: list[str]) -> dict[str, str]:
    """Return field to column; the source of every row may come from a column, too."""
    found = dict[str, str]()
    for given in columns:
        name, equals, column = given.partition("=")
        if not equals or name not in FIELDS:
            raise typer.BadParameter(f"--column {given!r}: FIELD=COLUMN, FIELD one of {', '.join(FIELDS)}")
        found[name] = column
    return found


@contextmanager
def _ledger(path: Path | None, run: str, *, resume: bool) -> Iterator[ledger.Ledger | None]:
    if path is None:
        yield None
        return
    with ledger.opened(path, run, resume=resume) as notes:
        yield notes


@contextmanager
def _ending(report: Report, ledger_path: Path | None) -> Iterator[None]:
    """Say in words what ended a run; the numbers are told already."""
    again = "Publish again: what was acknowledged already becomes a duplicate, not a copy."
    if ledger_path:
        again = "Repeat it with --resume: what was acknowledged is not sent again."
    try:
        yield
    except intake.Unreadable as error:
        safe = "What was acknowledged is safe." if report.acknowledged else "Nothing was published."
        fail(EX_DATA, f"{error}. {safe}")
    except ledger.NoLedger as error:
        fail(EX_DATA, f"{error}. Nothing was published.")
    except ledger.Unwritable as error:
        fail(EX_DATA, f"{error}.")
    except (Unavailable, Refusing, BrokerLost) as outage:
        fail(EX_UNAVAILABLE, f"{outage}. {again}")
    except Cancelled:
        undo = f"`wireroom import undo {report.run}` takes back what was acknowledged."
        fail(EX_TEMPORARY, f"Cancelled by `wireroom import cancel`. {undo} {again}")
    except KeyboardInterrupt:
        err.print(f"Interrupted. {again}")
        raise


async def _run(
    submissions: Iterable[Submission],
    report: Report,
    notes: ledger.Ledger | None,
    outage: Outage,
    pace: Pace | None,
    *,
    wait: bool,
) -> int:
    """Send everything and say how it went; returns the exit code of what became of it."""
    url, patience = Settings().nats_url, outage.patience
    address = without_password(url)

    async def lost() -> None:
        outage.connected.clear()
        err.print(f"NATS at {address} became unavailable; waiting up to {patience:g} s for it to come back")

    async def back() -> None:
        outage.connected.set()
        err.print(f"NATS at {address} is back")

    async with lasting_nats_connection(url, lost, back) as connection:
        began = await outcomes.ends(connection.jetstream(timeout=10)) if wait else {}
        try:
            await _send(connection, _left(submissions, report, notes), report, notes, outage, pace)
        except BrokerLost as error:
            said = f"NATS at {address} became unavailable and was not back within {patience:g} s ({error})"
            raise BrokerLost(said) from None
    return await _outcomes(url, report, began) if wait else 0


def _left(submissions: Iterable[Submission], report: Report, notes: ledger.Ledger | None) -> Iterator[Submission]:
    """Yield what the ledger does not have yet."""
    for submission in submissions:
        if notes and not submission.refusal and not submission.skipped and notes.has(submission):
            report.already += 1
            continue
        if notes:
            notes.begun(submission)
        yield submission


async def _send(
    connection: Client,
    left: Iterable[Submission],
    report: Report,
    notes: ledger.Ledger | None,
    outage: Outage,
    pace: Pace | None,
) -> None:
    columns = (TextColumn("publishing  {task.completed}"), TextColumn("{task.fields[rate]}"), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        bar = progress.add_task("publishing", total=None, rate="")

        def tell(submission: Submission, answer: Answer) -> None:
            if notes and isinstance(answer, int):
                notes.note(submission, answer)
            elif notes:
                notes.answered(submission)
            report.tell(submission, answer)
            if err.is_terminal:
                speed = progress.tasks[bar].speed or 0
                progress.update(bar, advance=1, rate=f"{speed:,.0f}/s{report.by_reason()}")

        sender = Sender(connection.jetstream(), report.run, tell, outage, pace=pace)
        control = ImportControl(sender.cancel, lambda: report.acknowledged, err.print)
        sender.permit = control.permit
        await control.listen(connection, report.run)
        try:
            await sender.send(left)
            if control.cancelled:
                raise Cancelled
        finally:
            progress.stop()
            report.total()
            if unanswered := sender.sent - sender.answered:
                err.print(f"{counted(unanswered, 'more was', 'more were')} sent and not answered.")


async def _outcomes(url: str, report: Report, began: dict[str, int]) -> int:
    """Follow what was acknowledged to its end and count; returns the exit code."""
    async with nats_connection(url) as connection:
        js = connection.jetstream(timeout=10)
        found = await outcomes.follow(js, report.places, patience=_WAIT_PATIENCE, progress=lambda _: None, after=began)
    counts = Counter(fate.outcome for fate in found.values())
    if missing := len(report.places) - len(found):
        counts[_NO_OUTCOME] = missing
        err.print(f"Nothing more came for {_WAIT_PATIENCE:.0f} s: `wireroom status` shows how far the services are.")
    report.outcomes(counts)
    if missing:
        return EX_TEMPORARY
    return EX_PARTLY if counts[outcomes.DEAD_LETTERED] else 0
