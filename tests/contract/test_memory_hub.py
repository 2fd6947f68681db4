"""The memory hub keeps the contract of hubs, and its own caps."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.cluster.hub import Hub, Record, Report
from shieldrelay.cluster.kinds import Field, Kind
from shieldrelay.cluster.memory_hub import MemoryHub
from shieldrelay.testing.hub_contract import make_hub_tests
from shieldrelay.testing.hub_site import KINDS

EPOCH = 1_800_000_000.0


class MemorySite:
    """One hub in which all members meet."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._hub = MemoryHub(KINDS, self._clock, self.now_wall, alone=False)

    def connect(self) -> Hub:
        return self._hub

    def now_wall(self) -> float:
        return EPOCH + self._clock.seconds()

    def pass_time(self, seconds: float) -> Deferred[None]:
        self._clock.advance(seconds)
        return succeed(None)

    def close(self) -> Deferred[None]:
        return succeed(None)


class MemoryHubTests(make_hub_tests(MemorySite)):  # type: ignore[misc]  # made for this site
    """The contract."""


class MemoryHubCapTests(unittest.SynchronousTestCase):
    def test_rows_are_capped(self) -> None:
        """A flood of distinct rows leaves no more than the kind's cap allows."""
        clock = Clock()
        kind = Kind("flood", (Field("count"),), 1e9, octets=100_000)
        hub = MemoryHub((kind,), clock, lambda: EPOCH + clock.seconds(), alone=False)
        most = 0
        for number in range(20):
            records = [Record("flood", b"%d.%d" % (number, n), EPOCH, (1.0,)) for n in range(1000)]
            self.successResultOf(hub.exchange(Report("one", EPOCH, 0, tuple(records))))
            most = max(most, hub.rows)
        self.assertLess(most, 2000)
        self.assertGreater(most, 500)

    def test_nothing_grows_without_an_end(self) -> None:
        """When every member has gone silent, the next exchange finds an empty hub."""
        clock = Clock()
        kind = Kind("k", (Field("count"),), 1e9)
        hub = MemoryHub((kind,), clock, lambda: EPOCH + clock.seconds(), alone=False)
        for number in range(50):
            record = Record("k", b"%d" % number, EPOCH, (1.0,))
            self.successResultOf(hub.exchange(Report(f"m{number}", EPOCH, 0, (record,))))
        clock.advance(31.0)
        news = self.successResultOf(hub.exchange(Report("last", EPOCH, 0)))
        self.assertEqual((hub.rows, news.members), (0, 1))
