"""Every judgement over a connection and its transactions, in its order (R3, R9, R14, R16 to R18, R27)."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.evidence import NO_REVERSE, Reach, Sender, SpfResult
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.ports import SenderAsked
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.admission import Modes
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.shield.connections_settings import ConnectionsSettings, Limits, SourceClass
from shieldrelay.shield.gate_facts import DomainLimits, Place
from shieldrelay.shield.mode import Mode
from shieldrelay.shield.reputation_settings import ReputationSettings
from shieldrelay.shield.stress import Facts
from shieldrelay.shield.visit import Visit
from tests.shield.siege import Siege, Spoken

REMEMBERED = Reply(550, (5, 1, 1), ("gone, reference R",))
GHOSTS = [b"ghost%d@example.test" % number for number in range(40)]


class TransactionTests(SynchronousTestCase):
    """What is answered to a client against whom there is nothing."""

    def setUp(self) -> None:
        self.siege = Siege(domains={
            "example.test": (example := DomainLimits("example.test", 1000, lambda: self.siege.announced)),
            "alias.test": example,
            "other.test": DomainLimits("other.test", 9, lambda: None),
        })  # fmt: skip
        self.visit = self.siege.admit()

    def judged(self, mailbox: bytes, *domains: str, size: int | None = None) -> tuple[str, str] | None:
        """Give code and enhanced code, and who judged, for one RCPT."""
        refusal = self.siege.ask(self.visit, mailbox, domains=domains, size=size).refusal
        return None if refusal is None else (f"{refusal.reply.code} {refusal.reply.status}", refusal.defence)

    def test_a_listed_recipient_passes(self) -> None:
        """Who is listed passes, by any name of the domain, and is kept under its first."""
        self.assertIsNone(self.judged(b"bob@EXAMPLE.test"))
        self.assertIsNone(self.judged(b"bob@alias.test", "example.test"))
        self.assertEqual(self.siege.gate.domain_of(parse_mailbox(b"bob@alias.test")), "example.test")
        self.assertEqual(self.siege.gate.size_limit("example.test"), 1000)

    def test_each_refusal_has_its_reply(self) -> None:
        """Relaying, unknown, another domain, size, memory, full: each its code, and 5yz only for what lasts (R17)."""
        self.assertEqual(self.judged(b"bob@foreign.test"), ("550 5.7.1", "relay"))
        self.assertEqual(self.judged(b"nobody@example.test"), ("550 5.1.1", "recipients"))
        self.assertEqual(self.judged(b"bob@example.test", "other.test"), ("452 4.5.3", "limits"))
        self.assertEqual(self.judged(b"bob@example.test", size=1001), ("552 5.3.4", "limits"))
        self.siege.full_domains = {"example.test"}
        self.assertEqual(self.judged(b"bob@example.test"), ("452 4.3.1", "capacity"))
        self.siege.remembered = REMEMBERED
        self.assertEqual(self.judged(b"bob@example.test"), ("550 5.1.1", "next_hop"))

    def test_a_node_that_protects_nothing_puts_everybody_off(self) -> None:
        """Without a domain there is no foreign one: mail waits with its sender until the node is set up (R17)."""
        self.siege = Siege(domains={})
        self.visit = self.siege.admit()
        self.assertEqual(self.judged(b"bob@example.test"), ("451 4.3.5", "relay"))

    def test_a_full_disk_stops_everything_at_mail(self) -> None:
        """Without room MAIL is answered 452, with the reason for the journal; with room it passes."""
        self.assertIsNone(self.siege.gate.mail(self.visit, SenderAsked(NULL), self.siege.now).refusal)
        self.siege.disk = "2 octets are free"
        refusal = self.siege.gate.mail(self.visit, SenderAsked(NULL, 5), self.siege.now).refusal
        assert refusal is not None
        self.assertEqual((refusal.reply.code, refusal.reason), (452, "2 octets are free"))

    def test_the_smaller_size_of_ours_and_the_next_hops_counts(self) -> None:
        """A declared size is held against our limit and the SIZE that the next hop announced last (R9)."""
        for announced, size, passes in ((None, 1000, True), (500, 501, False), (500, 500, True), (5000, 1001, False)):
            self.siege.announced = announced
            self.assertEqual(self.judged(b"bob@example.test", size=size) is None, passes)

    def test_the_choice_of_domains_does_not_ask_the_list(self) -> None:
        """A recipient of a second domain is put off, and one of a foreign domain refused, whoever it is (D8)."""
        for mailbox in (b"nobody@example.test", b"bob@example.test"):
            self.assertEqual(self.judged(mailbox, "other.test"), ("452 4.5.3", "limits"))
        self.assertEqual(self.judged(b"nobody@foreign.test"), ("550 5.7.1", "relay"))
        self.assertEqual((self.visit.asked, self.visit.unknown), (0, 0))

    def test_an_observed_list_takes_everyone_and_tells(self) -> None:
        """The first list of a directory refuses nobody; who would have been refused is told once a minute (R27)."""
        self.siege.unenforced = {"example.test"}
        for ghost in GHOSTS[:30]:
            self.assertIsNone(self.judged(ghost))
        told = self.siege.journal.named("would_refuse")
        self.assertEqual({line["defence"] for line in told}, {"recipients", "harvest"})
        self.siege.unenforced = set()
        self.assertEqual(self.judged(b"nobody@example.test"), ("550 5.1.1", "recipients"))


class HarvestTests(SynchronousTestCase):
    """What a harvester hears, at the gate."""

    def test_a_stranger_is_cut_off_and_turned_away(self) -> None:
        """Two ghosts are told the truth; then everybody is put off alike, the session closed, the next one refused."""
        siege = Siege()
        visit = siege.admit()
        codes = [siege.code(visit, ghost) for ghost in GHOSTS[:8]]
        self.assertEqual(codes[:2], [550, 550])
        self.assertEqual(set(codes[2:]), {450, 421})
        again = siege.admit()
        for _ in range(8):
            siege.code(again, b"bob@example.test")
        self.assertEqual(siege.turned_away().defence, "harvest")
        self.assertEqual(siege.turned_away().reply.code, 421)

    def test_the_uniform_answer_shows_nothing(self) -> None:
        """Once cut off, who exists and who does not get the same verdict, whatever their state (D8)."""
        answers = set()
        for mailbox in (b"bob@example.test", b"ghost99@example.test", b"former@example.test", b"trap@example.test"):
            siege = Siege()
            siege.places = {b"former": Place.FORMER, b"trap": Place.TRAP}
            visit = siege.admit()
            for ghost in GHOSTS[:2]:
                siege.code(visit, ghost)
            siege.full_domains, siege.announced = {"example.test"}, 5
            first, second = siege.ask(visit, mailbox, size=10), siege.ask(visit, mailbox, size=10)
            refusals = [each.refusal for each in (first, second)]
            answers.add((first.delay, second.delay, *[each and (each.reply, each.defence) for each in refusals]))
        self.assertEqual(len(answers), 1, answers)

    def test_a_refusal_of_the_next_hop_counts_as_unknown(self) -> None:
        """Recipients that a next hop refused within the hour are guesses like any other."""
        siege = Siege()
        siege.remembered = REMEMBERED
        visit = siege.admit()
        codes = [siege.code(visit, b"user%d@example.test" % number) for number in range(4)]
        self.assertEqual((codes[:2], codes[3]), ([550, 550], 450))

    def test_who_is_allowed_hears_the_truth(self) -> None:
        """The operator's allow-list beats the score, and nothing of it counts (R18)."""
        siege = Siege()
        siege.words = {"192.0.2.1": Spoken(allows=True)}
        visit = siege.admit()
        self.assertEqual({siege.code(visit, ghost) for ghost in GHOSTS}, {550})
        siege.words = {}
        self.assertEqual(siege.code(siege.admit(), GHOSTS[0]), 550)

    def test_observing_refuses_nobody_and_counts_apart(self) -> None:
        """In observe mode the truth is told and journalled; enforcing later begins with a clean slate (R27)."""
        for modes, domain in ((Modes(harvest=Mode.OBSERVE), Mode.ENFORCE), (Modes(), Mode.OBSERVE)):
            siege = Siege(
                modes=modes, domains={"example.test": DomainLimits("example.test", 9, lambda: None, domain)}
            )
            visit = siege.admit()
            self.assertEqual({siege.code(visit, ghost) for ghost in GHOSTS}, {550})
            self.assertEqual([line["defence"] for line in siege.journal.named("would_refuse")], ["harvest"])
            self.assertEqual(siege.defences.harvest.explain(visit.client, siege.now), [])

    def test_off_asks_nobody(self) -> None:
        """Switched off, nothing is counted."""
        siege = Siege(modes=Modes(harvest=Mode.OFF))
        visit = siege.admit()
        self.assertEqual({siege.code(visit, ghost) for ghost in GHOSTS}, {550})
        self.assertEqual(siege.defences.harvest_observed.explain(visit.client, siege.now), [])


