"""The ledger of down-times between memory and disk."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.drafts import Drafts
from shieldrelay.assembly.outages import Outages
from shieldrelay.assembly.ways import WayOutages
from shieldrelay.spool.ledger import Change, Interval, Ledger
from shieldrelay.testing.journal import ListJournal


class Files:
    """A spool as far as its ledgers are asked for; the disk answers when the test says so."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.written: list[tuple[Change, float]] = []
        self.waiting: list[Deferred[None]] = []

    def compact_ledger(self, _domain: str, _before: float) -> Deferred[Ledger]:
        """Read."""
        return succeed(self.ledger)

    def append_ledger(self, _domain: str, change: Change, at: float) -> Deferred[None]:
        """Write a line."""
        self.written.append((change, at))
        self.waiting.append(Deferred())
        return self.waiting[-1]


class OutagesTests(SynchronousTestCase):
    """One domain's down-times."""

    def setUp(self) -> None:
        self.files, self.journal, self.now = Files(), ListJournal(), 10_000.0
        spool: Any = self.files
        self.outages = Outages(spool, kept=1000.0, wall=lambda: self.now, journal=self.journal)

    def load(self) -> float | None:
        return self.successResultOf(Deferred.fromCoroutine(self.outages.load("a.test")))

    def test_an_outage_that_was_never_ended(self) -> None:
        """It is told by how many seconds it lasts, never less than none if the clock was set back."""
        self.assertIsNone(self.load())
        self.files.ledger = Ledger((Interval(9_900.0, None),))
        self.assertEqual(self.load(), 100.0)
        self.now = 9_000.0
        self.assertEqual(self.load(), 0.0)

    def test_lines_are_written_in_order(self) -> None:
        """A change is in force at once, and on the disk behind the one before it."""
        self.outages.down("a.test", 5.0)
        self.assertEqual(self.outages.down_since("a.test"), 9_995.0)
        self.now += 60
        self.outages.up("a.test")
        self.assertIsNone(self.outages.down_since("a.test"))
        self.assertEqual(self.files.written, [(Change.DOWN, 9_995.0)])
        self.files.waiting.pop().callback(None)
        self.assertEqual(self.files.written, [(Change.DOWN, 9_995.0), (Change.UP, 10_060.0)])
        self.assertEqual(self.outages.of("a.test").overlap(9_000.0, 20_000.0), 65.0)
        self.assertEqual([one.called for one in self.outages.written()], [False])
        self.files.waiting.pop().callback(None)
        self.assertEqual([one.called for one in self.outages.written()], [True])

    def test_a_line_that_cannot_be_written(self) -> None:
        """A failing disk, or a bug, is told; memory knows the change, and the next line is tried again."""
        self.outages.down("a.test", 0.0)
        self.outages.up("a.test")
        self.outages.down("a.test", 0.0)
        for error in (OSError(28, "No space left on device"), KeyError("boo")):
            self.files.waiting.pop().errback(error)
        self.files.waiting.pop().callback(None)
        self.assertEqual([name for name, _fields in self.journal.events], ["ledger_failed", "bug"])
        self.assertEqual([one.value for one, _at in self.files.written], ["down", "up", "down"])
        self.assertIsNotNone(self.outages.down_since("a.test"))

    def test_a_way_that_was_replaced_tells_nothing(self) -> None:
        """What the last attempts towards an old server come to is not the new one's outage."""
        way = WayOutages(self.outages)
        way.down("a.test", 0.0)
        way.retire()
        way.up("a.test")
        self.assertIsNotNone(self.outages.down_since("a.test"))
        self.outages.up("a.test")
        way.down("a.test", 0.0)
        self.assertIsNone(self.outages.down_since("a.test"))


class OneDraft:
    """A spool draft; it can be discarded after it was committed."""

    message = None

    def commit(self, *, due: float, progress: object = None) -> Deferred[Any]:
        """Fail."""
        return fail(OSError(due))

    def discard(self) -> Deferred[None]:
        """Be gone."""
        return succeed(None)


class DraftsTests(SynchronousTestCase):
    """How many messages are growing on the disk."""

    def test_each_is_counted_once(self) -> None:
        """A draft counts from its opening to its end, however often and in whatever way it ends."""

        class Spool:
            def draft(self, _message: object) -> Deferred[Any]:
                return succeed(OneDraft())

        spool: Any = Spool()
        message: Any = None
        drafts = Drafts(spool)
        first, second = (self.successResultOf(drafts.open(message)) for _ in range(2))
        self.assertEqual(drafts.growing, 2)
        self.failureResultOf(first.commit(due=1.0), OSError)
        first.discard()
        second.discard()
        second.discard()
        self.assertEqual(drafts.growing, 0)
