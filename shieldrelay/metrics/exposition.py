"""Prometheus' text format (version 0.0.4): writes what one process measured, and joins what several wrote.

Pure. Each family is a block of lines that begins with ``# HELP``; that is all that joining needs to know.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from shieldrelay.metrics.declared import COUNTED, METRICS, Kind, Metric, Whose
from shieldrelay.metrics.heard import Histogram


@frozen
class Sample:
    """One value of a metric.

    :ivar labels: their values, as many as the metric has names.
    """

    metric: str
    value: float
    labels: tuple[str, ...] = ()


def counted(counts: Mapping[tuple[str, str], int]) -> Iterator[Sample]:
    """Give the samples of what a journal has counted.

    :param counts: by event and label, as `journal.Journal.counts`.
    """
    by_event: dict[str, dict[str, int]] = {}
    for (event, label), count in counts.items():
        by_event.setdefault(event, {})[label] = count
    for metric in COUNTED:
        found = by_event.get(metric.event, {})
        if metric.labels:
            yield from (Sample(metric.name, count, (label,)) for label, count in found.items())
        else:
            yield Sample(metric.name, sum(found.values()))


class Page:
    """The metrics of a process as they are written, piece by piece.

    :param worker: its number, 0 for the only one of a node.
    """

    def __init__(self, worker: int) -> None:
        self._worker = worker
        self._families: dict[str, list[str]] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Write some more."""
        for sample in samples:
            metric = METRICS[sample.metric]
            line = f"{metric.full_name}{_labels(metric, sample.labels, self._worker)} {_number(sample.value)}\n"
            self._families.setdefault(metric.name, []).append(line)

    def add_histograms(self, histograms: Iterable[Histogram]) -> None:
        """Write histograms."""
        for histogram in histograms:
            self._families[histogram.name] = list(_buckets(histogram, self._worker))

    def octets(self) -> bytes:
        """Give it whole, each metric's lines together."""
        families = self._families.items()
        return "".join(_head(METRICS[name]) + "".join(lines) for name, lines in families if lines).encode("utf-8")


def written(samples: Iterable[Sample], histograms: Sequence[Histogram], worker: int) -> bytes:
    """Write the metrics of a process at once."""
    page = Page(worker)
    page.add(samples)
    page.add_histograms(histograms)
    return page.octets()


def joined(texts: Sequence[bytes], more: bytes = b"") -> bytes:
    """Join what a node's processes have written; what is the node's is taken from the first.

    :param texts: the leader's first.
    :param more: what the parent wrote.
    """
    families: dict[str, list[str]] = {}
    heads: dict[str, str] = {}
    for place, text in enumerate((*texts, more)):
        for block in text.decode("utf-8").split("# HELP ")[1:]:
            words, kind, lines = _parted(block)
            name = words.partition(" ")[0]
            metric = METRICS.get(name.removeprefix("shieldrelay_"))
            if place and metric is not None and metric.whose is Whose.NODE:
                continue
            heads[name] = f"# HELP {words}\n{kind}\n"
            families.setdefault(name, []).append(lines)
    return "".join(heads[name] + "".join(lines) for name, lines in families.items()).encode("utf-8")


def _parted(block: str) -> tuple[str, str, str]:
    words, _, rest = block.partition("\n")
    kind, _, lines = rest.partition("\n")
    return words, kind, lines


def _head(metric: Metric) -> str:
    return f"# HELP {metric.full_name} {metric.help}\n# TYPE {metric.full_name} {metric.kind.value}\n"


def _labels(metric: Metric, values: Sequence[str], worker: int, *more: tuple[str, str]) -> str:
    pairs = [*zip(metric.labels, values, strict=True), *more]
    if worker and metric.whose is Whose.PROCESS and "worker" not in metric.labels:
        pairs.append(("worker", str(worker)))
    if not pairs:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _buckets(histogram: Histogram, worker: int) -> Iterator[str]:
    metric = METRICS[histogram.name]
    assert metric.kind is Kind.HISTOGRAM
    for label, counts in histogram.series.items():
        values = (label,) if metric.labels else ()
        total = 0.0
        for bound, count in zip((*histogram.bounds, math.inf), counts, strict=False):
            total += count
            labels = _labels(metric, values, worker, ("le", _number(bound)))
            yield f"{metric.full_name}_bucket{labels} {_number(total)}\n"
        labels = _labels(metric, values, worker)
        yield f"{metric.full_name}_sum{labels} {_number(counts[-1])}\n"
        yield f"{metric.full_name}_count{labels} {_number(total)}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
