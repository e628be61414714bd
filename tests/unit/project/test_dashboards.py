"""Dashboards and alerts name only metrics, labels and streams that there are; Prometheus' own tool reads the rules."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it has no types

from shared.observability.metrics import DEFINITIONS
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import CONSUMERS
from tests.paths import ROOT

PROMTOOL = shutil.which("promtool")
RULES = ROOT / "deploy/prometheus/rules.yaml"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]
]
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
OF_PROMETHEUS = {"up": {"job", "service", "instance"}}
OF_THE_TARGET = {"job", "service", "instance"}
WORDS = {"by", "on", "and", "or", "unless", "without", "ignoring", "group_left", "group_right", "bool", "offset"}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def exposed() -> dict[str, set[str]]:
    """Return the labels of every sample that a service exposes, FastStream's among them, by its name."""
    registry = Broker("ingest", Settings()).metrics.registry
    labels = {
        getattr(collector, "_name", ""): {*getattr(collector, "_labelnames", ())}
        for collector in registry._collector_to_names  # noqa: SLF001 - the registry has no public way to its labels
    }
    return OF_PROMETHEUS | {
        family.name + suffix: labels[family.name] | OF_THE_TARGET | ({"le"} if suffix == "_bucket" else set())
        for family in registry.collect()
        for suffix in SUFFIXES[family.type]
    }


def panels(of: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in of:
        yield panel
        yield from panels(panel.get("panels", []))


def expressions() -> Iterator[tuple[str, str]]:
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for path in DASHBOARDS:
        for panel in panels(json.loads(path.read_text("utf-8"))["panels"]):
            for target in panel.get("targets", ()):
                yield f"{path.name}: {panel['title']}", target["expr"]


def named(expression: str) -> tuple[set[str], set[str], set[str]]:
    """Return the names of metrics, the labels it selects them by, and those it groups by."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    selected = {label for inside in re.findall(r"\{([^}]*)\}", bare) for label in re.findall(r"(\w+)\s*[=!]", inside)}
    grouped = {
        label
        for inside in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", bare)
        for label in re.findall(r"\w+", inside)
    }
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w.])([a-zA-Z_]\w*)\s*(\(?)", bare)
    return {word for word, called in words if not called and word not in WORDS}, selected, grouped


def test_reading_an_expression_tells_metrics_from_functions_and_labels() -> None:
    read = named('sum by (stage) (rate(a_total{kind=~"x|y"}[5m])) / on (stage) b > 0.01 and time() - c > 1e3')
    assert read == ({"a_total", "b", "c"}, {"kind"}, {"stage"})


@pytest.mark.parametrize(("where", "expression"), [*expressions()])
def test_every_metric_and_label_that_is_named_exists(where: str, expression: str) -> None:
    known = exposed()
    metrics, selected, grouped = named(expression)
    assert metrics, f"{where} names no metric: {expression}"
    assert metrics <= set(known), f"{where}: no service exposes {sorted(metrics - set(known))}"
    having = set[str]().union(*(known[metric] for metric in metrics))
    assert selected | grouped <= having, (
        f"{where}: none of {sorted(metrics)} has {sorted((selected | grouped) - having)}"
    )


def test_every_metric_of_ours_is_on_a_dashboard() -> None:
    shown = {name for where, expression in expressions() if ".json" in where for name in named(expression)[0]}
    missing = [each.name for each in DEFINITIONS if not any(name.startswith(each.name) for name in shown)]
    assert missing == []


def test_the_legend_of_a_panel_has_only_labels_that_its_expression_keeps() -> None:
    for path in DASHBOARDS:
        for panel in panels(json.loads(path.read_text("utf-8"))["panels"]):
            for target in panel.get("targets", ()):
                legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                assert legend <= named(target["expr"])[2], panel["title"]


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    for path in DASHBOARDS:
        every = [*panels(json.loads(path.read_text("utf-8"))["panels"])]
        assert len({panel["id"] for panel in every}) == len(every)
        places = [panel["gridPos"] for panel in every]
        cells = [
            (x, y)
            for at in places
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


def test_the_alert_on_exhausted_deliveries_has_the_numbers_of_the_topology() -> None:
    [rule] = [rule for rule in ALERTS if rule["alert"] == "WireroomDeliveriesExhausted"]
    numbers = re.findall(r'stage="(\w+)"\}\) >= (\d+)', rule["expr"])
    assert {stage: int(number) for stage, number in numbers} == {
        consumer.durable: consumer.max_ack_pending for consumer in CONSUMERS
    }


def test_every_alert_is_in_the_page_of_operations_and_in_the_cases() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    cases = (ROOT / "tests/alerts/alerts.yaml").read_text("utf-8")
    for rule in ALERTS:
        assert f"`{rule['alert']}`" in page
        assert f"alertname: {rule['alert']}," in cases, "a case of health"
        assert f'alertname="{rule["alert"]}"' in cases, "a case in which it fires"
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not there: `apt-get install prometheus`")
def test_prometheus_reads_its_configuration_and_rules_and_alerts_fire_when_they_should(tmp_path: Path) -> None:
    def promtool(*arguments: str) -> None:
        done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    promtool("check", "config", "--syntax-only", str(RULES.with_name("prometheus.yaml")))
    promtool("check", "rules", str(RULES))
    cases = tmp_path / "alerts.yaml"
    cases.write_text(
        f"rule_files: [{json.dumps(str(RULES))}]\n" + (ROOT / "tests/alerts/alerts.yaml").read_text("utf-8")
    )
    promtool("test", "rules", str(cases))
