"""The alert rules and the dashboard that are shipped: they use what there is, and the rules fire when they should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.metrics.declared import METRICS, PREFIX, Kind
from tests.capabilities import possible, program
from tests.structure.source import ROOT

RULES = ROOT / "etc/prometheus/shieldrelay.rules.yml"
DASHBOARD = ROOT / "etc/grafana/shieldrelay.json"
OUTSIDE = {"instance", "job", "le", "worker"}
"""Labels that Prometheus or a node of several processes adds."""
HOURS = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
"""
CASE = """
  - interval: 1m
    input_series:
      - series: '{series}'
        values: '{values}'
    alert_rule_test:
      - eval_time: 30m
        alertname: {alert}
        exp_alerts: [{expected}]
"""


def exposed() -> set[str]:
    """Name every series that there is."""
    names = {one.full_name for one in METRICS.values()}
    for one in METRICS.values():
        if one.kind is Kind.HISTOGRAM:
            names |= {one.full_name + end for end in ("_bucket", "_sum", "_count")}
    return names


def expressions() -> Iterator[str]:
    """Give what the dashboard asks."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


class ShippedTests(SynchronousTestCase):
    """``etc/prometheus`` and ``etc/grafana``."""

    def test_metrics_exist(self) -> None:
        """Rules and dashboard name no metric that is not exposed."""
        for text in (RULES.read_text(), DASHBOARD.read_text()):
            named = set(re.findall(rf"{PREFIX}[a-z_]+", text))
            self.assertGreater(len(named), 15)
            self.assertEqual(named - exposed(), set())

    def test_labels_exist(self) -> None:
        """What is asked of a metric, or summed by, is one of its labels."""
        for text in (RULES.read_text(), *expressions()):
            for name, asked in re.findall(rf"{PREFIX}([a-z_]+)\{{([^}}]*)\}}", text):
                metric = METRICS.get(name) or METRICS[name.removesuffix("_bucket")]
                labels = set(re.findall(r"([a-z_]+)=", asked))
                self.assertEqual(labels - set(metric.labels) - OUTSIDE, set(), text)
        every = {label for one in METRICS.values() for label in one.labels} | OUTSIDE
        for text in (RULES.read_text(), *expressions()):
            for words in re.findall(r"\b(?:by|without) \(([^)]*)\)", text):
                self.assertEqual({word.strip() for word in words.split(",")} - every, set())

    def test_every_panel_asks_something(self) -> None:
        """A panel of the dashboard has a title and a question, and none lies upon another."""
        dashboard = json.loads(DASHBOARD.read_text())
        places: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            self.assertTrue(panel["title"])
            self.assertTrue(panel["type"] == "row" or panel["targets"])
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            self.assertFalse(places & cells, panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24)
            places |= cells

    @possible("promtool")
    def test_rules_are_rules(self) -> None:
        """Prometheus' own checker takes them."""
        self._promtool("check", "rules", str(RULES))

    @possible("promtool")
    def test_rules_fire(self) -> None:
        """Each of some rules fires for what it is for, and for nothing else."""
        cases: tuple[tuple[str, str, str, bool], ...] = (
            ("ShieldrelayNextHopDown", 'shieldrelay_next_hop_up{domain="a.test",worker="1"}', "0x60", True),
            ("ShieldrelayNextHopDown", 'shieldrelay_next_hop_up{domain="a.test"}', "1x60", False),
            ("ShieldrelayAlarmsOpen", 'shieldrelay_alarms_open{level="error"}', "1x60", True),
            ("ShieldrelayAlarmsOpen", 'shieldrelay_alarms_open{level="warn"}', "1x60", False),
            ("ShieldrelaySpoolFillsUp", "shieldrelay_spool_free_bytes", "10000000000-100000000x60", True),
            ("ShieldrelaySpoolFillsUp", "shieldrelay_spool_free_bytes", "10000000000+0x60", False),
            ("ShieldrelayQueueOld", 'shieldrelay_queue_oldest_seconds{domain="a.test"}', "7200x60", True),
            ("ShieldrelayListMissing", 'shieldrelay_recipients_state{domain="a.test",state="missing"}', "1x60", True),
            ("ShieldrelayListMissing", 'shieldrelay_recipients_state{domain="a.test",state="observed"}', "1x60", False),
            ("ShieldrelayBug", 'shieldrelay_bugs_total{where="x"}', "0+0x25 1x30", True),
            ("ShieldrelayRestarts", 'shieldrelay_worker_starts_total{worker="1"}', "0+1x60", True),
            ("ShieldrelayRestarts", 'shieldrelay_worker_starts_total{worker="1"}', "3x60", False),
        )
        done = [self._fires(*case[:3]) for case in cases]
        self.assertEqual(done, [case[3] for case in cases])

    def _fires(self, alert: str, series: str, values: str) -> bool:
        """Whether a rule fires half an hour after the beginning; the checker is told that none does."""
        file = Path(self.mktemp())
        file.write_text(
            HOURS.format(rules=RULES) + CASE.format(series=series, values=values, alert=alert, expected="")
        )
        done = self._done_by("test", "rules", str(file))
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(done.returncode == 1, f"alertname:{alert}" in done.stderr.replace(" ", ""), done.stderr)
        return done.returncode == 1

    def _promtool(self, *words: str) -> None:
        done = self._done_by(*words)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    def _done_by(self, *words: str) -> Any:
        command = [program("promtool"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
