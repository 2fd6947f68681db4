"""The text format: as Prometheus' own library reads it, of one process and of several."""

from __future__ import annotations

import re
import subprocess
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.journal import EVENTS
from shieldrelay.metrics.declared import COUNTED, HEARD, METRICS, PREFIX, Kind, Whose
from shieldrelay.metrics.exposition import Sample, counted, joined, written
from shieldrelay.metrics.heard import LABELS_MOST, Heard, Histogram
from shieldrelay.metrics.render import PAGE, metrics_page
from tests.capabilities import possible, program
from tests.structure.source import ROOT

FORBIDDEN = {"ip", "address", "peer", "source", "recipient", "sender", "helo", "session", "message", "reason"}


def parsed(text: bytes) -> dict[str, Any]:
    """Read it as Prometheus' library does."""
    return {one.name: one for one in text_string_to_metric_families(text.decode())}


def values(text: bytes, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """Give the values of a sample's name by its labels."""
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in parsed(text).values()
        for sample in family.samples
        if sample.name == PREFIX + name
    }


class DeclarationTests(SynchronousTestCase):
    """The table."""

    def test_names_follow_the_conventions(self) -> None:
        """What only grows ends in _total, and nothing else does; times are in seconds, sizes in bytes."""
        for name, metric in METRICS.items():
            self.assertRegex(name, r"\A[a-z][a-z_]*[a-z]\Z")
            self.assertEqual(name.endswith("_total"), metric.kind is Kind.COUNTER, name)
            self.assertNotRegex(name, r"_(ms|milliseconds|minutes|hours|kib|mib|octets|percent)(_|\Z)")
            if metric.kind is Kind.HISTOGRAM:
                self.assertTrue(name.endswith(("_seconds", "_bytes")), name)
                self.assertEqual(sorted(set(metric.bounds)), list(metric.bounds))

    def test_labels_have_few_values(self) -> None:
        """No label holds an address or what a peer said; counted events have their label declared."""
        for metric in METRICS.values():
            self.assertFalse(FORBIDDEN & set(metric.labels), metric.name)
        for metric in COUNTED:
            self.assertIn(metric.event, EVENTS)
            if metric.labels:
                self.assertTrue(EVENTS[metric.event].label, metric.name)

    def test_the_page_is_rendered_from_the_table(self) -> None:
        """``docs/metrics.md`` is what the declarations give."""
        self.assertEqual((ROOT / PAGE).read_text(), metrics_page())


