"""The names that operators alert on."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.outcome import Blame
from mail_sender.observability.metrics import Metrics
from tests.make import make_attempt, make_message


def test_the_page_names_every_metric_and_no_other() -> None:
    """An alert on a metric that does not exist never fires."""
    page = Path("docs/metrics.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(mail_sender_\w+)`", page, re.MULTILINE))
    there_are = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in Metrics().registry.collect()
    }
    assert documented == there_are


def test_an_attempt_is_counted_by_provider_outcome_and_blame() -> None:
    """Whose fault it is must be visible in a graph."""
    metrics = Metrics()
    made = make_attempt(OutcomeKind.DEFERRED, blame=Blame.PROVIDER, duration=timedelta(seconds=0.2))
    metrics.attempt(make_message(), made)
    text = metrics.render().decode()
    assert 'attempts_total{blame="provider",outcome="deferred",provider="ses"} 1.0' in text
    assert 'attempt_seconds_bucket{le="0.25",provider="ses"} 1.0' in text
    assert 'attempt_seconds_bucket{le="0.1",provider="ses"} 0.0' in text
