"""Who is believed: what SPF says, for how long, and how often it is asked (R8, R26)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.notice_origin import as_origin, origin_of
from shieldrelay.delivery.standing import (
    KEPT,
    KEPT_SECONDS,
    TROUBLE_SECONDS,
    Believed,
    EveryoneStanding,
    Evidence,
    Judgement,
    SpfStanding,
    evidence_of,
)
from shieldrelay.mail.address import NULL, Mailbox, parse_mailbox
from shieldrelay.mail.envelope import Envelope, Message, Recipient
from shieldrelay.mail.evidence import SpfResult
from tests.delivery.notice_samples import CLIENT, a_message


def evidence(sender: bytes = b"carol@a.example", address: str = "192.0.2.1") -> Evidence:
    """Give what a session left."""
    return Evidence(parse_mailbox(sender), address, "mail.a.example")


class SlowSpf:
    """Answers when the test says so.

    :ivar asked: the checks, in order.
    """

    def __init__(self) -> None:
        self.asked: list[Deferred[SpfResult]] = []

    def check(self, evidence: Evidence) -> Deferred[SpfResult]:
        self.asked.append(Deferred())
        return self.asked[-1]


class SpfStandingTests(SynchronousTestCase):
    """`SpfStanding`."""

    def setUp(self) -> None:
        self.clock, self.spf = Clock(), SlowSpf()
        self.standing = SpfStanding(self.spf, self.clock)

    def judged(self, result: SpfResult, given: Evidence | None = None) -> Judgement:
        """Judge somebody of whom nothing is known yet."""
        judging = self.standing.judge(given or evidence())
        self.spf.asked[-1].callback(result)
        return self.successResultOf(judging)

    def test_results(self) -> None:
        """Pass is believed, temperror is not known, everything else is not believed; the reason is the result."""
        for number, result in enumerate(SpfResult):
            judgement = self.judged(result, evidence(b"c@%d.example" % number))
            believed = {SpfResult.PASS: Believed.YES, SpfResult.TEMPERROR: Believed.UNKNOWN}.get(result, Believed.NO)
            self.assertEqual(judgement, Judgement(believed, f"spf {result.value}"))

    def test_kept(self) -> None:
        """A result holds ten minutes for the same address and domain, whoever writes; then SPF is asked again."""
        self.judged(SpfResult.PASS)
        self.clock.advance(KEPT_SECONDS - 1)
        self.successResultOf(self.standing.judge(evidence(b"dave@A.example")))
        self.assertEqual(len(self.spf.asked), 1)
        for other in (evidence(address="192.0.2.2"), evidence(b"carol@b.example")):
            self.assertNoResult(self.standing.judge(other))
        self.clock.advance(1)
        self.assertIs(self.judged(SpfResult.FAIL).believed, Believed.NO)
        self.assertEqual(len(self.spf.asked), 4)

    def test_trouble_is_forgotten_soon(self) -> None:
        """That DNS failed holds half a minute."""
        self.judged(SpfResult.TEMPERROR)
        self.clock.advance(TROUBLE_SECONDS - 1)
        self.assertIs(self.successResultOf(self.standing.judge(evidence())).believed, Believed.UNKNOWN)
        self.clock.advance(1)
        self.assertIs(self.judged(SpfResult.PASS).believed, Believed.YES)

    def test_asked_once(self) -> None:
        """Those who ask at the same time share one check; one who waits no longer does not disturb the others."""
        judging = [self.standing.judge(evidence()) for _ in range(3)]
        judging[0].cancel()
        self.failureResultOf(judging[0])
        (check,) = self.spf.asked
        check.callback(SpfResult.PASS)
        self.assertEqual([self.successResultOf(each).believed for each in judging[1:]], [Believed.YES] * 2)

    def test_bounded(self) -> None:
        """The oldest results are forgotten, and those who wait for a forgotten one are answered all the same."""
        waiting = self.standing.judge(evidence())
        for number in range(KEPT + 50):
            self.judged(SpfResult.FAIL, evidence(b"c@%d.example" % number))
        self.assertEqual(len(self.standing._kept), KEPT)
        self.spf.asked[0].callback(SpfResult.PASS)
        self.assertIs(self.successResultOf(waiting).believed, Believed.YES)

    def test_a_bug_is_no_proof(self) -> None:
        """A check that fails leaves the sender unknown, and the error goes to the log."""
        judging = self.standing.judge(evidence())
        self.spf.asked[0].errback(ZeroDivisionError())
        self.assertIs(self.successResultOf(judging).believed, Believed.UNKNOWN)
        del self.spf.asked[:]
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class EveryoneTests(SynchronousTestCase):
    """`EveryoneStanding`."""

    def test_everybody_is_believed(self) -> None:
        """At once."""
        self.assertIs(self.successResultOf(EveryoneStanding().judge(evidence())).believed, Believed.YES)


class OriginTests(SynchronousTestCase):
    """What a notice remembers."""

    def notice(self, message: Message, undecided: Evidence | None) -> Message:
        """Give the notice about a message."""
        sender = message.envelope.reverse_path
        assert isinstance(sender, Mailbox)
        envelope = Envelope(NULL, (Recipient(sender),))
        return Message("N1", 0.0, "_notices", envelope, as_origin(message, 3, undecided))

    def test_round_trip(self) -> None:
        """What is needed to judge later comes back as it was, a HELO with blanks too."""
        message = a_message(origin=CLIENT)
        sender = parse_mailbox(b"carol@elsewhere.example")
        for helo in ("mail.elsewhere.example", "", "two words ", "ü"):
            undecided = Evidence(sender, "2001:db8::1", helo)
            read = origin_of(self.notice(message, undecided))
            self.assertEqual((read.message, read.domain, read.recipients), ("M1", "example.test", 3))
            self.assertEqual(read.evidence, undecided)

    def test_judged_already(self) -> None:
        """A notice whose sender was judged has nothing left to judge; nor has one without an origin."""
        message = a_message(origin=CLIENT)
        read = origin_of(self.notice(message, None))
        self.assertEqual((read.message, read.domain, read.evidence), ("M1", "example.test", None))
        self.assertIsNone(origin_of(message.__class__("N1", 0.0, "_notices", message.envelope)).evidence)

    def test_evidence_without_origin(self) -> None:
        """A message that came from nowhere has no evidence for it."""
        message = a_message()
        sender = parse_mailbox(b"carol@elsewhere.example")
        self.assertEqual(evidence_of(message, sender), Evidence(sender, "", ""))