class AnalysisTests(SynchronousTestCase):
    """What the analysis of connections says at the gate."""

    EXPLOIT = b'"${run{/bin/sh}}"@example.test'

    def test_exploit_strings_are_refused_for_good(self) -> None:
        """In MAIL or RCPT they are a fault of syntax, whoever says them and whoever exists."""
        for words in ({}, {"192.0.2.1": Spoken(allows=True)}):
            siege = Siege()
            siege.words = words
            visit = siege.admit()
            path = parse_mailbox(self.EXPLOIT)
            refusal = siege.gate.mail(visit, SenderAsked(path), siege.now).refusal
            assert refusal is not None
            self.assertEqual((refusal.reply.code, refusal.defence), (501, "analysis"))
            siege = Siege()
            siege.words = words
            visit = siege.admit()
            self.assertEqual(siege.code(visit, self.EXPLOIT), 501)
            self.assertEqual((visit.asked, visit.unknown), (0, 0))
            self.assertEqual(siege.journal.named("exploit")[0]["session"], visit.reference)

    def test_violations_come_to_a_ban(self) -> None:
        """Attack after attack a source is slowed, its sessions end, it is turned away, and banned with a reason."""
        siege = Siege()
        visit, kind = siege.admit(), ViolationKind.PLAINTEXT_BEHIND_STARTTLS
        refusals = [siege.gate.violation(visit, kind, b"x", siege.now) for _ in range(12)]
        self.assertIsNotNone(refusals[-1])
        self.assertEqual(siege.turned_away().defence, "analysis")
        self.assertEqual({source for source, _, _ in siege.bans}, {visit.client.source})

    def test_lies_in_ehlo_are_scored(self) -> None:
        """Who calls itself by our name is no lawful client; a name of its own is nothing."""
        siege = Siege(analysis=AnalysisSettings(own_names=frozenset({"mx.example.test"})))
        visit = siege.admit()
        self.assertIsNone(siege.gate.hello(visit, b"client.test", siege.now))
        analysis = siege.defences.examination.analysis
        self.assertEqual(analysis.score(visit.client, siege.now), 0.0)
        siege.gate.hello(visit, b"mx.example.test", siege.now)
        self.assertGreater(analysis.score(visit.client, siege.now), 0.0)

    def test_who_is_allowed_has_no_score(self) -> None:
        """The allow-list beats the score (R18)."""
        siege = Siege()
        siege.words = {"192.0.2.1": Spoken(allows=True)}
        visit = siege.admit()
        for _ in range(50):
            self.assertIsNone(siege.gate.violation(visit, ViolationKind.FOREIGN_PROTOCOL, b"GET /", siege.now))
        self.assertEqual(siege.defences.examination.analysis.score(visit.client, siege.now), 0.0)


