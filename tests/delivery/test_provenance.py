"""Where a message says that it comes from: judged at MAIL, at DATA or at its end, told on top, and no lies beneath."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred

from shieldrelay.delivery.intake import Intake
from shieldrelay.delivery.provenance import ProvenanceTools
from shieldrelay.mail.evidence import Reach, Reverse, Sender, SpfResult
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Visit
from shieldrelay.shield.lawful import NULL_MX
from shieldrelay.smtp.events import ContentCompleted, MailRequested
from shieldrelay.testing.hop import FakeNextHop, down
from shieldrelay.testing.lookups import KnownSenders
from tests.delivery.relay import DomainRelay, content_of
from tests.delivery.test_intake import ORIGIN, SENDER, IntakeFixture, at_once

UNLAWFUL = Sender("elsewhere.test", Reach.NULL_MX, "", SpfResult.FAIL)
LAWFUL = Sender("elsewhere.test", Reach.EXCHANGER, "", SpfResult.PASS)
FIELD = b"Authentication-Results: mx1.test;\r\n\tspf=%s smtp.mailfrom=elsewhere.test;\r\n"
LIE = b"Authentication-Results: mx1.test; spf=pass smtp.mailfrom=bank.test\r\n"


class NullMxGate:
    """Refuses senders with a null MX."""

    def sender(self, visit: Visit, sender: Sender, reverse: Reverse, now: float) -> Refusal | None:
        """Judge."""
        return Refusal(NULL_MX, "a null MX", "lawful") if sender.reach is Reach.NULL_MX else None


class ProvenanceTests(IntakeFixture):
    """`Intake` with look-ups."""

    def session(self, relay: DomainRelay, known: Sender, *, slow: bool = False, in_memory: int = 1000) -> Intake:
        """Begin a session of a client whose sender is known, or will be."""
        self.lookups = KnownSenders()
        self.lookups.senders["elsewhere.test"] = known
        self.lookups.slow = slow
        intake = self.intake(relay, in_memory=in_memory)
        tools = ProvenanceTools(NullMxGate(), self.lookups, "mx1.test", frozenset({"mx1.test"}))
        return Intake(evolve(self.tools, provenance=tools), "S1", intake._visit, intake._client)

    def test_what_is_known_is_judged_at_mail(self) -> None:
        """A sender that is known to be unlawful is refused in the answer to MAIL."""
        intake = self.session(self.relay(), UNLAWFUL)
        self.assertEqual(at_once(intake.mail(MailRequested(SENDER), ORIGIN)).code, 550)

    def test_what_is_known_by_then_is_judged_at_data(self) -> None:
        """Answers that come while recipients are given count at DATA."""
        intake = self.session(self.relay(), UNLAWFUL, slow=True)
        self.assertEqual(at_once(intake.mail(MailRequested(SENDER), ORIGIN)).code, 250)
        self.lookups.answer()
        self.assertEqual(intake.content_requested().code, 550)

    def test_what_comes_last_is_judged_at_the_end(self) -> None:
        """Nobody waits at MAIL or DATA; the end of the content waits, and is refused."""
        relay = self.relay()
        intake = self.session(relay, UNLAWFUL, slow=True)
        self.begun(intake, b"bob@example.test")
        intake.content(b"Subject: x\r\n\r\nhello\r\n")
        answer = intake.completed(ContentCompleted(None, 100))
        assert isinstance(answer, Deferred)
        self.assertNoResult(answer)
        self.lookups.answer()
        self.assertEqual(self.successResultOf(answer).code, 550)
        self.assertEqual((relay.hop.attempts, self.budget.used), ([], 0))

    def test_what_never_comes_lets_pass(self) -> None:
        """When the budget is over the message goes on, and its field says temperror."""
        relay = self.relay()
        intake = self.session(relay, LAWFUL, slow=True)
        self.begun(intake, b"bob@example.test")
        answer = intake.completed(ContentCompleted(None, 100))
        self.lookups.late()
        assert isinstance(answer, Deferred)
        self.assertEqual(self.successResultOf(answer).code, 250)
        self.assertTrue(content_of(relay.hop.attempts[0].content).startswith(FIELD % b"temperror"))

    def test_the_result_is_on_top_and_lies_are_renamed(self) -> None:
        """The field is above our Received, one that came in under our name is renamed, all else is as it was."""
        for in_memory in (1000, 10):
            for slow in (False, True):
                relay = self.relay(FakeNextHop(down), name=f"d{in_memory}{slow}.test".lower())
                intake = self.session(relay, LAWFUL, slow=slow, in_memory=in_memory)
                self.begun(intake, b"bob@" + relay.name.encode())
                for block in (LIE[:30], LIE[30:] + b"Subject: x\r\n", b"\r\nhello\r\n" + LIE):
                    held = intake.content(block)
                    if held is not None:
                        self.successResultOf(held)
                answer = intake.completed(ContentCompleted(None, 100))
                self.lookups.answer()
                assert isinstance(answer, Deferred)
                self.assertEqual(self.successResultOf(answer).code, 250)
                octets = content_of(relay.records()[0].content)
                head, _, rest = octets.partition(b"Received: ")
                self.assertTrue(head.startswith(FIELD % b"pass"))
                renamed = LIE.replace(b"Authentication-Results", b"Untrusted-Auth-Results")
                self.assertEqual(rest.partition(b"\r\n")[2], renamed + b"Subject: x\r\n\r\nhello\r\n" + LIE)

    def test_a_client_that_leaves_at_the_end_leaves_its_message(self) -> None:
        """A message that is complete goes on when its client leaves while DNS is waited for."""
        relay = self.relay()
        intake = self.session(relay, LAWFUL, slow=True)
        self.begun(intake, b"bob@example.test")
        answer = intake.completed(ContentCompleted(None, 100))
        intake.reset()
        self.lookups.answer()
        assert isinstance(answer, Deferred)
        self.assertEqual(self.successResultOf(answer).code, 250)