class ExpositionTests(SynchronousTestCase):
    """One process."""

    def test_it_is_read_back(self) -> None:
        """Prometheus' parser gives the values that went in, hostile label values too."""
        samples = [
            Sample("smtp_sessions", 3),
            Sample("queue_messages", 7, ("example.test",)),
            Sample("queue_messages", 1.5, ('a"b\\c\nd',)),
            Sample("smtp_connections_accepted_total", 10**12),
        ]
        text = written(samples, (), 0)
        self.assertEqual(values(text, "smtp_sessions"), {(): 3.0})
        self.assertEqual(
            values(text, "queue_messages"), {(("domain", "example.test"),): 7.0, (("domain", 'a"b\\c\nd'),): 1.5}
        )
        self.assertEqual(values(text, "smtp_connections_accepted_total"), {(): 1e12})
        self.assertEqual(parsed(text)["shieldrelay_queue_messages"].type, "gauge")

    def test_the_journal_is_counted(self) -> None:
        """By label where one is declared, in sum where none is; what never happened has a zero where it can."""
        counts = {("session", "quit"): 5, ("session", "lost"): 2, ("spooled", "a"): 1, ("spooled", "b"): 2}
        text = written(counted(counts), (), 0)
        self.assertEqual(values(text, "smtp_sessions_total"), {(("end", "quit"),): 5.0, (("end", "lost"),): 2.0})
        self.assertEqual(values(text, "spool_stored_total"), {(): 3.0})
        self.assertEqual(values(text, "spool_expired_total"), {(): 0.0})

    def test_histograms_add_up(self) -> None:
        """Buckets hold all that is not above their bound, the last one everything; bounds belong to their bucket."""
        heard = Heard()
        for seconds in (0.001, 0.0011, 4.0, 1000.0):
            heard.hear("attempt", {"seconds": seconds, "result": "taken"})
        heard.hear("transaction", {"seconds": 0.1, "size": 5000, "result": "accepted"})
        heard.hear("spooled", {"seconds": None})
        text = written((), heard.all, 0)
        buckets = {
            dict(labels)["le"]: value for labels, value in values(text, "delivery_seconds_bucket").items()
        }
        self.assertEqual((buckets["0.001"], buckets["0.0025"], buckets["5"], buckets["300"]), (1.0, 2.0, 3.0, 3.0))
        self.assertEqual(buckets["+Inf"], 4.0)
        self.assertEqual(values(text, "delivery_seconds_count"), {(("result", "taken"),): 4.0})
        self.assertAlmostEqual(values(text, "delivery_seconds_sum")[(("result", "taken"),)], 1004.0021)
        self.assertEqual(values(text, "message_size_bytes_count"), {(): 1.0})
        self.assertEqual(values(text, "spool_store_seconds_count"), {})

    def test_histograms_are_bounded(self) -> None:
        """However many label values there are, so many series."""
        one = Histogram("delivery_seconds")
        for number in range(100):
            one.add(1.0, str(number))
        self.assertEqual(len(one.series), LABELS_MOST + 1)
        self.assertEqual(sum(sum(counts[:-1]) for counts in one.series.values()), 100)

    @possible("promtool")
    def test_promtool_finds_nothing(self) -> None:
        """Prometheus' own checker takes all that there may be."""
        done = subprocess.run(
            [program("promtool"), "check", "metrics"], input=everything(), capture_output=True, check=False,
            timeout=20,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))


def everything() -> bytes:
    """Give an exposition with every metric."""
    plain = [one for one in METRICS.values() if one.kind is not Kind.HISTOGRAM]
    samples = [Sample(one.name, 1, tuple("x" for _ in one.labels)) for one in plain]
    histograms = [Histogram(one.name) for one in HEARD]
    for each in histograms:
        each.add(1.0)
    return written(samples, histograms, 0)


class JoiningTests(SynchronousTestCase):
    """Several processes."""

    def test_each_has_its_label(self) -> None:
        """What a process says of itself has its number; what is the node's is the leader's and has none."""
        texts = [
            written([Sample("smtp_sessions", number), Sample("spool_free_bytes", number)], (), number)
            for number in (2, 1)
        ]
        text = joined(texts, written([Sample("worker_up", 1, ("1",))], (), 0))
        self.assertEqual(values(text, "smtp_sessions"), {(("worker", "2"),): 2.0, (("worker", "1"),): 1.0})
        self.assertEqual(values(text, "spool_free_bytes"), {(): 2.0})
        self.assertEqual(values(text, "worker_up"), {(("worker", "1"),): 1.0})

    def test_a_family_stands_together(self) -> None:
        """Each metric is headed once, and all its lines follow."""
        text = joined([everything(), everything()], b"")
        heads = re.findall(rb"^# TYPE (\S+)", text, re.MULTILINE)
        self.assertEqual(len(heads), len(set(heads)))
        self.assertEqual(set(heads), {one.full_name.encode() for one in METRICS.values()})
        for block in text.split(b"# HELP ")[1:]:
            family = block.split()[0]
            for line in block.splitlines()[2:]:
                self.assertTrue(line.startswith(family), line)
        doubled = [one for one in METRICS.values() if one.whose is Whose.NODE]
        for one in doubled:
            self.assertEqual(len(re.findall(rf"^{one.full_name}[{{ ]".encode(), text, re.MULTILINE)), 1)