class ReputationTests(SynchronousTestCase):
    """What a source's name is worth at the gate."""

    AT_ONCE = ReputationSettings(learning_days=0.0, learning_messages=0)

    def notorious(self, **settings: Any) -> Siege:
        """Give a gate that a source has earned a bad name at: mail refused by policy, and unknown recipients."""
        siege = Siege(reputation=self.AT_ONCE, **settings)
        reputation, client = siege.defences.reputation, client_of("192.0.2.1")
        for _ in range(20):
            reputation.entered(client, Acquaintance.STRANGER, siege.now)
            reputation.refused(client, 1, siege.now)
        return siege

    def test_a_bad_name_is_asked_to_come_later(self) -> None:
        """Whose mail is always refused may send little: MAIL is answered 450, never 5yz (R17)."""
        siege = self.notorious()
        visit = siege.admit()
        refusals = [siege.gate.mail(visit, SenderAsked(NULL), siege.now).refusal for _ in range(6)]
        told = {(each.reply.code, each.defence) for each in refusals if each is not None}
        self.assertEqual(told, {(450, "reputation")})

    def test_a_second_kind_of_evidence_turns_away(self) -> None:
        """With unknown recipients beside it the source is not let in at all."""
        siege = self.notorious()
        siege.defences.reputation.unknown(client_of("192.0.2.1"), 30, siege.now)
        refusal = siege.turned_away()
        self.assertEqual((refusal.reply.code, refusal.defence), (421, "reputation"))

    def test_who_is_allowed_has_a_good_name(self) -> None:
        """The allow-list beats it (R18)."""
        siege = self.notorious()
        siege.words = {"192.0.2.1": Spoken(allows=True)}
        self.assertIsNone(siege.gate.mail(siege.admit(), SenderAsked(NULL), siege.now).refusal)

    def test_while_it_learns_nobody_is_refused(self) -> None:
        """Before it has learned, and in observe mode, it only tells (R27)."""
        for settings, modes in ((ReputationSettings(), Modes()), (self.AT_ONCE, Modes(reputation=Mode.OBSERVE))):
            siege = self.notorious(modes=modes)
            siege.defences.reputation.settings = settings
            visit = siege.admit()
            refusals = [siege.gate.mail(visit, SenderAsked(NULL), siege.now).refusal for _ in range(6)]
            self.assertEqual(refusals, [None] * 6)
            self.assertEqual({line["defence"] for line in siege.journal.named("would_refuse")}, {"reputation"})


