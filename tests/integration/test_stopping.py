"""SIGTERM under load and while the customer's server is slow: nothing acknowledged is lost, and in time."""

from __future__ import annotations

import signal
import threading
import time

from shieldrelay.testing.nexthop import Step
from tests.integration.case import ProductCase
from tests.integration.clients import Mix, Sender, Session, content_of, send_one, stuffed
from tests.integration.customer import say
from tests.integration.kill_storm import SHORT, Findings, compare, drain
from tests.integration.node import OBSERVED


class StoppingTests(ProductCase):
    def test_under_load(self):
        """Three stops under load, the customer well, down and well: all that was acknowledged arrives, none twice."""
        customer = self.a_customer(keep=False)
        node = self.a_node(customer.port, settings=OBSERVED)
        counted = threading.Semaphore(0)
        senders = [
            Sender(f"s{number}", node.port, Mix(), number, lambda _sent: counted.release()) for number in range(6)
        ]
        for one in senders:
            one.start()
        for down in (False, True, False):
            for _ in range(200):
                self.assertTrue(counted.acquire(timeout=30))
            if down:
                customer.down()
            begun = time.monotonic()
            self.assertEqual(node.stop(12), -signal.SIGTERM)
            self.assertLess(time.monotonic() - begun, 11)
            customer.up()
            node.start()
        for one in senders:
            one.end()
        for one in senders:
            one.join()
        drain(node)
        findings = Findings(SHORT)
        sent = [sent for one in senders for sent in one.sent]
        compare(findings, [one for one in sent if "ghost" not in one.recipients], [
            one for one in customer.taken() if not any(who.startswith("ghost@") for who in one.recipients)
        ])  # fmt: skip
        self.assertEqual((findings.lost, findings.altered, findings.duplicates), ([], [], 0))
        self.assertGreater(findings.acknowledged, 500)
        self.assertEqual(len(node.journal("stopped")), 3)

    def test_while_the_customer_is_slow(self):
        """A transaction whose dot is answered after 2 s is waited for: its sender hears 250, and it arrives once."""
        customer = self.a_customer()
        node = self.a_node(customer.port)
        customer.on(Step.CONTENT, say("250 2.0.0 at last", delay=2))
        replies = []
        sending = threading.Thread(target=lambda: replies.append(send_one(node.port, "slow")))
        sending.start()
        self.wait(lambda: customer.times(Step.CONTENT), "the dot")
        self.assertEqual(node.stop(9), -signal.SIGTERM)
        sending.join()
        self.assertEqual([one[:3] for one in replies], [b"250"])
        self.assertEqual(node.spooled(), [])
        self.assert_once(customer, ["slow"])

    def test_while_the_customer_is_too_slow(self):
        """A transaction that would outlast the stop is broken off in time: no 250, or kept in the spool."""
        customer = self.a_customer()
        node = self.a_node(customer.port, settings={"node": {"stop_timeout": "2s"}})
        customer.on(Step.CONTENT, say("250 2.0.0 much too late", delay=60))
        with Session(node.port) as session:
            commands = b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
            session.write(commands)
            self.assertEqual([session.reply()[:3] for _ in range(3)], [b"250", b"250", b"354"])
            session.write(stuffed(content_of("late", 2000)))
            self.wait(lambda: customer.times(Step.CONTENT), "the dot")
            self.assertEqual(node.stop(6), -signal.SIGTERM)
            try:
                last = session.reply()[:3]
            except OSError:
                last = b""
        self.assertIn((last, len(node.spooled())), [(b"", 0), (b"421", 0), (b"451", 0), (b"250", 1)])

    def test_idle_clients(self):
        """An idle client is told 421 and does not hold up the stop; one in the middle of content is given time."""
        customer = self.a_customer()
        node = self.a_node(customer.port)
        with Session(node.port) as idle, Session(node.port) as busy:
            busy.write(b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
            self.assertEqual([busy.reply()[:3] for _ in range(3)], [b"250", b"250", b"354"])
            node.terminate()
            self.assertEqual(idle.reply()[:3], b"421")
            busy.write(stuffed(content_of("busy", 2000)))
            self.assertEqual(busy.reply()[:3], b"250")
            self.assertEqual(node.wait_until_ended(9), -signal.SIGTERM)
        self.assert_once(customer, ["busy"])

    def test_a_second_signal(self):
        """SIGTERM again during a stop does no harm."""
        customer = self.a_customer()
        node = self.a_node(customer.port)
        customer.down()
        self.assertEqual(send_one(node.port, "kept")[:3], b"250")
        node.terminate()
        node.terminate()
        self.assertEqual(node.wait_until_ended(12), -signal.SIGTERM)
        self.assertEqual(len(node.spooled()), 1)
