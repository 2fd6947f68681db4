"""Plugins heard before the content: what they refuse is answered, at once or late; nothing outlives its session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from shieldrelay.content.conversation import Conversation
from shieldrelay.content.steps import Seen, Step
from shieldrelay.delivery.intake import Intake
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.smtp.events import MailRequested, RecipientRequested
from tests.delivery.relay import DomainRelay
from tests.delivery.test_intake import ORIGIN, SENDER, IntakeFixture, at_once

REFUSED = Refusal(Reply(550, (5, 7, 1), ("We do not want this",)), "watch: unwanted", "content")
ALICE = RecipientRequested(parse_mailbox(b"alice@example.test"))
BOB = RecipientRequested(parse_mailbox(b"bob@example.test"))
NOBODY = RecipientRequested(parse_mailbox(b"nobody@elsewhere.test"))


def _at(when: Step, answer: Any) -> Callable[[Seen, Step], Any]:
    """Give what answers so at one step, and lets everything else pass."""
    return lambda _seen, step: answer if step is when else None


class HearingTests(IntakeFixture):
    def heard(self, relay: DomainRelay, answer: Callable[[Seen, Step], Any]) -> Intake:
        """Begin a session of which plugins hear."""
        self.intake(relay)
        self.seen: list[tuple[Step, Seen]] = []

        def ask(seen: Seen, step: Step) -> Any:
            self.seen.append((step, seen))
            return answer(seen, step)

        tools = evolve(self.tools, early=lambda: Conversation(ask))
        return Intake(tools, "S1", self.siege.admit("192.0.2.9"), client_of("192.0.2.9"))

    def test_a_sender_may_be_refused(self):
        """What a plugin refuses at MAIL is refused there, with the reference; no transaction begins."""
        relay = self.relay()
        intake = self.heard(relay, lambda _, step: REFUSED if step is Step.MAIL else None)
        reply = at_once(intake.mail(MailRequested(SENDER), ORIGIN))
        self.assertEqual((reply.code, reply.status), (550, "5.7.1"))
        self.assertIn("S1", reply.lines[0])
        self.assertEqual(at_once(intake.recipient(BOB)).code, 503)
        (told,) = relay.journal.named("refused")
        self.assertEqual((told["stage"], told["defence"]), ("mail", "content"))

    def test_one_recipient_of_two_may_be_refused(self):
        """What a plugin refuses at RCPT is that recipient; the message goes to the other."""
        relay = self.relay()
        intake = self.heard(relay, lambda seen, _: REFUSED if seen.recipient == BOB.forward_path else None)
        self.assertEqual(at_once(intake.mail(MailRequested(SENDER), ORIGIN)).code, 250)
        self.assertEqual([at_once(intake.recipient(one)).code for one in (ALICE, BOB)], [250, 550])
        intake.content_requested()
        intake.content(b"Subject: x\r\n\r\nhello\r\n")
        self.assertEqual(self.ended(intake).code, 250)
        (attempt,) = relay.hop.attempts
        self.assertEqual([str(one.mailbox) for one in attempt.recipients], ["alice@example.test"])

    def test_plugins_learn_what_is_known(self):
        """A plugin sees the client, its name, the sender, and at RCPT the recipient and the domain."""
        intake = self.heard(self.relay(), lambda _seen, _step: None)
        intake.mail(MailRequested(SENDER), ORIGIN)
        intake.recipient(BOB)
        self.assertEqual([step for step, _ in self.seen], [Step.CONNECT, Step.HELO, Step.MAIL, Step.RCPT])
        seen = self.seen[-1][1]
        self.assertEqual((seen.session, seen.address, seen.helo), ("S1", "192.0.2.9", "client.test"))
        self.assertEqual((seen.reverse_path, seen.recipient, seen.domain), (SENDER, BOB.forward_path, "example.test"))

    def test_who_is_refused_anyway_costs_no_plugin(self):
        """Recipients that are not let in are not shown to plugins."""
        intake = self.heard(self.relay(), lambda _seen, _step: None)
        intake.mail(MailRequested(SENDER), ORIGIN)
        self.assertEqual(at_once(intake.recipient(NOBODY)).code, 550)
        self.assertNotIn(Step.RCPT, [step for step, _ in self.seen])

    def test_a_late_answer_is_waited_for(self):
        """While a plugin takes its time nothing is answered, and then what it says is."""
        late: Deferred[Refusal | None] = Deferred()
        intake = self.heard(self.relay(), lambda _, step: late if step is Step.RCPT else None)
        intake.mail(MailRequested(SENDER), ORIGIN)
        answer: Any = intake.recipient(BOB)
        self.assertNoResult(answer)
        late.callback(None)
        self.assertEqual(self.successResultOf(answer).code, 250)

    def test_nothing_outlives_its_session(self):
        """A client that leaves while a plugin takes its time: the question is dropped, and nothing goes on."""
        for at in (Step.MAIL, Step.RCPT):
            late: Deferred[Refusal | None] = Deferred(lambda pending: pending.callback(None))
            relay = self.relay()
            intake = self.heard(relay, _at(at, late))
            answer: Any = intake.mail(MailRequested(SENDER), ORIGIN)
            if at is Step.RCPT:
                answer = intake.recipient(BOB)
            intake.reset()
            self.assertTrue(late.called)
            self.assertEqual(self.successResultOf(answer).code, 421)
            self.assertEqual(at_once(intake.recipient(BOB)).code, 503)
