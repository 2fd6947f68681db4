"""Foreign servers behind a node: aiosmtpd, Postfix with TLS, smtp-sink and its misbehaviour."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

from shieldrelay.testing.authority import Authority
from tests.capabilities import possible, program
from tests.integration.case import ProductCase
from tests.integration.clients import content_of, send_one
from tests.integration.customer import parted
from tests.integration.node import free_port, listens
from tests.integration.postfix import Postfix

EHLO_ONLY_TLS = {"next_hop_tls": "verified", "next_hop_tls_name": "mail.example.test"}


class Keeping:
    """An aiosmtpd server's handler, which keeps what it gets."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:
        """Take a message."""
        self.envelopes.append(envelope)
        return "250 kept"


class AiosmtpdTests(ProductCase):
    def test_a_server_without_pipelining(self):
        """Aiosmtpd, which offers no PIPELINING, gets the messages as they were sent, over a kept connection."""
        keeping = Keeping()
        server = Controller(keeping, hostname="127.0.0.1", port=free_port(), decode_data=False)
        server.start()
        self.addCleanup(server.stop)
        node = self.a_node(server.port)
        for number in range(5):
            self.assertEqual(send_one(node.port, f"m{number}", "alice", "bob", size=20_000)[:3], b"250")
        self.assertEqual(len(keeping.envelopes), 5)
        for number, envelope in enumerate(keeping.envelopes):
            self.assertEqual(envelope.rcpt_tos, ["alice@example.test", "bob@example.test"])
            assert isinstance(envelope.content, bytes)
            self.assertEqual(parted(envelope.content)[1], content_of(f"m{number}", 20_000))


@possible("postfix")
class PostfixTests(ProductCase):
    def setUp(self):
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir()
        self.authority = Authority(now=time.time())
        issued = self.authority.issue("mail.example.test")
        chain = self.place / "chain.pem"
        chain.write_bytes(issued.key_pem + issued.certificate_pem)
        self.postfix = Postfix(chain)
        self.addCleanup(self.postfix.close)

    def node_trusting(self, authority):
        ca = authority.write(self.place / "ca.pem")
        return self.a_node(self.postfix.port, domain={**EHLO_ONLY_TLS, "next_hop_tls_ca": str(ca)})

    def bodies(self):
        """Give what was delivered behind Postfix's and our own trace lines, with lines as Postfix stores them."""
        return {one.partition(b"\nX-Token: ")[2].replace(b"\n", b"\r\n") for one in self.postfix.delivered()}

    def test_verified_tls(self):
        """Postfix takes mail over TLS only; its certificate is verified, and every message is in its mailbox."""
        self.postfix.start()
        node = self.node_trusting(self.authority)
        for number in range(10):
            self.assertEqual(send_one(node.port, f"m{number}", "alice")[:3], b"250")
        self.wait(lambda: len(self.postfix.delivered()) == 10, "ten messages in the mailbox")
        for one in self.postfix.delivered():
            self.assertIn(b"using TLSv1.3", one)
        expected = {content_of(f"m{number}", 2000).partition(b"\r\nX-Token: ")[2] for number in range(10)}
        self.assertTrue(self.bodies() == expected, "a message was altered")
        node.stop()
        self.assertEqual({line["tls"] for line in node.journal("attempt")}, {"TLSv1.3"})

    def test_an_unknown_authority(self):
        """A certificate that nobody trusted has signed: nothing is delivered, nothing bounces, mail is kept (R10)."""
        self.postfix.start()
        node = self.node_trusting(Authority(now=time.time()))
        self.assertEqual(send_one(node.port, "kept", "alice")[:3], b"250")
        self.assertEqual((len(node.spooled()), self.postfix.delivered()), (1, []))
        self.assertIn("certificate", node.wait_for_event("attempt")["reason"])

    def test_an_outage(self):
        """Mail for a Postfix that is down is kept, and delivered when it is started."""
        node = self.node_trusting(self.authority)
        for number in range(10):
            self.assertEqual(send_one(node.port, f"m{number}", "alice", "bob")[:3], b"250")
        self.assertEqual(len(node.spooled()), 10)
        self.postfix.start()
        self.wait(node.drained, "an empty spool", 60)
        self.wait(lambda: len(self.postfix.delivered()) == 20, "everything in the mailbox")

    def test_what_it_refuses(self):
        """A recipient that Postfix does not know: its 550 reaches the sender in its own session, in our words."""
        self.postfix.start()
        node = self.node_trusting(self.authority)
        last = send_one(node.port, "unknown", "carol")
        self.assertRegex(last, rb"^550 5\.1\.1 ")
        self.assertNotIn(b"mail.example.test", last)


@possible("smtp-sink")
class SmtpSinkTests(ProductCase):
    def sink(self, *words):
        """Start a sink; give its port."""
        port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [program("smtp-sink"), *user, *words, f"127.0.0.1:{port}", "100"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.wait(lambda: listens(port), "the sink")
        return port

    def deliver(self, *words, count=5):
        """Send some messages towards a sink; give the last replies' codes and the node."""
        node = self.a_node(self.sink(*words))
        return [send_one(node.port, f"m{number}", "alice", size=50_000)[:3] for number in range(count)], node

    def test_servers_that_take(self):
        """With everything, without pipelining, without 8BITMIME, with HELO only, and slowly: nothing is spooled."""
        for words in ((), ("-p",), ("-8",), ("-e",), ("-a",), ("-W", ".:1")):
            codes, node = self.deliver(*words)
            self.assertEqual((codes, node.spooled()), ([b"250"] * 5, []), words)

    def test_servers_that_break_off(self):
        """A hang-up, a 421 or a 4yz at any command: acknowledged, and kept."""
        for option in ("-q", "-Q", "-r"):
            for command in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."):
                if (option, command) != ("-r", "EHLO"):
                    codes, node = self.deliver(option, command, count=1)
                    self.assertEqual((codes, len(node.spooled())), ([b"250"], 1), (option, command))
                    node.kill()

    def test_servers_that_refuse(self):
        """A 5yz to the message is the sender's; a 5yz to connection or EHLO is the server's trouble (R5)."""
        for command, code in (("MAIL", b"5"), ("RCPT", b"5"), (".", b"5"), ("CONNECT", b"2"), ("EHLO,HELO", b"2")):
            codes, node = self.deliver("-f", command, count=1)
            self.assertEqual((codes[0][:1], len(node.spooled())), (code, int(code == b"2")), command)
