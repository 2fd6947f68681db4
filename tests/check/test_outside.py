"""What can be reached, tried against real sockets; certificates, tried by real handshakes; the command as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import shieldrelay
from shieldrelay.check.certificate import found, of_files, trusting
from shieldrelay.check.finding import Finding, Level
from shieldrelay.check.names import Names
from shieldrelay.check.outside import Reach, elsewhere, outside
from shieldrelay.check.subject import Protected, Subject
from shieldrelay.config.hosts import HostPort
from tests.capabilities import possible
from tests.check.case import Authority, Speaker, shown
from tests.wire.name_servers import free_port, nsd

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(shieldrelay.__file__)))
ZONE = """\
@ IN MX 10 mx1
mx1 IN A 127.0.0.1
"""


class OutsideTests(SynchronousTestCase):
    """Servers that should be closed."""

    def found(self, port: int) -> list[Finding]:
        """Try one server at a port of the loopback device."""
        subject = Subject((Protected(("customer.test",), (HostPort("127.0.0.1", port),), typed=True),))
        return list(outside(subject, Names([HostPort("127.0.0.1", 1)]), trusting(""), Reach(port)))

    def speaker(self, **replies: str) -> Speaker:
        """Start a server."""
        made = Speaker(replies)
        self.addCleanup(made.stop)
        return made

    def test_closed_is_good(self) -> None:
        """A port where nobody answers is closed."""
        self.assertIn("is closed to this machine: connection refused", shown(self.found(free_port()), Level.GOOD)[0])

    def test_open_is_an_error(self) -> None:
        """A server that would take mail from a stranger can be reached past the nodes; nothing is sent to it."""
        server = self.speaker()
        errors = shown(self.found(server.port), Level.ERROR)
        self.assertIn("takes mail from this machine", errors[0])
        self.assertIn("rcpt TO:<postmaster@customer.test>", server.heard)
        self.assertNotIn("data", [each.lower() for each in server.heard])
        self.assertEqual(server.heard[-1].upper(), "QUIT")

    def test_open_and_unwilling_is_a_warning(self) -> None:
        """A server that refuses strangers is open all the same: at its greeting, at MAIL, at RCPT, or by silence."""
        for verb, reply in (("", "554 go away"), ("MAIL", "550 no"), ("RCPT", "550 5.7.1 only from the relay")):
            server = self.speaker(**{verb: reply})
            warnings = shown(self.found(server.port), Level.WARNING)
            self.assertIn(f"takes no mail: {reply}", warnings[0])
        server = self.speaker(**{"": "\x1b[2J nonsense"})
        self.assertEqual([each.level for each in self.found(server.port)], [Level.WARNING])

    def test_private_addresses_are_not_knocked_at(self) -> None:
        """A configured server at a private address is not tried: here it would be somebody else."""
        server = self.speaker()
        subject = Subject((Protected(("customer.test",), (HostPort("127.0.0.1", server.port),)),))
        findings = list(outside(subject, Names([HostPort("127.0.0.1", 1)]), trusting(""), Reach(server.port)))
        self.assertIn("nobody in the internet can reach it", shown(findings, Level.GOOD)[0])
        self.assertEqual(server.heard, [])

    def test_the_command_for_elsewhere(self) -> None:
        """What is to be run on another machine names everything that it needs."""
        domain = Protected(("customer.test",), (HostPort("8.8.8.25", 2525),))
        self.assertEqual(
            elsewhere(Subject((domain,), ("mx1.shield.test",))),
            "shieldrelayctl check --from-outside --domain customer.test --server 8.8.8.25:2525 --node mx1.shield.test",
        )


class CertificateTests(SynchronousTestCase):
    """What a client that verifies says."""

    def setUp(self) -> None:
        """Make a CA."""
        self.authority = Authority(Path(self.mktemp()))

    def look(self, issued: str, days: float, name: str, ca: str | None = None) -> Finding:
        """Look at a certificate under a name."""
        client = trusting(str(self.authority.file) if ca is None else ca)
        return found(of_files(*self.authority.issue(issued, days), name, client), name, "file")

    def test_a_good_one(self) -> None:
        """One that is trusted, for the name and good for long is good."""
        self.assertEqual(self.look("mx1.test", 60.5, "mx1.test").level, Level.GOOD)
        self.assertIn("for another 60 days", self.look("mx1.test", 60.5, "mx1.test").words)

    def test_what_is_wrong_with_others(self) -> None:
        """One that nobody knows, that is another's, that has ended or will soon is told of in words."""
        rows = (
            (self.look("mx1.test", 60, "mx1.test", ca=""), Level.WARNING, "unable to get local issuer certificate"),
            (self.look("mx2.test", 60, "mx1.test"), Level.WARNING, "ostname mismatch"),
            (self.look("mx1.test", -2, "mx1.test"), Level.WARNING, "certificate has expired"),
            (self.look("mx1.test", 15, "mx1.test"), Level.WARNING, "another 15 days"),
            (self.look("mx1.test", 3, "mx1.test"), Level.ERROR, "another 3 days"),
        )
        for finding, level, words in rows:
            self.assertEqual(finding.level, level, finding)
            self.assertIn(words, finding.words)


