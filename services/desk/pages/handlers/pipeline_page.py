"""The pipeline page: one row a service, live by server-sent events, and what a person should look at."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.desk.pages import list_formats
from services.desk.pages.charts import Sparkline, sparkline
from services.desk.pages.list_formats import listing
from services.desk.pages.page_errors import unavailable
from services.desk.pages.page_renderer import Renderer, age, number
from services.desk.pages.page_sources import Sources
from services.desk.pages.pipeline_monitor import PipelineMonitor, Sample
from wireroom.ops.pipeline_status import ServiceState

_OLDEST = 300.0  # seconds that work waits until it is a finding, as in `wireroom status`
_READERS = 50  # pages that are live at once
_COLUMNS = (
    *("service", "state", "arrived_per_second", "answered_per_second", "backlog", "oldest_seconds"),
    *("in_flight", "redelivered", "dead", "breaker"),
)
_UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class PipelinePage:
    """Handlers of the pipeline."""

    renderer: Renderer
    sources: Sources

    async def show(self, request: Request) -> Response:
        """Answer with the state as it is now; raises what the broker raises."""
        monitor = self.sources.watched
        sample = await monitor.latest()
        rows = [row(monitor, sample, service) for service in sample.state.services]
        findings = sample.state.findings(_OLDEST)
        match request.path_params.get("format"):
            case "json":
                return list_formats.one({"v": 1, "services": rows, **asdict(sample.state), "findings": findings})
            case str(kind):
                return listing(kind, "pipeline", rows, _COLUMNS)  # type: ignore[arg-type] # the route names the formats
        shown = [(each, cells(each), _line(monitor, each)) for each in rows]
        return self.renderer.page("pipeline.html", rows=shown, state=sample.state, findings=findings)

    async def events(self, _: Request) -> Response:
        """Answer with an event for each new sample: texts of cells and points of lines."""
        if self.sources.watched.readers >= _READERS:
            raise unavailable(f"{_READERS} pages are live already.", "Load the page again now and then.")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(self.sources.watched), media_type="text/event-stream", headers=headers)


async def _events(monitor: PipelineMonitor) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async with aclosing(monitor.updates()) as samples:
        async for sample in samples:
            rows = [row(monitor, sample, service) for service in sample.state.services]
            texts = {f"{each['service']}.{name}": text for each in rows for name, text in cells(each).items()}
            lines = {f"{each['service']}.line": _line(monitor, each) for each in rows}
            points = {name: {"line": line.points, "area": line.area} for name, line in lines.items()}
            yield b"event: pipeline\ndata: " + orjson.dumps({"text": texts, "points": points}) + b"\n\n"


def row(monitor: PipelineMonitor, sample: Sample, service: ServiceState) -> dict[str, Any]:
    """Return what is known of a service, as files have it."""
    rates, causes = monitor.rates(service.service), sample.causes.get(service.service)
    dead = sum(count for name, count in sample.state.dead.items() if name.partition(" ")[0] == service.service)
    return {
        "service": service.service,
        "state": service.state,
        "arrived_per_second": rates.arrived,
        "answered_per_second": rates.answered,
        "backlog": service.pending,
        "oldest_seconds": service.oldest_seconds,
        "in_flight": service.unanswered,
        "redelivered": service.redelivered,
        "dead": dead,
        "breaker": None if causes is None else "; ".join(causes) or "closed, ready",
    }


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a row's cells."""
    rates = {name: row[f"{name}_per_second"] for name in ("arrived", "answered")}
    shown = {name: _UNKNOWN if rate is None else number(rate) for name, rate in rates.items()}
    counts = {name: number(row[name]) for name in ("backlog", "in_flight", "redelivered", "dead")}
    said = {"state": row["state"], "breaker": row["breaker"] or "not asked"}
    return {**shown, **counts, **said, "oldest": age(row["oldest_seconds"])}


def _line(monitor: PipelineMonitor, row: Mapping[str, Any]) -> Sparkline:
    return sparkline(monitor.history(row["service"]))
