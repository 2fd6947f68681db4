"""Bad evidence at a whole node: DNS that hangs or lies, policies that are bombs, feeds of garbage, half a snapshot."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time

from twisted.names import dns

from tests.integration.node import DOMAIN
from tests.integration.senders_case import ABROAD, ClientCase

BUDGET_SECONDS = 3.0
TOKEN = "sesame"
OTHER = b"other.test"
"""What nobody asks about."""


class Poisoner:
    """A name server, in a thread of the test, that answers every question well, but of another name.

    :param answers: whether it answers at all.
    :ivar asked: questions so far.
    """

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while (came := self._socket.recvfrom(4096))[0]:
            self.asked += 1
            if self._answers:
                self._socket.sendto(self._lie(came[0]), came[1])

    def _lie(self, question: bytes) -> bytes:
        """Say what would make a sender lawful and a client listed, of a name that was not asked about."""
        message = dns.Message()
        message.fromStr(question)
        message.answer, message.rCode = 1, dns.OK
        records = (dns.Record_MX(10, b"mx.test"), dns.Record_A("127.0.0.2"), dns.Record_TXT(b"v=spf1 +all"),
                   dns.Record_PTR(b"mail.lawful.test"))  # fmt: skip
        message.answers = [dns.RRHeader(OTHER, record.TYPE, ttl=300, payload=record) for record in records]
        return message.toStr()


class NameTests(ClientCase):
    """Name servers, and what they say."""

    def asking(self, server: Poisoner) -> None:
        """Start a node that asks this server of everything, a DNS list included."""
        self.addCleanup(server.close)
        self.begin({"lists": 3}, {"resolver": {"servers": [server.place]}})

    def test_silence_refuses_nobody(self):
        """While name servers, and so all DNS lists, hang, mail comes within the budget, and SPF is a temperror."""
        self.asking(server := Poisoner(answers=False))
        begun = time.monotonic()
        self.assertEqual(self.came(ABROAD, "one"), (b"220", b"250"))
        self.assertLess(time.monotonic() - begun, BUDGET_SECONDS + 2.0)
        arrived = self.wait_for_arrival(self.customer, "one")[0]
        self.assertIn("spf=temperror", arrived.content)
        self.assertGreater(server.asked, 2)

    def test_answers_about_other_names_say_nothing(self):
        """An exchanger, a policy and a listing of another name make no sender lawful, and list nobody."""
        self.asking(Poisoner(answers=True))
        self.assertIn("lists.test", self.node.wait_for_event("alarm")["reason"])  # it does not list its test point
        self.assertEqual(self.came(ABROAD, "one"), (b"220", b"450"))
        self.assertIn("evil.test has no address", self.refusal("evil.test"))

    def refusal(self, domain: str) -> str:
        """Send from a domain; give why that was refused."""
        self.came(ABROAD, "two", f"carol@{domain}")
        return str(self.node.wait_for_event("refused", lambda line: domain in str(line)))

    def test_bombs_are_permanent_errors(self):
        """A policy that includes itself, and one that asks more than ten questions, cost their owner the result."""
        self.begin()
        for number, sender in enumerate(("carol@bomb.test", "carol@tree.bomb.test")):
            self.assertEqual(self.came(ABROAD, f"b{number}", sender), (b"220", b"250"))
            arrived = self.wait_for_arrival(self.customer, f"b{number}")[-1]
            self.assertIn("spf=permerror", arrived.content)
        self.assertEqual(self.came(ABROAD, "good"), (b"220", b"250"))


class FeedTests(ClientCase):
    """Feeds of active spammers."""

    def setUp(self):
        super().setUp()
        self.feed = self.names_directory / "feed"
        self.feed.write_text(f"# spammers\n{ABROAD}\n192.0.2.0/24\n")
        self.begin(more={'shield.reputation.feed."drop"': {"source": f"file:{self.feed}", "weight": 3}})

    def refused(self) -> None:
        """Hold that who is in the good feed is asked to come later, and nobody else."""
        self.wait(lambda: "drop" in self.told(ABROAD), "the feed")
        self.assertEqual(self.came(ABROAD, "listed")[1], b"450")
        self.assertEqual(self.came("8.8.4.5", f"other{self.customer.count()}"), (b"220", b"250"))

    def test_the_last_good_one_stays(self):
        """Garbage, or the whole internet, instead of a feed: an alarm, and the one before holds on over restarts."""
        self.refused()
        for number, octets in enumerate((random.Random(1).randbytes(50_000), b"0.0.0.0/1\n128.0.0.0/1\n")):
            self.node.stop()
            self.feed.write_bytes(octets)
            self.restart()
            self.wait(lambda: len(self.alarms()) == number + 1, "the alarm")  # noqa: B023
            self.refused()

    def alarms(self) -> list[str]:
        """Give why feeds were said not to be readable."""
        return [line["reason"] for line in self.node.journal("alarm") if line["alarm"] == "feed"]


class SnapshotTests(ClientCase):
    """What is kept of sources."""

    def test_a_name_survives_and_a_cut_snapshot_does_not(self):
        """A bad name holds over a restart; half a snapshot is told and not believed: everybody is a stranger."""
        token = {"token_hash": hashlib.sha256(TOKEN.encode()).hexdigest()}
        node = self.begin(more={f'shield.reputation.reporter."{DOMAIN}"': token})
        for number in range(5):
            self.assertEqual(self.came(ABROAD, f"m{number}"), (b"220", b"250"))
        body = {"token": TOKEN, "opinion": "spam", "address": ABROAD}
        for _ in range(4):
            self.assertTrue(node.ask("POST", f"domains/{DOMAIN}/reports", body)["counted"])
        self.assertEqual(self.came(ABROAD, "bad")[1], b"450")
        node.stop()
        self.restart()
        self.assertEqual(self.came(ABROAD, "still bad")[1], b"450")
        node.kill()
        view = node.directory / "state" / "shield" / "view"
        view.write_bytes(view.read_bytes()[: view.stat().st_size // 2])
        self.restart()
        node.wait_for_event("snapshot_unreadable")
        self.assertEqual(self.came(ABROAD, "stranger"), (b"220", b"250"))
