"""Foreign clients speak to a node: swaks, smtp-source, Python's smtplib."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

from tests.capabilities import possible, program
from tests.integration.case import ProductCase
from tests.integration.customer import parted

AWKWARD = b"Subject: awkward\r\n\r\n.\r\n..\r\n.x\r\nna\xc3\xafve\r\n" + b"y" * 5000 + b"\r\n\r\n"


def run(*words: str) -> str:
    """Run a client to its end; give what it said.

    :raises AssertionError: it failed.
    """
    ended = subprocess.run(
        [program(words[0]), *words[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    if ended.returncode:
        raise AssertionError(f"{' '.join(words)}: {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


class ClientCase(ProductCase):
    def setUp(self):
        self.customer = self.a_customer()
        self.node = self.a_node(self.customer.port)
        self.addCleanup(lambda: self.assertEqual(self.customer.violations(), []))

    def arrived(self, count=1):
        """Give what arrived behind our trace line, and the trace lines."""
        self.assertEqual(self.customer.count(), count)
        pairs = [parted(one.content.encode("latin-1")) for one in self.customer.taken()]
        self.assertTrue(all(trace.startswith(b"Received: from ") for trace, _rest in pairs))
        return [rest for _trace, rest in pairs], [trace for trace, _rest in pairs]


@possible("swaks")
class SwaksTests(ClientCase):
    def swaks(self, *words):
        return run(
            "swaks", "--server", f"127.0.0.1:{self.node.port}", "--from", "a@sender.test",
            "--to", "alice@example.test", *words,
        )  # fmt: skip

    def test_plainly(self):
        """The default conversation; swaks' body arrives."""
        said = self.swaks("--body", "a body from swaks")
        self.assertIn("250 2.0.0", said)
        self.assertIn(b"a body from swaks\r\n", self.arrived()[0][0])

    def test_tls(self):
        """STARTTLS with the certificate that the node made for itself; the trace line says ESMTPS."""
        said = self.swaks("--tls")
        self.assertIn("TLS started with cipher TLSv1.3", said)
        self.assertIn(b" with ESMTPS ", self.arrived()[1][0].replace(b"\r\n\t", b" "))

    def test_pipelining(self):
        """Pipelined commands, several recipients."""
        self.swaks("--pipeline", "--to", "alice@example.test,bob@example.test")
        self.assertEqual(self.customer.taken()[0].recipients, ("alice@example.test", "bob@example.test"))

    def test_awkward_content(self):
        """Dots, octets beyond ASCII and long lines arrive octet by octet."""
        file = Path(self.mktemp()).absolute()
        file.write_bytes(AWKWARD.replace(b"\r\n", b"\n"))
        self.swaks("--data", f"@{file}")
        self.assertEqual(self.arrived()[0][0].rstrip(), AWKWARD.rstrip())

    def test_helo(self):
        """HELO instead of EHLO."""
        self.swaks("--protocol", "SMTP")
        self.assertIn(b" with SMTP ", self.arrived()[1][0].replace(b"\r\n\t", b" "))

    def test_an_unknown_recipient(self):
        """Swaks is told 550 5.1.1 and ends with its status for a refused recipient."""
        self.assertIn("550 5.1.1", str(self.assertRaises(AssertionError, self.swaks, "--to", "nobody@example.test")))
        self.assertEqual(self.customer.count(), 0)


@possible("smtp-source")
class SmtpSourceTests(ClientCase):
    def test_variants(self):
        """New connections, kept connections, several recipients and large messages: every one arrives."""
        node = self.a_node(self.customer.port, domain={"recipients": "any"})
        total = 0
        for words in (("-s", "10"), ("-s", "5", "-d"), ("-l", "200000"), ("-s", "3", "-r", "3"), ("-A",)):
            total += 30
            envelope = ("-f", "s@sender.test", "-t", "any@example.test")
            run("smtp-source", *words, "-m", "30", *envelope, f"127.0.0.1:{node.port}")
            self.assertEqual(self.customer.count(), total, words)
        self.assertEqual(max(len(one.recipients) for one in self.customer.taken()), 3)


class SmtplibTests(ClientCase):
    def client(self, *, tls=False):
        client = smtplib.SMTP("127.0.0.1", self.node.port, timeout=30)
        self.addCleanup(client.close)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.starttls(context=context)
        return client

    def test_refused_recipients(self):
        """One of two recipients is refused: sendmail says which, and the other gets the message."""
        refused = self.client().sendmail("a@sender.test", ["alice@example.test", "nobody@example.test"], AWKWARD)
        self.assertEqual({who: code for who, (code, _text) in refused.items()}, {"nobody@example.test": 550})
        self.assertEqual(self.arrived()[0], [AWKWARD])

    def test_starttls(self):
        """Encrypted; many messages over one connection."""
        client = self.client(tls=True)
        for _ in range(5):
            self.assertEqual(client.sendmail("a@sender.test", ["bob@example.test"], AWKWARD), {})
        self.assertEqual(client.quit()[0], 221)
        self.assertEqual(self.arrived(5)[0], [AWKWARD] * 5)

    def test_8bitmime(self):
        """BODY=8BITMIME is passed on with its content."""
        self.client().sendmail("a@sender.test", ["alice@example.test"], AWKWARD, mail_options=["BODY=8BITMIME"])
        self.assertEqual(self.arrived()[0], [AWKWARD])
        self.assertIn("BODY=8BITMIME", self.customer.taken()[0].mail_parameters)

    def test_smtputf8(self):
        """An address beyond ASCII goes through to a next hop that offers SMTPUTF8."""
        message = EmailMessage(policy=SMTPUTF8)
        message["From"], message["To"], message["Subject"] = "jürgen@sender.test", "alice@example.test", "Grüße"
        message.set_content("schöne Grüße\n")
        client = self.client()
        client.send_message(message)
        self.assertIn("SMTPUTF8", self.customer.taken()[0].mail_parameters)
        self.assertEqual(self.customer.taken()[0].reverse_path.encode("latin-1").decode(), "jürgen@sender.test")
        self.assertIn("Subject: Grüße\r\n".encode(), self.arrived()[0][0])

    def test_the_null_reverse_path(self):
        """A notice from elsewhere, from <>, arrives as one."""
        self.client().sendmail("", ["postmaster@example.test"], AWKWARD)
        self.assertEqual(self.customer.taken()[0].reverse_path, "")
