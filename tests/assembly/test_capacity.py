"""What the disk can take, asked each second: levels, the domains' shares, and a file system that does not answer."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.capacity import Capacity
from shieldrelay.spool.entry import Tally
from shieldrelay.spool.headroom import Reserve
from shieldrelay.spool.operations import Space
from shieldrelay.testing.journal import ListJournal

GIB = 1 << 30


class Disk:
    """A spool as far as its disk is asked for."""

    def __init__(self) -> None:
        self.free = 100 * GIB
        self.error: Exception | None = None
        self.asked = 0
        self.hung: Deferred[Space] | None = None
        self.tallies = {"a.test": Tally(0, 0), "b.test": Tally(0, 0)}

    def space(self) -> Deferred[Space]:
        """Ask the file system."""
        self.asked += 1
        if self.hung is not None:
            return self.hung
        space = Space(octets_free=self.free, octets_all=200 * GIB, inodes_free=1000, inodes_all=2000)
        return succeed(space) if self.error is None else fail(self.error)

    def count(self, domain: str) -> Tally:
        """Count a domain's backlog."""
        return self.tallies[domain]


class CapacityTests(SynchronousTestCase):
    """One node's disk."""

    def setUp(self) -> None:
        self.disk, self.clock, self.journal, self.drafts = Disk(), Clock(), ListJournal(), 0
        spool: Any = self.disk
        self.capacity = Capacity(
            spool,
            Reserve(),
            drafts=lambda: self.drafts,
            domains=lambda: self.disk.tallies,
            clock=self.clock,
            journal=self.journal,
        )
        self.successResultOf(Deferred.fromCoroutine(self.capacity.start()))

    def test_a_disk_that_hangs_takes_no_mail_until_it_answers(self) -> None:
        """Ten seconds after it was asked nobody is let in any more; its answer, however late, ends that."""
        self.disk.hung = Deferred()
        self.clock.advance(1)
        self.clock.advance(9.9)
        self.assertIsNone(self.capacity.full())
        self.clock.advance(0.1)
        self.assertIn("has not answered", self.capacity.full() or "")
        self.clock.advance(60)
        self.assertEqual([line["state"] for line in self.journal.named("headroom")], ["refuse"])
        hung, self.disk.hung = self.disk.hung, None
        hung.callback(Space(100 * GIB, 200 * GIB, 1000, 2000))
        self.assertIsNone(self.capacity.full())
        self.clock.advance(60)
        self.assertIsNone(self.capacity.full())

    def test_nobody_waits_for_a_disk_that_hangs_at_the_stop(self) -> None:
        """Nothing is left to be called when the node stops meanwhile."""
        self.disk.hung = Deferred()
        self.clock.advance(1)
        self.capacity.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_levels(self) -> None:
        """Plenty, little and too little follow the disk within a second, each change told once with figures."""
        for free, full in ((100, False), (10, False), (1, True), (1, True), (100, False)):
            self.disk.free = free * GIB
            self.clock.advance(1)
            self.assertEqual(self.capacity.full() is not None, full, free)
        told = [(one["state"], one["free"]) for one in self.journal.named("headroom")]
        self.assertEqual(told, [("warn", 10 * GIB), ("refuse", GIB), ("ok", 100 * GIB)])

    def test_drafts_need_room(self) -> None:
        """Messages that are growing on the disk raise what is kept free."""
        self.disk.free = 50 * GIB
        self.drafts = 400
        self.clock.advance(1)
        self.assertIn("kept in reserve", self.capacity.full() or "")

    def test_a_domain_with_more_than_its_share(self) -> None:
        """A domain whose backlog has its share is full and others are not; the alarm is told, and its end."""
        self.disk.tallies["a.test"] = Tally(10, 160 * GIB)
        self.clock.advance(1)
        self.assertIn("share of the disk", self.capacity.domain_full("a.test") or "")
        self.assertEqual((self.capacity.domain_full("b.test"), self.capacity.full()), (None, None))
        self.disk.tallies["a.test"] = Tally(1, GIB)
        self.clock.advance(1)
        self.assertIsNone(self.capacity.domain_full("a.test"))
        self.assertEqual(
            [(name, told["domain"]) for name, told in self.journal.events],
            [("alarm", "a.test"), ("alarm_over", "a.test")],
        )

    def test_a_file_system_that_cannot_be_asked(self) -> None:
        """What cannot be told may be full; when it answers again mail is taken again."""
        self.disk.error = OSError(5, "Input/output error")
        self.clock.advance(1)
        self.assertIn("Input/output error", self.capacity.full() or "")
        self.disk.error = None
        self.clock.advance(1)
        self.assertIsNone(self.capacity.full())

    def test_a_bug_does_not_end_the_looking(self) -> None:
        """A bug is told, and the next second looks again."""
        self.disk.error = KeyError("boo")
        self.clock.advance(1)
        self.assertEqual([one["where"] for one in self.journal.named("bug")], ["capacity"])
        self.disk.error, asked = None, self.disk.asked
        self.clock.advance(1)
        self.assertEqual(self.disk.asked, asked + 1)

    def test_the_stop(self) -> None:
        """After the stop nothing is asked any more."""
        self.capacity.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