class LawfulTests(SynchronousTestCase):
    """What DNS says of senders and clients, at the gate."""

    def judged(self, siege: Siege, sender: Sender, visit: Visit | None = None) -> tuple[int, str] | None:
        """Give code and defence."""
        refusal = siege.gate.sender(visit or siege.admit(), sender, NO_REVERSE, siege.now)
        return None if refusal is None else (refusal.reply.code, refusal.defence)

    def test_senders_that_cannot_be_answered_are_put_off(self) -> None:
        """No such domain is 450, the domain's own word that it takes no mail 550; what is not known refuses nobody."""
        siege = Siege()
        for reach, wanted in (
            (Reach.NO_NAME, (450, "lawful")),
            (Reach.BOGON, (450, "lawful")),
            (Reach.NULL_MX, (550, "lawful")),
            (Reach.UNKNOWN, None),
        ):
            self.assertEqual(self.judged(siege, Sender("sender.test", reach, "", SpfResult.NONE)), wanted, reach)

    def test_our_own_names_from_outside_are_observed(self) -> None:
        """A protected domain as sender without SPF pass is told, and lets pass as it ships."""
        siege = Siege()
        self.assertIsNone(self.judged(siege, Sender("example.test", Reach.UNKNOWN, "", SpfResult.FAIL)))
        self.assertEqual([line["defence"] for line in siege.journal.named("would_refuse")], ["lawful"])

    def test_who_is_allowed_is_not_judged(self) -> None:
        """The allow-list beats it (R18)."""
        siege = Siege()
        siege.words = {"192.0.2.1": Spoken(allows=True)}
        self.assertIsNone(self.judged(siege, Sender("sender.test", Reach.NO_NAME, "", SpfResult.NONE), siege.admit()))
        self.assertEqual(siege.begun, [])

    def test_a_strangers_name_is_asked_for(self) -> None:
        """The look-up of a client's name begins when it is admitted, and hides in the greeting delay."""
        siege = Siege()
        siege.admit()
        self.assertEqual([client.address for client in siege.begun], ["192.0.2.1"])


class ClassTests(SynchronousTestCase):
    """Networks with limits of their own (R23)."""

    def test_a_class_may_have_many_recipients_open(self) -> None:
        """What a class may ask for may also stand granted without a message; a stranger is put off after fifteen."""
        network = IPv4Network("192.0.2.0/24")
        for classes, granted in (((), 15), ((SourceClass(network, Limits(recipients=1000)),), 40)):
            siege = Siege()
            siege.defences.connections.reconfigure(siege.connections, classes)
            visit = siege.admit()
            codes = [siege.code(visit, b"user%d@example.test" % number) for number in range(40)]
            self.assertEqual(codes.count(250), granted)

    def test_a_class_is_judged_all_the_same(self) -> None:
        """A harvester in a class is cut off like any other."""
        siege = Siege()
        wide = SourceClass(IPv4Network("192.0.2.0/24"), Limits(recipients=1000))
        siege.defences.connections.reconfigure(siege.connections, (wide,))
        visit = siege.admit()
        self.assertEqual([siege.code(visit, ghost) for ghost in GHOSTS[:4]], [550, 550, 450, 450])


