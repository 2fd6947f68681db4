"""The transactions of a session: what is answered, held, told and left behind."""

from __future__ import annotations

from itertools import count

from attrs import evolve
from twisted.internet.defer import Deferred

from shieldrelay.delivery.holding import MemoryBudget
from shieldrelay.delivery.intake import Intake
from shieldrelay.delivery.intake_tools import IntakeTools
from shieldrelay.delivery.pauses import Pauses
from shieldrelay.mail.address import BarePostmaster, Mailbox, parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal, Verdict
from shieldrelay.shield.gate_facts import DomainLimits
from shieldrelay.smtp import replies
from shieldrelay.smtp.content_fault import ContentFault
from shieldrelay.smtp.events import ContentCompleted, MailRequested, RecipientRequested
from shieldrelay.smtp.limits import ContentRules
from shieldrelay.testing.gate import OpenGate
from shieldrelay.testing.hop import FakeNextHop
from shieldrelay.testing.threads import HeldThreads
from tests.delivery.relay import DomainRelay, RelayTests, content_of, done
from tests.shield.siege import Siege

ORIGIN = Origin("192.0.2.9", 4025, "client.test", session="S1")
SENDER = parse_mailbox(b"carol@elsewhere.test")
RULES = ContentRules()


class _Names:
    """Keeps each domain's mail under its own name."""

    def domain_of(self, mailbox: Mailbox) -> str:
        """Give the domain."""
        return mailbox.domain_key

    def content_rules(self, domain: str, address: str) -> ContentRules:
        """Give the same rules to everybody."""
        return RULES


def at_once(reply: Reply | Deferred[Reply]) -> Reply:
    """Give an answer that was not held back."""
    if isinstance(reply, Deferred):
        raise AssertionError("the answer is held back")
    return reply


class IntakeFixture(RelayTests):
    """An `Intake` over the real acceptance and spool."""

    def intake(self, relay: DomainRelay, *others: DomainRelay, domains: int = 1, in_memory: int = 1000) -> Intake:
        """Begin a session."""
        limits = {one.name: DomainLimits(one.name, 100_000, lambda: None) for one in (relay, *others)}
        self.budget = MemoryBudget(1 << 20)
        ids = count(1)
        self.siege = siege = Siege(domains=limits, domains_per_transaction=domains)
        self.tools = tools = IntakeTools(
            gate=siege.gate,
            domains=_Names(),
            acceptance=relay.acceptance(*others),
            trace=lambda origin, id, arrived, recipient: (
                b"Received: %s %s\r\n" % (id.encode(), bytes(recipient or b"*"))
            ),
            new_id=lambda: f"M{next(ids)}",
            postmaster=parse_mailbox(b"postmaster@example.test"),
            budget=self.budget,
            in_memory=in_memory,
            open_draft=relay.open_draft,
            pauses=Pauses(relay.clock, lambda: None, lambda: 100, float),
            clock=relay.clock,
            wall=relay.wall,
            journal=relay.journal,
        )
        return Intake(tools, "S1", siege.admit("192.0.2.9"), client_of("192.0.2.9"))

    def begun(self, intake: Intake, *recipients: bytes) -> list[int]:
        """Say MAIL, each RCPT, and DATA."""
        codes = [at_once(intake.mail(MailRequested(SENDER), ORIGIN)).code]
        codes += [at_once(intake.recipient(RecipientRequested(parse_mailbox(one)))).code for one in recipients]
        self.assertIs(intake.content_rules(), RULES)
        return [*codes, intake.content_requested().code]

    def ended(self, intake: Intake, fault: ContentFault | None = None) -> Reply:
        """Say the final dot; gives the reply."""
        answer = intake.completed(ContentCompleted(fault, 100))
        return self.successResultOf(answer) if isinstance(answer, Deferred) else answer


