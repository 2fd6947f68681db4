"""The whole catalogue of unlawful clients played against a node with a real Postfix behind it, and lawful ones beside.

Between both a relay keeps every octet, so that what does not arrive is seen not to arrive.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shieldrelay.shield.analysis_exploits import find_in_line
from shieldrelay.testing.authority import Authority
from tests.capabilities import possible
from tests.corpus import attacks
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.postfix import Postfix
from tests.integration.recording import Recording
from tests.integration.test_interop_clients import AWKWARD, run
from tests.shield.test_analysis_catalogue import PLAYS
from tests.wire.name_servers import Server, nsd

SILENCE_SECONDS = 0.25
"""How long an attacker waits for an answer before it goes on."""
AT_ONCE = 40
ZONES = {
    "sender.test": "@ IN MX 10 mx\n@ IN TXT \"v=spf1 ip4:127.0.0.0/8 -all\"\nmx IN A 9.9.9.9\n"
    "client IN A 127.0.0.1\nclient IN TXT \"v=spf1 ip4:127.0.0.0/8 -all\"\nclient IN MX 10 mx\n",
    "127.in-addr.arpa": "1.0.0 IN PTR client.sender.test.\n",
}
"""A sender that can be written to, and a client whose name has its address."""
_BEFORE = {b"MAIL": (b"EHLO client.test",), b"RCPT": (b"EHLO client.test", b"MAIL FROM:<a@sender.test>")}
_GO_ON = (b"RCPT TO:<alice@example.test>", b"DATA", b"x\r\n.", b"RSET", b"MAIL FROM:<a@sender.test>",
          b"RCPT TO:<bob@example.test>", b"DATA", b"x\r\n.", b"QUIT")  # fmt: skip
_LAWFUL = re.compile(
    rb"EHLO relay\.test|STARTTLS|DATA|RSET|NOOP|QUIT|RCPT TO:<(alice|bob)@example\.test>"
    rb"|MAIL FROM:<a@(sender\.test|b\.test)>( SIZE=\d+| BODY=8BITMIME)*"
)
"""All that a next hop may hear, whatever clients say."""


def attacked(port: int, number: int, segments: Sequence[bytes]) -> bytes:
    """Send segments from an address of its own, each when the one before was answered; give what was said."""
    heard = b""
    source = f"127.{64 + number // 250}.{number % 250}.1"
    try:
        with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as one:
            one.settimeout(SILENCE_SECONDS)
            for segment in (b"", *segments):
                one.sendall(segment)
                heard += _answer(one)
    except OSError:  # an attacker that was thrown out
        pass
    return heard


def _answer(one: socket.socket) -> bytes:
    try:
        octets = one.recv(65536)
    except TimeoutError:
        return b""
    if not octets:
        raise ConnectionResetError
    return octets


def play(port: int, played: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Play attacks, many at once; give what each of them heard."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda each: attacked(port, *each), enumerate(played)))


def plays() -> list[list[bytes]]:
    """Give every attack of corpus and catalogue as the segments that a client sends."""
    found = []
    for attack in attacks():
        lines = [*_BEFORE.get(attack.verb, (b"EHLO client.test",)), attack.line, *_GO_ON]
        found.append([line + b"\r\n" for line in lines])
    for _kind, octets in PLAYS:
        head, data, content = octets.partition(b"DATA\r\n")
        found.append([*head.splitlines(keepends=True), *((data, content) if data else ())])
        found.append([octets, b"QUIT\r\n"])  # and all of it in one write
    return found


@possible("postfix")
class ReplayCase(ProductCase):
    """One Postfix, and what passes between it and a node."""

    def setUp(self):
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir()
        issued = Authority(now=time.time()).issue("mail.example.test")
        self.chain = self.place / "chain.pem"
        self.chain.write_bytes(issued.key_pem + issued.certificate_pem)
        self.postfix = Postfix(self.chain, tls="none")
        self.addCleanup(self.postfix.close)
        self.postfix.start()
        self.between = Recording(self.postfix.port)
        self.addCleanup(self.between.close)


class ReplayTests(ReplayCase):
    """Unlawful clients."""

    def test_no_octet_of_an_attack_is_in_a_command(self):
        """Whatever the catalogue's clients send, Postfix hears the commands of lawful messages, and nothing else."""
        node = self.a_node(self.between.port, domain={"next_hop_tls": "none"})
        heard = play(node.port, plays())
        self.assertTrue(all(each[:3] in (b"220", b"421") for each in heard), "an attacker was not greeted")
        self.assertEqual(send_one(node.port, "after", "alice")[:3], b"250")
        self.wait(lambda: any(b"X-Token: after" in one for one in self.postfix.delivered()), "the lawful message")
        commands = self.between.commands()
        self.assertIn(b"RCPT TO:<alice@example.test>", commands)
        for command in commands:
            self.assertIsNone(find_in_line(command), command)
            self.assertTrue(_LAWFUL.fullmatch(command), command)
        sent = b"".join(kept.sent for kept in self.between.connections)
        for attack in attacks():
            self.assertNotIn(attack.line, sent)
        self.assertNotRegex(self.postfix.log(), r"non-SMTP|improper command|lost connection|timeout after")
        self.assertGreater(node.stop() + len(node.journal("exploit")), len(attacks()) // 2)

    def test_without_the_analysis_attacks_arrive(self):
        """The grammar alone lets lawfully written exploit strings pass to Postfix: the recording sees them."""
        off = {"shield.analysis": {"mode": "off"}}
        node = self.a_node(self.between.port, settings=off, domain={"next_hop_tls": "none"})
        play(node.port, [segments for segments in plays() if segments[-1] == b"QUIT\r\n" and b"${" in segments[1]])
        found = {signature.name for each in self.between.commands() if (signature := find_in_line(each))}
        self.assertIn("expansion", found)


@possible("nsd")
class LawfulTests(ReplayCase):
    """The clients of the world, spoken to as they are, with every defence on and their names in a real DNS."""

    def setUp(self):
        super().setUp()
        self.names: Server = nsd(self.place / "names", ZONES)
        self.addCleanup(self.names.stop)
        host, port = self.names.address
        self.node = self.a_node(
            self.between.port,
            settings={"resolver": {"servers": [f"{host}:{port}"]}, "shield.lawful": {"mode": "enforce"}},
            domain={"next_hop_tls": "none"},
        )

    def passed(self, messages: int) -> None:
        """Assert that so many messages are in Postfix's mailbox and that nothing speaks against their client."""
        self.wait(lambda: len(self.postfix.delivered()) >= messages, f"{messages} messages in the mailbox")
        source = self.node.ask("GET", "sources/127.0.0.1")
        told = {each["name"]: " ".join(each["told"]) for each in source["defences"]}
        self.assertEqual((source["now"], source["refusals"], told["analysis"]), ("served", [], ""))
        self.assertIn("clean, score 0 of 100", told["reputation"])
        for word in ("violations", "refused", "unknown"):
            self.assertNotIn(f" {word}", told["reputation"])
        self.assertFalse([each for each in source["defences"] if each["refuses"]])
        self.assertNotIn("is a generic one", told["lawful"])
        for event in ("violation", "would_refuse", "exploit", "refused"):
            self.assertEqual(self.node.journal(event), [], event)
        for one in self.postfix.delivered():
            self.assertIn(b"spf=pass", one)

    @possible("swaks")
    def test_swaks(self):
        """Plainly, over TLS, pipelined, with HELO, and with awkward content."""
        envelope = ("--from", "a@sender.test", "--to", "alice@example.test", "--helo", "client.sender.test")
        kinds = ((), ("--tls",), ("--pipeline",), ("--protocol", "SMTP"), ("--body", ".\n..\nx"))
        for words in kinds:
            run("swaks", "--server", f"127.0.0.1:{self.node.port}", *envelope, *words)
        self.passed(len(kinds))

    @possible("smtp-source")
    def test_smtp_source(self):
        """New connections and kept ones, several at once."""
        for words in (("-s", "5"), ("-s", "5", "-d")):
            run(
                "smtp-source", *words, "-m", "10", "-M", "client.sender.test", "-f", "a@sender.test",
                "-t", "alice@example.test", f"127.0.0.1:{self.node.port}",
            )  # fmt: skip
        self.passed(20)

    def test_smtplib(self):
        """Python's, with EHLO, with STARTTLS, 8-bit content, SMTPUTF8 and a notice."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", self.node.port, "client.sender.test", timeout=30) as client:
            client.starttls(context=context)
            for options in (["BODY=8BITMIME"], ["SMTPUTF8", "BODY=8BITMIME"]):
                client.sendmail("a@sender.test", ["alice@example.test"], AWKWARD, mail_options=options)
            client.sendmail("", ["bob@example.test"], AWKWARD)
        self.passed(3)

    def test_postfix_sends(self):
        """A Postfix that relays everything to the node: messages of several sizes and recipients, over one."""
        sender = Postfix(self.chain, tls="none", relay=self.node.port)
        self.addCleanup(sender.close)
        sender.start()
        with smtplib.SMTP("127.0.0.1", sender.port, "client.sender.test", timeout=30) as client:
            for size in (10, 10_000, 300_000):
                recipients = ["alice@example.test", "bob@example.test"]
                client.sendmail("a@sender.test", recipients, b"Subject: x\r\n\r\n" + b"y" * 70 * (size // 70))
        self.passed(6)
