"""The page of an entity, and of the entities that rise now against their own past."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.desk.pages import list_formats
from services.desk.pages.charts import Sparkline, histogram, sparkline
from services.desk.pages.list_formats import MEDIA_TYPES, listing
from services.desk.pages.page_errors import not_found
from services.desk.pages.page_query import moment_of, of_entity
from services.desk.pages.page_renderer import Renderer
from services.desk.search_engine import EntityFacts, Query, SearchEngine, Trend

Period = Literal["hour", "day"]
_TREND_COLUMNS = ("label", "name", "now", "expected", "score", "history")
_DAY = timedelta(days=1)
_BASELINE = 0.05  # of an article: what counts as named for the first time


@dataclass(frozen=True)
class TrendRow:
    """A trend with its line, as its page shows it."""

    trend: Trend
    line: Sparkline

    @property
    def articles(self) -> str:
        """Return the address of the articles of the last period that name it."""
        now = self.trend.history[-1]
        return of_entity(self.trend.label, self.trend.name).within(now.start, now.end).address()

    @property
    def times(self) -> str:
        """Return how much more often than expected, in words that hold for small numbers too."""
        trend = self.trend
        return "new" if trend.expected < _BASELINE else f"{trend.now / trend.expected:.1f} \N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class EntityPages:
    """Handlers of entities and trends; they block, so they run in a thread."""

    engine: SearchEngine
    renderer: Renderer

    def show(self, request: Request) -> Response:
        """Answer with the page of an entity; with a suffix of a format, its facts as JSON or its articles as rows."""
        label, name = request.path_params["label"], request.path_params["name"]
        facts, kind = self.engine.entity(label, name), None
        stem, dot, suffix = name.rpartition(".")
        if facts is None and dot and suffix in MEDIA_TYPES:
            facts, kind = self.engine.entity(label, stem), suffix
        if facts is None:
            raise not_found(f"No article names {label} {name!r:.200}.", "Search for it: it may have another type.")
        if kind == "json":
            return list_formats.one({"v": 1, **asdict(facts)})
        if kind:
            return self._articles(facts, kind)
        address = of_entity(facts.label, facts.name)
        return self.renderer.page(
            "entity.html",
            facts=facts,
            chart=histogram(facts.mentions),
            articles=address,
            bar_address=address.address_within,
        )

    def _articles(self, facts: EntityFacts, kind: str) -> Response:
        """Send to the search, whose export has all articles of the entity."""
        return RedirectResponse(of_entity(facts.label, facts.name).address(f"/search.{kind}"))

    def trends(self, request: Request) -> Response:
        """Answer with what rises, by hour or by day, now or at the end of the day that is asked for."""
        period: Period = "hour" if request.query_params.get("period") == "hour" else "day"
        label = request.query_params.get("label", "")
        day = moment_of("day", request.query_params.get("day", ""))
        now = datetime.now(UTC)
        found = self.engine.trends(min(day + _DAY, now) if day else now, period=period)
        labels = sorted({trend.label for trend in found})
        chosen = [trend for trend in found if label in {"", trend.label}]
        if kind := request.path_params.get("format"):
            return listing(kind, f"trends-{period}", map(asdict, chosen), _TREND_COLUMNS)
        newest = None if chosen else next(self.engine.every_hit(Query(until=now), limit=1), None)
        return self.renderer.page(
            "trends.html",
            rows=_rows(chosen),
            period=period,
            label=label,
            labels_found=labels,
            day=day,
            newest=newest,
            address=partial(_trends_address, period=period, label=label, day=day),
        )


def _trends_address(path: str = "/trends", *, period: Period, label: str, day: datetime | None) -> str:
    pairs = {"period": period, "label": label, "day": f"{day:%Y-%m-%d}" if day else ""}
    return f"{path}?{urlencode({name: value for name, value in pairs.items() if value})}"


def _rows(trends: Sequence[Trend]) -> list[TrendRow]:
    return [TrendRow(trend, sparkline([bar.count for bar in trend.history])) for trend in trends]