@possible("nsd")
class CommandTests(SynchronousTestCase):
    """The real command, in a process of its own, against a name server, a node and a customer."""

    def run_check(self, *words: str) -> tuple[str, str, int]:
        """Run it and give output, complaints and exit status."""
        command = [sys.executable, "-m", "shieldrelay.admin.ctl", "check", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, cwd=ROOT, env={"PYTHONPATH": ROOT, "PATH": "/usr/bin"}
        )
        return done.stdout, done.stderr, done.returncode

    def setUp(self) -> None:
        """Start them."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        server = nsd(directory / "nsd", {"shield.test": ZONE})
        self.addCleanup(server.stop)
        self.authority = Authority(directory / "ca")
        self.node = Speaker({}, self.authority.issue("mx1.shield.test", 90))
        self.addCleanup(self.node.stop)
        self.directory = directory
        self.world = [
            "--resolver", f"127.0.0.1:{server.address[1]}", "--smtp-port", str(self.node.port),
            "--trust", str(self.authority.file),
        ]  # fmt: skip

    def test_from_outside(self) -> None:
        """A node that takes mail under a good certificate is well, a server that does so for strangers is not."""
        closed, opened = free_port(), Speaker({})
        self.addCleanup(opened.stop)
        asked = ["--from-outside", "--domain", "shield.test", "--node", "mx1.shield.test", *self.world]
        out, err, _ = self.run_check(*asked, "--server", f"127.0.0.2:{closed}")
        self.assertEqual(err, "")
        self.assertIn("ok       mx1.shield.test (127.0.0.1 port", out)
        self.assertIn("takes mail for shield.test", out)
        self.assertIn("127.0.0.2 port", out)
        self.assertIn("STARTTLS", self.node.heard)
        out, _, status = self.run_check(*asked, "--server", f"127.0.0.1:{opened.port}", "--quiet")
        self.assertEqual(status, 1)
        self.assertIn("ERROR    shield.test: 127.0.0.1 port", out)
        self.assertNotIn("  ok ", out)

    def test_at_a_node(self) -> None:
        """At a node it reads the configuration and the certificate, and says what to run elsewhere, as JSON too."""
        certificate, key = self.authority.issue("mx1.shield.test", 10)
        recipients = self.directory / "list"
        recipients.write_text("alice\n")
        file = self.directory / "node.toml"
        state = self.directory.absolute()
        file.write_text(
            f'[node]\nhostname = "mx1.shield.test"\nspool = "{state}/spool"\nstate = "{state}/state"\n'
            f'[tls]\ncertificate = "{certificate.absolute()}"\nprivate_key = "{key.absolute()}"\n'
            f"[check]\nlists = []\n"
            f'[[domain]]\ndomain = "shield.test"\nnext_hops = ["192.0.2.25:25"]\nrecipients = "file:{state}/list"\n'
        )
        out, err, status = self.run_check("--config", str(file.absolute()), *self.world, "--json")
        self.assertEqual((err, status), ("", 4), out)
        told = {(each["part"], each["level"]): each for each in json.loads(out)["findings"]}
        self.assertIn("valid", told["configuration", "good"]["words"])
        self.assertIn("another 10 days", told["tls", "warning"]["words"])
        self.assertIn("--from-outside --domain shield.test --server 192.0.2.25:25", told["outside", "note"]["advice"])
        file.write_text(file.read_text() + "colour = 1\n")
        out, _, status = self.run_check("--config", str(file.absolute()), *self.world)
        self.assertEqual(status, 1)
        self.assertIn("colour", out)

    def test_wrong_usage(self) -> None:
        """What cannot be understood exits with 2."""
        for words in (["--server", "x"], ["--domain", "x.test", "--resolver", "dns.test"], ["--smtp-port", "0"]):
            self.assertEqual(self.run_check(*words)[2], 2, words)
