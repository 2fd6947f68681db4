"""Claims about what a session that is refused again and again leaves in the journal."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial import unittest

from shieldrelay.delivery.holding import MemoryBudget
from shieldrelay.delivery.intake import REFUSALS_TOLD, Intake
from shieldrelay.delivery.intake_tools import IntakeTools
from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal, Verdict
from shieldrelay.smtp.events import MailRequested
from shieldrelay.smtp.replies import SPOOL_FULL
from shieldrelay.testing.gate import OpenGate
from shieldrelay.testing.journal import ListJournal


class RefusalTests(unittest.SynchronousTestCase):
    def test_journal_is_not_filled(self) -> None:
        """So many refusals of a session have a line each; those beyond are answered and counted only."""
        journal = ListJournal()
        gate = OpenGate(mail_verdict=Verdict(Refusal(SPOOL_FULL, "full", "capacity")))
        unused: Any = None
        tools = IntakeTools(
            gate=gate, domains=unused, acceptance=unused, trace=unused, new_id=unused,
            postmaster=parse_mailbox(b"postmaster@example.com"), budget=MemoryBudget(1), in_memory=1, open_draft=unused,
            pauses=unused, clock=Clock(), wall=unused, journal=journal,
        )  # fmt: skip
        client = client_of("192.0.2.1")
        visit = gate.admit(client, 0, 0.0)
        assert not isinstance(visit, Refusal)
        intake = Intake(tools, "S1", visit, client)
        origin = Origin("192.0.2.1", 4711, "client.test")
        for _ in range(REFUSALS_TOLD + 50):
            reply = intake.mail(MailRequested(NULL), origin)
            assert isinstance(reply, Reply)
            self.assertEqual((reply.code, reply.enhanced), (SPOOL_FULL.code, SPOOL_FULL.enhanced))
        self.assertEqual((len(journal.events), intake.refused), (REFUSALS_TOLD, REFUSALS_TOLD + 50))
