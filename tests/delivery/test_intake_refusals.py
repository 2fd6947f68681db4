"""Claims about what a session that is refused again and again leaves in the journal."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.delivery.holding import MemoryBudget
from shieldrelay.delivery.intake import REFUSALS_TOLD, Intake, IntakeTools
from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.verdict import Refusal
from shieldrelay.smtp.events import MailRequested
from shieldrelay.smtp.replies import SPOOL_FULL
from shieldrelay.testing.journal import ListJournal


class _Shut:
    """A gate that lets nobody in."""

    def mail(self, declared_size: int | None) -> Refusal:
        """Refuse."""
        return Refusal(SPOOL_FULL, "full", "capacity")


class RefusalTests(unittest.SynchronousTestCase):
    def test_journal_is_not_filled(self) -> None:
        """So many refusals of a session have a line each; those beyond are answered and counted only."""
        journal = ListJournal()
        gate: Any = _Shut()
        unused: Any = None
        tools = IntakeTools(
            gate=gate, domains=unused, acceptance=unused, trace=unused, new_id=unused,
            postmaster=parse_mailbox(b"postmaster@example.com"), budget=MemoryBudget(1), in_memory=1, open_draft=unused,
            clock=Clock(), wall=unused, journal=journal,
        )  # fmt: skip
        intake = Intake(tools, "S1", "192.0.2.1")
        origin = Origin("192.0.2.1", 4711, "client.test")
        for _ in range(REFUSALS_TOLD + 50):
            self.assertIs(intake.mail(MailRequested(NULL), origin), SPOOL_FULL)
        self.assertEqual((len(journal.events), intake.refused), (REFUSALS_TOLD, REFUSALS_TOLD + 50))
