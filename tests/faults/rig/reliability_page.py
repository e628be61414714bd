"""The table of docs/reliability.md, written from a report of the fault matrix: `make reliability`.

The report is kept beside the page, so that a test can hold one against the other.
"""

import sys
from typing import Any

from tests.faults.matrix import MATRIX
from tests.faults.report import Report, Rows, number, untold
from tests.paths import ROOT

PAGE = ROOT / "docs/reliability.md"
KEPT = ROOT / "docs/reliability.json"
SEEN = ROOT / "reports/faults.json"
BEGIN, END = "<!-- from docs/reliability.json, by make reliability -->\n", "<!-- end -->\n"
_BAD = ("lost", "duplicated", "told_twice", "stale", "texts_missing", "wrong_letters", "audit", "regressions")
_QUIET = {*_BAD, "fine", "at", "acked", "outcomes", "peak_mb", "livez_slowest_s", "missing", "adds_up"}
_SERVICES = ("ingest", "extract", "store")


def table(rows: Rows) -> str:
    lines = ["| row | fault | invariants | result | figures |", "|---|---|---|---|---|"]
    for key, row in MATRIX.items():
        for part, seen in rows.items():
            if number(part) == key:
                lines.append(f"| {part} | {row.fault} | {row.invariants} | {_result(seen)} | {_figures(seen)} |")
    return "\n".join(lines) + "\n"


def _result(seen: dict[str, Any]) -> str:
    if "skipped" in seen:
        return f"not run: {seen['skipped']}"
    wrong = [f"{seen[name]} {name}" for name in _BAD if seen.get(name)]
    if not seen["fine"] or wrong:
        return f"**failed**: {', '.join(wrong) or seen.get('why', '')}"
    return "held"


def _figures(seen: dict[str, Any]) -> str:
    if "skipped" in seen:
        return ""
    found = []
    if "acked" in seen:
        found.append(f"{seen['acked']} acked = {_sum(seen.get('outcomes', {}))}")
    if peaks := {name: peak for name, peak in seen.get("peak_mb", {}).items() if name.startswith(_SERVICES)}:
        found.append(f"peak MB: {_listed(peaks)}")
    found += [f"{name.replace('_', ' ')}: {_value(value)}" for name, value in seen.items() if _told(name, value)]
    return "; ".join(found)


def _told(name: str, value: object) -> bool:
    return name not in _QUIET and value not in (None, [], {}, True)


def _sum(outcomes: dict[str, int]) -> str:
    return " + ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return _listed(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def written(page: str, rows: Rows) -> str:
    """Return the page with the table anew, and nothing else changed."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    rows = Report(SEEN).rows()
    if missing := untold(rows):
        print(f"{SEEN} says nothing of rows {', '.join(missing)}: run `make test-faults`", file=sys.stderr)  # noqa: T201
        return 1
    KEPT.write_text(SEEN.read_text())
    PAGE.write_text(written(PAGE.read_text(), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