class AdmissionTests(SynchronousTestCase):
    """Who comes in."""

    def test_the_operators_word_comes_first(self) -> None:
        """Denied is refused for good, banned for now, allowed comes in without delay (R17, R18)."""
        siege = Siege()
        self.assertEqual(siege.admit().greeting_delay, 3.0)
        siege.words = {"192.0.2.1": Spoken(allows=False, denies=True), "192.0.2.2": Spoken(allows=False)}
        denied, banned = siege.turned_away(), siege.turned_away("192.0.2.2")
        self.assertEqual((denied.reply.code, banned.reply.code, banned.reason), (554, 421, "the operator says so"))
        siege.words = {"192.0.2.1": Spoken(allows=True)}
        visit = siege.admit()
        self.assertEqual((visit.allowed, visit.greeting_delay), (True, 0.0))

    def test_limits_of_connections_hold(self) -> None:
        """Over its limit a source is put off with a reference that the journal tells; leaving makes room."""
        siege = Siege()
        visits = [siege.admit() for _ in range(10)]
        refusal = siege.turned_away()
        self.assertEqual((refusal.reply.code, refusal.defence), (421, "connections"))
        line = siege.journal.named("connection_refused")[0]
        self.assertIn(str(line["reference"]), refusal.reply.lines[0])
        self.assertIn("10", str(line["reason"]))
        siege.gate.left(visits[0], 100, siege.now)
        siege.admit()

    def test_a_flood_has_one_line(self) -> None:
        """A thousand refusals of one source leave one line in the journal, and share its reference."""
        siege = Siege()
        siege.words = {"192.0.2.1": Spoken(allows=False)}
        texts = {siege.turned_away().reply.lines for _ in range(1000)}
        self.assertEqual((len(texts), len(siege.journal.named("connection_refused"))), (1, 1))

    def test_observed_limits_let_in_and_tell(self) -> None:
        """In observe mode only the slots themselves refuse (R27)."""
        siege = Siege(modes=Modes(connections=Mode.OBSERVE), connections=ConnectionsSettings(slots=100))
        for sessions in range(15):
            siege.admit(sessions=sessions)
        self.assertEqual(len(siege.journal.named("would_refuse")), 1)
        self.assertTrue(siege.turned_away(sessions=100).reply.is_transient)

    def test_descriptors_run_out_for_everybody(self) -> None:
        """Without descriptors to spare nobody comes in, allowed or not (R18)."""
        siege = Siege()
        siege.words = {"192.0.2.1": Spoken(allows=True)}
        siege.defences.stress.watch(Facts(10, 1000, descriptors=1000, descriptors_most=1024), siege.now)
        self.assertEqual(siege.turned_away(sessions=10).defence, "descriptors")

    def test_rates_put_off_mail_and_recipients(self) -> None:
        """Too many messages or recipients in a time are answered 450, whoever the recipient is."""
        siege = Siege()
        visit = siege.admit()
        codes = [siege.code(visit, b"user%d@example.test" % number) for number in range(3)]
        self.assertEqual(codes, [250, 250, 250])
        refusals = [siege.gate.mail(visit, SenderAsked(NULL), siege.now).refusal for _ in range(100)]
        self.assertEqual({None if each is None else (each.reply.code, each.defence) for each in refusals},
                         {None, (450, "connections")})  # fmt: skip

    def test_early_talk_is_refused_and_remembered(self) -> None:
        """Who talks before the greeting is put off, waits longer next time, and may do less for hours."""
        siege = Siege()
        visit = siege.admit()
        refusal = siege.gate.talked_early(visit, siege.now)
        assert refusal is not None
        self.assertEqual(refusal.reply.code, 421)
        self.assertIn(visit.reference, refusal.reply.lines[0])
        siege.gate.violation(visit, ViolationKind.EARLY_TALK, b"EHLO", siege.now)
        siege.gate.left(visit, 4, siege.now)
        self.assertEqual(siege.admit().greeting_delay, 6.0)
        self.assertEqual(siege.turned_away().defence, "connections")

    def test_who_waited_is_greeted_at_once(self) -> None:
        """A client that waited once is not made to wait again."""
        siege = Siege()
        siege.gate.greeted(siege.admit(), siege.now)
        self.assertEqual(siege.admit().greeting_delay, 0.0)

    def test_handshakes_are_limited(self) -> None:
        """A source has so many TLS handshakes a minute; then STARTTLS is answered 454."""
        siege = Siege()
        visit = siege.admit()
        refusals = [siege.gate.handshake(visit, siege.now) for _ in range(25)]
        self.assertEqual([each for each in refusals[:20] if each], [])
        last = refusals[-1]
        assert last is not None
        self.assertEqual(last.reply.code, 454)
