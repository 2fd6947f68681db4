"""Claims about the reputation of a whole node: what it is told, what it tells others, and what its readers report."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.names import client, dns
from twisted.names.error import DNSNameError

from shieldrelay.assembly.steering_reports import ReportSteering
from shieldrelay.mail.client import Client, client_of
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.analysis_examination import BLAME
from shieldrelay.shield.reputation_kinds import VIOLATIONS
from shieldrelay.shield.reputation_reports import Opinion, Reception
from shieldrelay.shield.reputation_score import Band
from tests.assembly.node_case import NodeCase, free_port, reactor

BAD, KNOWN = client_of("192.0.2.7"), client_of("192.0.2.9")
TOKEN = b"sesame"
REPORTER = f"""
[shield.reputation.reporter."example.test"]
token_hash = "{hashlib.sha256(TOKEN).hexdigest()}"
"""
LEARNED = """
[shield.reputation]
learning_days = "0s"
learning_messages = 0
"""


class ReputationCase(NodeCase):
    """A node, and shortcuts to what it remembers."""

    @property
    def reputation(self) -> Any:
        """The reputation."""
        return self.node.house.reputation.reputation

    def now(self) -> float:
        """Give the time as the defences have it."""
        return self.node.house.shield.seconds()

    def spoil(self, spammer: Client) -> None:
        """Give a client a very bad name."""
        self.reputation.refused(spammer, 50, self.now())
        self.reputation.unknown(spammer, 50, self.now())

    def make_good(self, sender: Client) -> None:
        """Give a client a good history."""
        defences, now = self.node.house.shield.defences, self.now()
        for ago in (20, 10, 1):
            defences.history.delivered(sender, 20, defences.calendar.day(now) - ago, now)

    def violations(self, source: Client) -> float:
        """Give what is remembered of a client's violations."""
        row = self.reputation.sources.get(source.source, self.now())
        return 0.0 if row is None else float(self.reputation.sources.total(row, VIOLATIONS))


class ReportTests(ReputationCase):
    """What readers say."""

    async def test_a_reader_reports_what_came_to_it(self) -> None:
        """The message of a node's 250 is reported once, by the domain's token; it counts, and stands in the journal."""
        await self.start(more=REPORTER)
        await self.send()
        (transaction,) = self.journal("transaction")
        message = transaction["message"]
        message = message if isinstance(message, str) else message[0]
        desk = ReportSteering(self.node.house)
        said = [
            await desk.report("example.test", token, message, Opinion.SPAM) for token in (b"guess", TOKEN, TOKEN)
        ]
        self.assertEqual(said, [Reception.DENIED, Reception.TAKEN, Reception.ALREADY])
        (line,) = self.journal("reputation_report")
        self.assertEqual((line["peer"], line["domain"], line["opinion"]), ("127.0.0.1", "example.test", "spam"))
        clauses = self.reputation.explain(client_of("127.0.0.1"), Acquaintance.STRANGER, self.now(), 0.0)
        self.assertIn("1.0 reports of spam", " ".join(clauses))

    async def test_who_may_report_changes_with_a_reload(self) -> None:
        """Without reporters nothing is remembered for them; a reload lets one in, and shuts it out again."""
        await self.start()
        await self.send()
        desk = ReportSteering(self.node.house)
        self.assertEqual(len(self.node.house.reputation.references), 0)
        self.assertIs(await desk.report("example.test", TOKEN, BAD, Opinion.SPAM), Reception.DENIED)
        for more, wanted in ((REPORTER, Reception.TAKEN), ("", Reception.DENIED)):
            self.configure(more=more)
            await self.steering.reload()
            self.assertIs(await desk.report("example.test", TOKEN, BAD, Opinion.SPAM), wanted)


