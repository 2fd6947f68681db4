"""`Heard`: histograms of what the journal's events say of times and sizes.

Told of each message, so it does nothing but find a bucket: about half a microsecond an event. Pure; cannot fail.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from shieldrelay.metrics.declared import METRICS

LABELS_MOST = 20
"""Series of one histogram; further label values count as ``other``."""


class Histogram:
    """Counts by size, for each value of a label.

    :ivar series: by label: counts of the buckets (not added up), of what is above all bounds, and the sum.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.bounds = METRICS[name].bounds
        self.series: dict[str, list[float]] = {}

    def add(self, value: float, label: str = "") -> None:
        """Count one."""
        counts = self.series.get(label)
        if counts is None:
            counts = self._first(label)
        counts[bisect_left(self.bounds, value)] += 1
        counts[-1] += value

    def _first(self, label: str) -> list[float]:
        if len(self.series) >= LABELS_MOST:
            label = "other"
        return self.series.setdefault(label, [0.0] * (len(self.bounds) + 2))


class Heard:
    """The histograms of a process."""

    EVENTS = ("transaction", "attempt", "spooled")

    def __init__(self) -> None:
        self.transactions = Histogram("smtp_transaction_seconds")
        self.sizes = Histogram("message_size_bytes")
        self.deliveries = Histogram("delivery_seconds")
        self.stores = Histogram("spool_store_seconds")

    @property
    def all(self) -> tuple[Histogram, ...]:
        """All of them."""
        return self.transactions, self.sizes, self.deliveries, self.stores

    def hear(self, event: str, fields: Mapping[str, object]) -> None:
        """Take one event of the journal."""
        seconds = fields.get("seconds")
        if type(seconds) is not float and type(seconds) is not int:
            return
        if event == "attempt":
            self.deliveries.add(seconds, str(fields.get("result")))
        elif event == "transaction":
            self.transactions.add(seconds, str(fields.get("result")))
            size = fields.get("size")
            if type(size) is int and size:
                self.sizes.add(size)
        else:
            self.stores.add(seconds)
