"""Group commit: a directory fsync covers only what was finished before it started."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.rounds import CommitRounds


class CommitRoundsTests(SynchronousTestCase):
    def setUp(self):
        self.syncs: list[Deferred[None]] = []
        self.rounds = CommitRounds(self.sync)

    def sync(self) -> Deferred[None]:
        self.syncs.append(Deferred())
        return self.syncs[-1]

    def test_the_first_starts_a_round_at_once(self):
        """Nobody waits for company."""
        waiter = self.rounds.join()
        self.assertNoResult(waiter)
        self.syncs[0].callback(None)
        self.assertIsNone(self.successResultOf(waiter))

    def test_whoever_comes_during_a_round_waits_for_the_next(self):
        """The round under way may have missed their names; the next serves all of them together."""
        first, second, third = (self.rounds.join() for _ in range(3))
        self.assertEqual(len(self.syncs), 1)
        self.syncs[0].callback(None)
        self.successResultOf(first)
        self.assertNoResult(second)
        self.assertNoResult(third)
        self.assertEqual(len(self.syncs), 2)
        self.syncs[1].callback(None)
        self.successResultOf(second)
        self.successResultOf(third)
        self.assertEqual(self.rounds.count, 2)

    def test_a_round_that_fails_fails_its_own_waiters_only(self):
        """The next round is a new fsync of a new descriptor."""
        first, second = self.rounds.join(), self.rounds.join()
        self.syncs[0].errback(OSError("no"))
        self.failureResultOf(first, OSError)
        self.syncs[1].callback(None)
        self.successResultOf(second)

    def test_a_waiter_may_join_again_at_once(self):
        """Thousands of them, with a sync that is done at once, nest nothing."""
        rounds = CommitRounds(lambda: succeed(None))
        for _ in range(5000):
            self.successResultOf(rounds.join())
        again: list[Deferred[None]] = []
        waiter = self.rounds.join()
        waiter.addCallback(lambda _: again.append(self.rounds.join()))
        self.syncs[0].callback(None)
        self.assertNoResult(again[0])
        self.syncs[1].callback(None)
        self.successResultOf(again[0])
