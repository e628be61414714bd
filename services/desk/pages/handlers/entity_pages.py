"""The page of an entity, and of the entities that rise now against their own past."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.desk.pages import list_formats
from services.desk.pages.charts import Sparkline, histogram, sparkline
from services.desk.pages.list_formats import MEDIA_TYPES, listing
from services.desk.pages.page_errors import not_found
from services.desk.pages.page_query import of_entity
from services.desk.pages.page_renderer import Renderer
from services.desk.search_engine import EntityFacts, SearchEngine, Trend

Period = Literal["hour", "day"]
_TREND_COLUMNS = ("label", "name", "now", "expected", "score", "history")
_BASELINE = 0.05  # of an article: what counts as named for the first time


@dataclass(frozen=True)
class TrendRow:
    """A trend with its line, as its page shows it."""

    trend: Trend
    line: Sparkline

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
            bar_address=lambda since, until: address.within(since, until).address(),
        )

    def _articles(self, facts: EntityFacts, kind: str) -> Response:
        """Send to the search, whose export has all articles of the entity."""
        return RedirectResponse(of_entity(facts.label, facts.name).address(f"/search.{kind}"))

    def trends(self, request: Request) -> Response:
        """Answer with what rises, by hour or by day."""
        period: Period = "hour" if request.query_params.get("period") == "hour" else "day"
        label = request.query_params.get("label", "")
        found = self.engine.trends(datetime.now(UTC), period=period)
        labels = sorted({trend.label for trend in found})
        chosen = [trend for trend in found if label in {"", trend.label}]
        if kind := request.path_params.get("format"):
            return listing(kind, f"trends-{period}", map(asdict, chosen), _TREND_COLUMNS)
        return self.renderer.page("trends.html", rows=_rows(chosen), period=period, label=label, labels_found=labels)


def _rows(trends: Sequence[Trend]) -> list[TrendRow]:
    return [TrendRow(trend, sparkline([bar.count for bar in trend.history])) for trend in trends]
