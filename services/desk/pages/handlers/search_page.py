"""The search page: box, facets, histogram, hits with snippets, and all hits as a file."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.desk.pages import page_query
from services.desk.pages.charts import histogram
from services.desk.pages.list_formats import listing
from services.desk.pages.page_errors import told
from services.desk.pages.page_query import PageQuery
from services.desk.pages.page_renderer import LABELS, Renderer
from services.desk.search_engine import Hit, InvalidQueryError, Query, QueryTimeoutError, SearchEngine

EXPORTED = 50_000  # hits of a file at most
COLUMNS = (
    *("id", "version", "date", "source", "language", "agency", "title", "url", "length", "entities"),
    *("received_at", "snippet"),
)
_LABELS_FIRST = {label: number for number, label in enumerate(LABELS)}


@dataclass(frozen=True)
class SearchPage:
    """Handlers of the search; both block, so they run in a thread. ``live``: the address of the event stream."""

    engine: SearchEngine
    renderer: Renderer
    live: str = "/v1/stream"

    def show(self, request: Request) -> Response:
        """Answer with hits, or with the message beside the box where the query cannot be read or takes too long."""
        asked = PageQuery(Query(text=request.query_params.get("q", "")))
        try:
            asked = page_query.read(request.query_params)
            results = self.engine.search(asked.query, sort=asked.sort, page=asked.page, size=asked.size)
        except (InvalidQueryError, QueryTimeoutError) as error:
            problem = told(error)
            status = problem.status if problem else 500
            return self.renderer.page("search.html", status, asked=asked, results=None, problem=problem)
        entities = sorted(results.facets.entities.items(), key=lambda kind: _LABELS_FIRST.get(kind[0], 99))
        return self.renderer.page(
            "search.html",
            asked=asked,
            results=results,
            problem=None,
            entities=entities,
            histogram=histogram(results.histogram, results.facets.rate),
            bar_address=asked.address_within,
            last_page=max(1, -(-results.total // asked.size)),
            live=self._live(asked),
            state=self.engine.state(),
        )

    def _live(self, asked: PageQuery) -> str:
        """Return the address of the stream of new articles like these; none for what the stream cannot filter by."""
        query = asked.query
        return "" if query.text or query.until else PageQuery(replace(query, since=None)).address(self.live)

    def export(self, request: Request) -> Response:
        """Answer with all hits, the newest first, as a file."""
        query = page_query.read(request.query_params).query
        rows = map(row, self.engine.every_hit(query, limit=EXPORTED))
        return listing(request.path_params["format"], "articles", rows, COLUMNS)


def row(hit: Hit) -> dict[str, Any]:
    """Return a hit as files have it: the snippet as one text, entities as LABEL:name."""
    fields = asdict(hit)
    del fields["title_marked"]
    return fields | {
        "snippet": "".join(fragment.text for fragment in hit.snippet),
        "entities": [f"{entity.label}:{entity.name}" for entity in hit.entities],
    }