class IntakeTests(IntakeFixture):
    """`Intake`."""

    def test_a_message_passes_with_one_trace_line(self) -> None:
        """MAIL, RCPT, content, dot: 250, the next hop has the trace line and the content, byte for byte."""
        relay = self.relay()
        intake = self.intake(relay)
        self.assertEqual(self.begun(intake, b"bob@example.test"), [250, 250, 354])
        self.assertIsNone(intake.content(b"Subject: x\r\n"))
        intake.content(b"\r\nhello\r\n")
        self.assertEqual(self.ended(intake).code, 250)
        octets = content_of(relay.hop.attempts[0].content)
        self.assertEqual(octets, b"Received: M1 bob@example.test\r\nSubject: x\r\n\r\nhello\r\n")
        self.assertEqual((intake.accepted, self.budget.used, relay.files(), relay.files("tmp")), (1, 0, [], []))

    def test_several_recipients_are_not_betrayed_to_each_other(self) -> None:
        """With two recipients the trace line names none, and both are of one message."""
        relay = self.relay()
        intake = self.intake(relay)
        self.begun(intake, b"bob@example.test", b"alice@example.test")
        self.ended(intake)
        attempt = relay.hop.attempts[0]
        self.assertEqual((content_of(attempt.content), len(attempt.recipients)), (b"Received: M1 *\r\n", 2))

    def test_one_domain_a_transaction_unless_it_is_lifted(self) -> None:
        """A recipient of another domain hears 452 4.5.3 (R3); where that is lifted each domain gets its message."""
        relay = self.relay()
        other = self.relay(name="other.test", beside=relay)
        both = (b"bob@example.test", b"eve@other.test")
        self.assertEqual(self.begun(self.intake(relay, other), *both), [250, 250, 452, 354])
        intake = self.intake(relay, other, domains=2)
        self.assertEqual(self.begun(intake, *both), [250, 250, 250, 354])
        self.assertEqual(self.ended(intake).code, 250)
        self.assertEqual((relay.spooled(), other.spooled()), (["M1"], ["M2"]))
        told = {fields["message"] for fields in relay.journal.named("spooled")}
        self.assertEqual(told, {"M1", "M2"})

    def test_postmaster_goes_to_its_mailbox(self) -> None:
        """``<postmaster>`` without a domain goes to the declared mailbox."""
        relay = self.relay()
        intake = self.intake(relay)
        intake.mail(MailRequested(SENDER), ORIGIN)
        self.assertEqual(at_once(intake.recipient(RecipientRequested(BarePostmaster()))).code, 250)
        intake.content_requested()
        self.ended(intake)
        self.assertEqual(str(relay.hop.attempts[0].recipients[0].mailbox), "postmaster@example.test")

    def test_refusals_are_told_with_their_reasons(self) -> None:
        """An unknown recipient hears 550 5.1.1, a foreign one 550 5.7.1; the journal has session, stage and reason."""
        relay = self.relay()
        intake = self.intake(relay)
        intake.mail(MailRequested(SENDER), ORIGIN)
        statuses = [
            at_once(intake.recipient(RecipientRequested(parse_mailbox(one)))).status
            for one in (b"nobody@example.test", b"bob@foreign.test")
        ]
        self.assertEqual((statuses, intake.refused), (["5.1.1", "5.7.1"], 2))
        lines = relay.journal.named("refused")
        self.assertEqual([(line["session"], line["stage"], line["defence"]) for line in lines],
                         [("S1", "rcpt", "recipients"), ("S1", "rcpt", "relay")])  # fmt: skip

    def test_faulty_content_is_refused_and_dropped(self) -> None:
        """Content that broke a rule gets its reply; nothing is offered, and neither file nor budget is left."""
        for octets in (10, 5000):
            relay = self.relay()
            intake = self.intake(relay)
            self.begun(intake, b"bob@example.test")
            done(intake.content(b"x" * octets))
            self.assertEqual(self.ended(intake, ContentFault.BARE_LF).code, 554)
            self.assertEqual((relay.offered(), relay.files("tmp"), self.budget.used), ([], [], 0))
            self.assertEqual(relay.journal.named("transaction")[0]["result"], "refused")

    def test_a_disk_that_fails_in_content_is_said_at_its_end(self) -> None:
        """No space while content comes in: the rest is swallowed, 452 after the dot, nothing is left."""
        relay = self.relay()
        intake = self.intake(relay)
        self.begun(intake, b"bob@example.test")
        relay.disk.full()
        done(intake.content(b"x" * 5000))
        self.assertIsNone(intake.content(b"x" * 5000))
        relay.disk.well()
        self.assertEqual(self.ended(intake).code, 452)
        self.assertEqual((relay.offered(), relay.files("tmp"), self.budget.used), ([], [], 0))
        self.assertEqual(self.begun(intake, b"bob@example.test"), [250, 250, 354])
        self.assertEqual(self.ended(intake).code, 250)

    def test_a_client_that_disappears_in_content_leaves_nothing(self) -> None:
        """At every step of a large content the session may end: no file in tmp/, nothing of the budget."""
        for steps in range(6):
            threads = HeldThreads()
            relay = self.relay(threads=threads)
            intake = self.intake(relay)
            self.begun(intake, b"bob@example.test")
            for _ in range(2):
                held = intake.content(b"x" * 3000)
                for _ in range(steps):
                    if threads.waiting:
                        threads.go()
                if held is None or not held.called:
                    break
            intake.reset()
            threads.go_on()
            self.assertEqual((steps, relay.files("tmp"), self.budget.used), (steps, [], 0))

    def test_a_client_that_disappears_before_its_reply_is_told_of(self) -> None:
        """The transaction's line is written though the session ended while the next hop had the message."""
        relay = self.relay(FakeNextHop(conduct=None))
        intake = self.intake(relay)
        self.begun(intake, b"bob@example.test")
        answer = intake.completed(ContentCompleted(None, 100))
        intake.reset()
        relay.hop.answer()
        assert isinstance(answer, Deferred)
        self.assertEqual(self.successResultOf(answer).code, 250)
        line = relay.journal.named("transaction")[0]
        self.assertEqual((line["message"], line["session"], line["recipients"], line["result"]),
                         ("M1", "S1", ["bob@example.test"], "accepted"))  # fmt: skip
        self.assertEqual((relay.journal.named("attempt")[0]["message"], self.budget.used), ("M1", 0))

    def test_a_reset_begins_anew(self) -> None:
        """After RSET the recipients are gone, and a RCPT without MAIL is 503."""
        intake = self.intake(self.relay())
        self.begun(intake, b"bob@example.test")
        intake.content(b"x")
        intake.reset()
        self.assertEqual(at_once(intake.recipient(RecipientRequested(parse_mailbox(b"bob@example.test")))).code, 503)
        self.assertEqual(self.budget.used, 0)

    def test_a_delayed_answer_comes_later(self) -> None:
        """What the gate wants delayed is said after its seconds; who leaves meanwhile leaves no timer behind."""
        for leaves in (False, True):
            relay = self.relay()
            gate = OpenGate(mail_verdict=Verdict(delay=2.0))
            intake = self.guarded(relay, gate)
            answer = intake.mail(MailRequested(SENDER), ORIGIN)
            assert isinstance(answer, Deferred)
            relay.clock.advance(1.9)
            self.assertNoResult(answer)
            if leaves:
                intake.reset()
                self.assertEqual(self.successResultOf(answer).code, 421)
            else:
                relay.clock.advance(0.2)
                self.assertEqual(self.successResultOf(answer).code, 250)
            self.assertEqual(relay.clock.getDelayedCalls(), [])

    def test_a_held_answer_is_decided_after_the_exchange(self) -> None:
        """A held recipient is asked for again when the exchange is over, and then answered for good (R21)."""
        for code in (250, 450):
            relay, exchanged = self.relay(), Deferred[None]()
            gate = OpenGate(recipient_verdicts={"bob@example.test": Verdict(held=True)})
            if code == 450:
                gate.decisions["bob@example.test"] = Verdict(Refusal(replies.TRY_LATER, "a reason", "harvest"))
            intake = self.guarded(relay, gate, exchanged)
            intake.mail(MailRequested(SENDER), ORIGIN)
            answer = intake.recipient(RecipientRequested(parse_mailbox(b"bob@example.test")))
            assert isinstance(answer, Deferred)
            self.assertEqual(gate.decided, [])
            exchanged.callback(None)
            self.assertEqual(self.successResultOf(answer).code, code)

    def test_refusals_carry_the_sessions_id(self) -> None:
        """A refused client can name what the journal has."""
        relay = self.relay()
        intake = self.intake(relay)
        intake.mail(MailRequested(SENDER), ORIGIN)
        reply = at_once(intake.recipient(RecipientRequested(parse_mailbox(b"nobody@example.test"))))
        self.assertEqual(reply.lines, ("No such recipient here (reference S1)",))

    def test_the_gate_hears_how_transactions_end(self) -> None:
        """Recipients that were granted are abandoned by a reset, and completed by content."""
        relay, gate = self.relay(), OpenGate()
        intake = self.guarded(relay, gate)
        self.begun(intake, b"bob@example.test", b"alice@example.test")
        intake.reset()
        self.begun(intake, b"bob@example.test")
        self.ended(intake)
        intake.reset()
        self.assertEqual((gate.abandonments, gate.completions), ([2], [1]))

    def guarded(self, relay: DomainRelay, gate: OpenGate, exchanged: Deferred[None] | None = None) -> Intake:
        """Begin a session at a gate whose answers are set."""
        self.intake(relay)
        pauses = Pauses(relay.clock, lambda: exchanged, lambda: 100, float)
        tools = evolve(self.tools, gate=gate, pauses=pauses)
        client = client_of("192.0.2.9")
        visit = gate.admit(client, 0, 0.0)
        assert not isinstance(visit, Refusal)
        return Intake(tools, "S1", visit, client)