class ExportTests(ReputationCase):
    """What others are told."""

    def exporting(self, port: int) -> str:
        """Give the settings."""
        return f"""
[shield.reputation.export]
file = "{self.directory}/worst.txt"
zone = "BL.relay.test"
listen = ["127.0.0.1:{port}"]
"""

    def asked(self, source: str, port: int) -> Deferred[Any]:
        """Ask the zone for a source."""
        name = ip_address(source).reverse_pointer.replace("in-addr.arpa", "bl.relay.test")
        resolver = client.Resolver(servers=[("127.0.0.1", port)], timeout=(1,), reactor=reactor)
        answer: Deferred[Any] = resolver.lookupAddress(name)
        return answer

    async def test_the_worst_are_told_and_the_good_are_not(self) -> None:
        """After a restart of the export a bad source is in the file and in the zone; a known-good one in neither."""
        port = free_port()
        await self.start(more=self.exporting(port))
        self.spoil(BAD)
        self.make_good(KNOWN)
        self.spoil(KNOWN)
        house = self.node.house
        self.assertTrue(house.shield.is_good(KNOWN.source))
        self.configure(more=self.exporting(port) + 'clients = ["192.0.2.0/24"]')
        await self.steering.reload()  # which exports at once; otherwise the next time is five minutes away
        file = self.directory / "worst.txt"
        await self.until(lambda: file.exists() and b"192.0.2.7" in file.read_bytes())
        self.assertNotIn(b"192.0.2.9", file.read_bytes())
        answers, _, _ = await self.asked("192.0.2.7", port)
        self.assertEqual([each.payload.dottedQuad() for each in answers], ["127.0.0.2"])
        with self.assertRaises(DNSNameError):
            await self.asked("192.0.2.9", port)

    async def test_a_zone_goes_with_its_setting(self) -> None:
        """A reload that takes the zone away closes its ports; a port that cannot be had is an alarm, and no more."""
        port = free_port()
        await self.start(more=self.exporting(port))
        self.assertEqual((await self.asked("127.0.0.2", port))[0][0].type, dns.A)
        self.configure(more="")
        await self.steering.reload()
        self.assertIsNone(self.node.house.reputation.export.server)
        self.configure(more=self.exporting(self.port))
        await self.steering.reload()
        await self.until(lambda: self.journal("alarm"))
        self.assertEqual([line["alarm"] for line in self.journal("alarm")], ["zone"])
        self.assertEqual((await self.send())[0], 250)


class EvidenceTests(ReputationCase):
    """What the other defences know of a source."""

    async def test_the_end_of_learning_is_told_once(self) -> None:
        """It stands in the journal when the reputation begins to act."""
        await self.start(more=LEARNED)
        for _ in range(2):
            await self.send()
        self.assertEqual(len(self.journal("learned")), 1)

    async def test_a_sentence_costs_the_name(self) -> None:
        """Whom the analysis sentences is known for violations, by the weight of the sentence and once a minute."""
        node = await self.start()
        gate = node.house.terms.gate
        visit: Any = gate.admit(BAD, 0, self.now())
        for _ in range(60):
            gate.violation(visit, ViolationKind.NOT_OFFERED, b"AUTH LOGIN", self.now())
        self.assertAlmostEqual(self.violations(BAD), sum(BLAME.values()), delta=0.01)
        for _ in range(5):
            self.reputation.entered(BAD, Acquaintance.STRANGER, self.now())
        self.assertIn("violations", self.reputation.standing(BAD, Acquaintance.STRANGER, self.now()).signals)

    async def test_weak_evidence_never_speaks_alone(self) -> None:
        """Whatever DNS tells of a source with little mail, it stays clean; without a past nothing is kept."""
        await self.start()
        self.reputation.doubted(BAD, 2.0, self.now())
        self.assertEqual(len(self.reputation.sources), 0)
        self.reputation.taken(BAD, 1, self.now(), 0.0)
        for _ in range(100):
            self.reputation.entered(BAD, Acquaintance.STRANGER, self.now())
            self.reputation.doubted(BAD, 2.0, self.now())
        self.assertGreater(self.violations(BAD), 0.5)
        self.assertIs(self.reputation.standing(BAD, Acquaintance.STRANGER, self.now()).band, Band.CLEAN)
