"""A backlog that grows by another member's mail, and one whose files another member has taken (R15)."""

from __future__ import annotations

import os

from shieldrelay.testing.hop import FakeNextHop
from tests.delivery.relay import EPOCH, DomainRelay, RelayTests, a_message, done


class InheritanceTests(RelayTests):
    """What takeovers tell the queue."""

    def test_inherited_mail_goes_when_it_is_due(self) -> None:
        """Nobody looks into the spool for it, and its next attempt stays where it was."""
        relay = self.relay()
        relay.queue.start()
        relay.queue.inherited(relay.store(a_message("due"), a_message("later")))
        self.assertEqual(relay.offered(), ["due", "later"])
        relay.queue.inherited(relay.store(a_message("deferred"), due=EPOCH + 90))
        self.assertEqual((len(relay.offered()), relay.queue.window.total), (2, 1))
        relay.clock.advance(90)
        self.assertEqual((relay.offered()[2:], relay.files()), (["deferred"], []))

    def bereave(self, relay: DomainRelay) -> None:
        """Take the files away, and begin anew."""
        os.rename(relay.spool.path, f"{self.root}/elsewhere")
        relay.queue.look_again()
        done(relay.spool.begin_anew())
        done(relay.spool.prepare(relay.name))
        relay.queue.bereft()

    def test_what_was_taken_is_not_delivered(self) -> None:
        """Neither what waits for its time nor what was read already; what is under way ends, and is named."""
        relay = self.relay(FakeNextHop(conduct=None), connections=1)
        relay.store(*(a_message(f"M{number}") for number in range(3)), due=EPOCH)
        relay.store(a_message("later"), due=EPOCH + 600)
        relay.queue.start()
        self.assertEqual(relay.offered(), ["M0"])
        self.bereave(relay)
        relay.hop.answer()
        relay.clock.advance(3600)
        self.assertEqual((relay.offered(), relay.queue.window.total, relay.lane.slots.used), (["M0"], 0, 0))
        self.assertEqual([line["message"] for line in relay.journal.named("already_gone")], ["M0"])

    def test_new_mail_does_not_wait_for_the_trouble_with_the_old_part(self) -> None:
        """That the old files could not be reached is no reason to leave the new part alone."""
        relay = self.relay()
        relay.store(a_message("later"), due=EPOCH + 600)
        relay.queue.start()
        self.bereave(relay)
        self.assertTrue(relay.journal.named("spool_failed"))
        relay.accept(a_message("new"), inline=False)
        self.assertEqual((relay.offered(), relay.files()), (["new"], []))
