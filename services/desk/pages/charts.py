"""Geometry of the charts: numbers to places in an SVG. No style here, because the content policy forbids it inline."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.desk.search_engine import Bar

HEIGHT = 100  # of a view box; charts are stretched to their place
_LEAST = 3.0  # height of a bar that is not empty, so that it is seen
_GAP = 0.2  # of a bar's width


@dataclass(frozen=True)
class Column:
    """A bar of a histogram in a view box of `Histogram.width` by `HEIGHT`."""

    bar: Bar
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Histogram:
    """Columns with the highest count, and the width of their view box; ``rate`` as in `Facets`."""

    columns: tuple[Column, ...]
    width: int
    most: int
    rate: int = 1

    @property
    def unit(self) -> str:
        """Return what one bar stands for: hour, day, week or month."""
        if not self.columns:
            return "day"
        bar = self.columns[0].bar
        days = (bar.end - bar.start).total_seconds() / 86400
        return "hour" if days < 1 else "day" if days < 2 else "week" if days < 20 else "month"  # noqa: PLR2004


def histogram(bars: Sequence[Bar], rate: int = 1) -> Histogram:
    """Return columns whose heights are shares of the highest count."""
    most = max((bar.count for bar in bars), default=0)
    width = 10
    columns = tuple(
        Column(bar, number * width + _GAP * width / 2, HEIGHT - height, width * (1 - _GAP), height)
        for number, bar in enumerate(bars)
        for height in [_height(bar.count, most)]
    )
    return Histogram(columns, max(len(bars), 1) * width, most, rate)


def _height(count: int, most: int) -> float:
    return 0.0 if not count else round(max(_LEAST, HEIGHT * count / most), 1)


@dataclass(frozen=True)
class Sparkline:
    """Points of a line in a view box, also closed to an area, and its last point."""

    points: str
    area: str
    last: tuple[float, float]
    width: int
    height: int


def sparkline(values: Sequence[float], width: int = 160, height: int = 32) -> Sparkline:
    """Return a line over values at equal distances, from zero to the highest."""
    most, margin = max(max(values, default=0), 1e-9), 2.5
    step = (width - 2 * margin) / max(len(values) - 1, 1)
    points = [
        (round(margin + number * step, 1), round(height - margin - (height - 2 * margin) * value / most, 1))
        for number, value in enumerate(values)
    ] or [(margin, height - margin)]
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    area = f"{points[0][0]:g},{height} {line} {points[-1][0]:g},{height}"
    return Sparkline(line, area, points[-1], width, height)
