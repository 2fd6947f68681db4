"""What is published of the nodes' TLS, held against what they show and where MX leads; with a real name server."""

from __future__ import annotations

import http.client
import re
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.check.certificate import trusting
from shieldrelay.check.finding import Level
from shieldrelay.check.names import Names
from shieldrelay.check.policies import keys, policies, policy_of
from shieldrelay.check.subject import Protected, Subject
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.reader import read
from tests.capabilities import possible
from tests.check.case import Authority, shown
from tests.structure.source import ROOT
from tests.wire.name_servers import nsd

KEY = "ab" * 32
SHIELD = f"""\
_25._tcp.mx1 IN TLSA 3 1 1 {"cd" * 32}
_25._tcp.mx1 IN TLSA 3 1 1 {KEY}
_25._tcp.mx2 IN TLSA 3 1 1 {"cd" * 32}
_25._tcp.mx3 IN TLSA 2 0 1 {"cd" * 32}
"""
CUSTOMER = """\
good IN MX 10 mx1.shield.test.
good IN MX 20 mx2.shield.test.
_mta-sts.good IN TXT "v=STSv1; id=1"
plain IN MX 10 mx1.shield.test.
"""
POLICY = "version: STSv1\r\nmode: {mode}\r\nmx: mx1.shield.test\r\nmx: {second}\r\nmax_age: 604800\r\n"


@possible("nsd")
class PolicyTests(SynchronousTestCase):
    def setUp(self) -> None:
        server = nsd(Path(self.mktemp()), {"shield.test": SHIELD, "customer.test": CUSTOMER})
        self.addCleanup(server.stop)
        self.names = Names([HostPort(*server.address)])

    def of_node(self, node: str, key: str = KEY) -> list[str]:
        """Give what is found of a node that shows one key."""
        subject = Subject((), (f"{node}.shield.test",))
        return shown(policies(subject, self.names, {f"{node}.shield.test": {key}}, self.fails))

    def of_domain(self, mode: str, second: str) -> list[str]:
        """Give what is found of a domain whose policy names mx1 and another."""
        policy = POLICY.format(mode=mode, second=second)
        return shown(policies(Subject((Protected(("good.customer.test",)),)), self.names, {}, lambda _: policy))

    def fails(self, host: str) -> str:
        """Give no policy."""
        raise ConnectionRefusedError(f"nobody listens at {host}")

    def test_a_record_that_matches(self) -> None:
        """One TLSA record of several that is the key's is enough, as while a key is changed."""
        self.assertEqual(self.of_node("mx1"), ["GOOD mx1.shield.test: a TLSA record matches its key"])

    def test_a_record_of_another_key(self) -> None:
        """Records that are all of other keys stop mail: an error. Forms that cannot be compared are unsure."""
        self.assertEqual(
            self.of_node("mx2"), ["ERROR mx2.shield.test: no TLSA record matches the key that it shows"]
        )
        self.assertIn("UNSURE mx3", self.of_node("mx3")[0])

    def test_nothing_published_is_nothing_wrong(self) -> None:
        """A node without records and a domain without policy are not spoken of."""
        self.assertEqual(self.of_node("mx9"), [])
        plain = Subject((Protected(("plain.customer.test",)),))
        self.assertEqual(list(policies(plain, self.names, {}, self.fails)), [])

    def test_a_policy_names_every_exchanger(self) -> None:
        """A policy that misses an exchanger is an error when enforced, a warning in testing; a star is one label."""
        self.assertIn("GOOD", self.of_domain("enforce", "*.shield.test")[0])
        self.assertIn("ERROR good.customer.test: its MTA-STS policy (enforce) does not name mx2.shield.test",
                      self.of_domain("enforce", "*.test"))  # fmt: skip
        self.assertIn("WARNING", self.of_domain("testing", "mx3.shield.test")[0])

    def test_a_policy_that_cannot_be_had(self) -> None:
        """One that is announced and not served is a warning."""
        good = Subject((Protected(("good.customer.test",)),))
        found = list(policies(good, self.names, {}, self.fails))
        self.assertEqual([each.level for each in found], [Level.WARNING])


class FetchTests(SynchronousTestCase):
    def test_a_policy_is_fetched_over_https(self) -> None:
        """The policy comes from its well-known path, from a server that is proven; no redirect is followed."""
        authority = Authority(Path(self.mktemp()))
        answers = {"/.well-known/mta-sts.txt": (200, b"version: STSv1\r\n")}

        class Serving(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.get(self.path, (404, b""))
                self.send_response(status)
                self.send_header("Location", "https://elsewhere.test/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        server = HTTPServer(("localhost", 0), Serving)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("localhost", 90))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        client, port = trusting(str(authority.file)), server.server_address[1]
        self.assertEqual(policy_of("localhost", client, port), "version: STSv1\r\n")
        answers["/.well-known/mta-sts.txt"] = (301, b"")
        self.assertRaises(http.client.HTTPException, policy_of, "localhost", client, port)
        self.assertRaises(ssl.SSLError, policy_of, "localhost", trusting(""), port)


@possible("openssl")
class PageTests(SynchronousTestCase):
    def test_the_pages_digest_is_the_keys(self) -> None:
        """The command of the page prints the digest that is held against the TLSA record."""
        place = Path(self.mktemp()).absolute()
        certificate, key = Authority(place).issue("mx1.shield.test", 90)
        configuration = place / "shieldrelay.toml"
        configuration.write_text(
            f'[node]\nhostname = "mx1.shield.test"\n[tls]\ncertificate = "{certificate}"\nprivate_key = "{key}"\n'
            '[[domain]]\ndomain = "example.test"\nnext_hops = ["192.0.2.1"]\nrecipients = "any"\n'
        )
        page = (ROOT / "docs" / "handing-over.md").read_text()
        (command,) = re.findall(r"    (openssl x509.*?sha256)\n", page, re.DOTALL)
        command = command.replace("/etc/shieldrelay/tls/mx1.pem", str(certificate))
        printed = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True).stdout
        self.assertEqual({printed.split()[-1]}, keys(read(str(configuration)))["mx1.shield.test"])
