"""Alerts and dashboard ask for metrics that exist: a misspelt one is silent for ever."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import yaml

from mail_sender.api import errors as errors_of_the_door
from mail_sender.api.problems import kind_of
from mail_sender.domain import errors
from mail_sender.observability.metrics import Metrics
from tests.requirements import need

from .inventories import ROOT

RULES = ROOT / "deploy/prometheus/mail-sender.rules.yml"
DASHBOARD = ROOT / "deploy/prometheus/dashboard.json"


def asked_for() -> dict[str, str]:
    """Return every expression, by the name of its alert or panel."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    found = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    return found


def existing() -> dict[str, set[str]]:
    """Return the metrics that the gateway has, as Prometheus sees them, with their labels."""
    found: dict[str, set[str]] = {}
    for collector in vars(Metrics()).values():
        for metric in collector.describe() if hasattr(collector, "describe") else ():
            labels = set(collector._labelnames)
            for suffix in {
                "counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"],
            }[metric.type]:  # fmt: skip
                found[metric.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


@pytest.mark.parametrize("where", sorted(asked_for()))
def test_a_metric_that_is_asked_for_exists_with_its_labels(where: str) -> None:
    """After a metric was renamed, the alert on it would never fire again."""
    expression, metrics = asked_for()[where], existing()
    for name, selected in re.findall(r"(mail_sender_\w+)(?:\{([^}]*)\})?", expression):
        assert name in metrics
        assert set(re.findall(r"(\w+)(?==)", selected)) <= metrics[name]


def test_alerts_name_codes_that_exist() -> None:
    """The same for the values of a label."""
    code = asked_for()["SubmissionsRefused"]
    known = {
        kind_of(error).code
        for error in (
            errors.StoreUnavailable("x"), errors.QueueFull(), errors.Draining(),
            errors_of_the_door.NotReady("x"),
        )
    }  # fmt: skip

    assert set(re.findall(r'code=~"([^"]+)"', code)[0].split("|")) <= known


def test_prometheus_takes_the_rules() -> None:
    """With one mistake in the file it loads none of them."""
    need(shutil.which("promtool"), "promtool: Debian's package prometheus")
    done = subprocess.run(
        ["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_every_alert_says_what_to_do() -> None:
    """Whoever is woken by it has not read this repository."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"].keys() == {"summary", "action"}
            assert rule["labels"]["severity"] in {"page", "ticket"}
