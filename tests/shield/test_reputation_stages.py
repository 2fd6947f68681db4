"""Claims about the reputation's modes, and its learning (R27)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.calendar import Calendar
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_kinds import DAY_SECONDS
from shieldrelay.shield.reputation_score import Band
from shieldrelay.shield.reputation_settings import ReputationSettings
from shieldrelay.shield.reputation_stages import ReputationStages

NOW = 1000.0
BAD, WAITS = client_of("192.0.2.7"), client_of("192.0.2.8")
STRANGER = Acquaintance.STRANGER


class StagesTests(SynchronousTestCase):
    """`ReputationStages` about one source that is to be refused, and one that is to come later."""

    def setUp(self) -> None:
        self.reputation = Reputation(ReputationSettings(learning_days=0.0, learning_messages=0))
        for client in (BAD, WAITS):
            self.reputation.refused(client, 30, NOW)
        self.reputation.content_refused(BAD, NOW)
        self.told: list[tuple[str, str, str]] = []

    def stages(self, mode: Mode) -> ReputationStages:
        """Give the stages in a mode."""
        return ReputationStages(self.reputation, mode, Calendar(1e9), self.tell)

    def tell(self, client: Client, session: str, defence: str, reason: str, now: float) -> None:
        """Note what would have been refused."""
        self.told.append((client.address, session, defence))

    def test_it_acts(self) -> None:
        """Enforced, one is refused at connect, the other at MAIL, and at RCPT when it was let in as somebody better."""
        stages = self.stages(Mode.ENFORCE)
        self.assertIsNotNone(stages.admit(BAD, STRANGER, NOW))
        self.assertIsNone(stages.admit(WAITS, STRANGER, NOW))
        self.assertIsNotNone(stages.mail(WAITS, STRANGER, "s1", NOW).refused)
        self.assertIsNotNone(stages.recipient(WAITS, STRANGER, Band.CLEAN, "s1", NOW))
        self.assertIsNone(stages.recipient(WAITS, STRANGER, Band.TEMPFAIL, "s1", NOW))
        self.assertEqual(self.told, [])

    def test_it_observes(self) -> None:
        """Observed, nothing is refused or slowed, and all of it is told."""
        stages = self.stages(Mode.OBSERVE)
        self.assertIsNone(stages.admit(BAD, STRANGER, NOW))
        answer = stages.mail(WAITS, STRANGER, "s1", NOW)
        self.assertEqual((answer.refused, answer.pause, answer.band), (None, 0.0, Band.TEMPFAIL))
        self.assertIsNone(stages.recipient(BAD, STRANGER, Band.CLEAN, "s2", NOW))
        wanted = [("192.0.2.7", "", "reputation"), ("192.0.2.8", "s1", "reputation"), ("192.0.2.7", "s2", "reputation")]
        self.assertEqual(self.told, wanted)

    def test_it_is_off(self) -> None:
        """Off, nobody is asked and nothing is told."""
        stages = self.stages(Mode.OFF)
        self.assertIsNone(stages.admit(BAD, STRANGER, NOW))
        self.assertIsNone(stages.mail(WAITS, STRANGER, "s1", NOW).refused)
        self.assertIsNone(stages.recipient(BAD, STRANGER, Band.CLEAN, "s1", NOW))
        self.assertEqual(self.told, [])

    def test_it_learns_first(self) -> None:
        """Until it has learned enough it only tells, although it is enforced; from then on it acts."""
        self.reputation.settings = ReputationSettings(learning_messages=10)
        stages = self.stages(Mode.ENFORCE)
        self.reputation.taken(client_of("198.51.100.1"), 10, NOW, 1e9 + NOW)
        self.assertIsNone(stages.admit(BAD, STRANGER, NOW))
        self.assertEqual(len(self.told), 1)
        later = NOW + 7 * DAY_SECONDS
        self.reputation.content_refused(BAD, later)
        self.reputation.refused(BAD, 30, later)
        self.assertIsNotNone(stages.admit(BAD, STRANGER, later))
