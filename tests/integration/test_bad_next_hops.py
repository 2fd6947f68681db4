"""Next hops that talk nonsense, never answer, answer without end, or answer late (R1, R5, R6)."""

from __future__ import annotations

import threading
import time

from shieldrelay.testing.nexthop import Step
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.customer import doing, say
from tests.integration.kill_storm import drain

IMPATIENT = {
    "delivery": {
        "inline_timeout": "1s",
        "connect_timeout": "2s",
        "greeting_timeout": "2s",
        "hello_timeout": "2s",
        "mail_timeout": "2s",
        "recipient_timeout": "2s",
        "data_timeout": "2s",
        "block_timeout": "2s",
        "attempt_limit": "10s",
    }
}

SERVER_FAULTS = {
    "nonsense for a greeting": (Step.GREETING, say("hello, who is there?")),
    "HTTP": (Step.GREETING, say("HTTP/1.1 400 Bad Request\nServer: x\n")),
    "a greeting without end": (Step.GREETING, doing("endless", repeated="220-more\r\n")),
    "garbage without a line end": (Step.GREETING, doing("endless", repeated="\x00\xff garbage")),
    "no greeting": (Step.GREETING, doing("silence")),
    "a closed connection": (Step.GREETING, doing("close")),
    "a reset": (Step.GREETING, doing("reset")),
    "554 for a greeting": (Step.GREETING, say("554 5.7.1 go away")),
    "EHLO without end": (Step.EHLO, doing("endless", repeated="250-MORE\r\n")),
    "no answer to EHLO": (Step.EHLO, doing("silence")),
}
"""What says something about the server: it opens the breaker."""

MESSAGE_FAULTS = {
    "nonsense for MAIL": (Step.MAIL, say("okay")),
    "no answer to RCPT": (Step.RCPT, doing("silence")),
    "354 without end": (Step.DATA, doing("endless", repeated="354-go\r\n")),
    "a stall at DATA": (Step.DATA, doing("stall")),
    "nonsense for the dot": (Step.CONTENT, {"kind": "say", "reply": "thanks"}),
    "an odd code for the dot": (Step.CONTENT, say("399 what?")),
    "a reset at the dot": (Step.CONTENT, doing("reset")),
}


class BadNextHopTests(ProductCase):
    def check(self, name, step, act, *, opens):
        """Acknowledged in time and kept while it lasts; delivered when the server is well again."""
        customer = self.a_customer()
        node = self.a_node(customer.port, settings=IMPATIENT)
        customer.on(step, act)
        begun = time.monotonic()
        self.assertEqual(send_one(node.port, "kept")[:3], b"250", name)
        waited = time.monotonic() - begun
        self.assertLess(waited, 4, name)
        self.assertEqual(len(node.spooled()), 1, name)
        if opens:
            drive = [threading.Thread(target=send_one, args=(node.port, f"more{number}")) for number in range(3)]
            for one in drive:
                one.start()
            for one in drive:
                one.join()
            self.wait(lambda: node.domain_status()["breaker"] in ("open", "probing"), f"{name}: an open breaker")
            begun = time.monotonic()
            self.assertEqual(send_one(node.port, "quick")[:3], b"250", name)
            self.assertLess(time.monotonic() - begun, 0.9, f"{name}: an open breaker makes nobody wait")
        customer.clear()
        drain(node)
        tokens = {"kept", *(("quick", "more0", "more1", "more2") if opens else ())}
        self.assertEqual({one.token for one in customer.taken()}, tokens, name)
        node.kill()

    def test_servers_that_are_ill(self):
        """Whatever the server does before MAIL, mail is acknowledged and kept, the breaker opens, and all arrives."""
        for name, (step, act) in SERVER_FAULTS.items():
            self.check(name, step, act, opens=True)

    def test_transactions_that_go_wrong(self):
        """Whatever happens to a transaction, the message is acknowledged, kept, and arrives."""
        for name, (step, act) in MESSAGE_FAULTS.items():
            self.check(name, step, act, opens=False)

    def test_a_server_that_takes_no_connection(self):
        """A port that drops everything is no different from one that refuses: kept, and 250 in time."""
        node = self.a_node("127.0.0.1:1", settings=IMPATIENT)
        self.assertEqual(send_one(node.port, "kept")[:3], b"250")
        self.assertEqual(len(node.spooled()), 1)


class LateDotTests(ProductCase):
    def test_exactly_once(self):
        """A server that answers the final dot after 3 s, and senders who wait 1 s: forty messages, each once (R1)."""
        customer = self.a_customer()
        node = self.a_node(customer.port, settings={"delivery": {"inline_timeout": "1s"}})
        customer.on(Step.CONTENT, say("250 2.0.0 at last", delay=3))
        waits, lock = [], threading.Lock()

        def send(sender):
            for number in range(5):
                begun = time.monotonic()
                last = send_one(node.port, f"s{sender}-{number}")
                with lock:
                    waits.append((last[:3], time.monotonic() - begun))

        senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
        for one in senders:
            one.start()
        for one in senders:
            one.join()
        self.assertEqual({code for code, _seconds in waits}, {b"250"})
        self.assertLess(max(seconds for _code, seconds in waits), 2.5)
        self.wait(node.drained, "an empty spool", 60)
        self.assert_once(customer, [f"s{sender}-{number}" for sender in range(8) for number in range(5)])

    def test_a_refusal_after_the_250(self):
        """A server that refuses at the dot after the sender had its 250: the refusal becomes a notice, or is told."""
        customer = self.a_customer()
        node = self.a_node(customer.port, settings={"delivery": {"inline_timeout": "1s"}})
        customer.on(Step.CONTENT, say("550 5.7.1 not this", delay=3))
        self.assertEqual(send_one(node.port, "unwanted")[:3], b"250")
        self.wait(node.drained, "an empty spool", 60)
        node.wait_for_event("notice_withheld")
        self.assertEqual(customer.taken(), [])
