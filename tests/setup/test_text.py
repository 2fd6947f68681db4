"""Claims about files as they are to be, and about what is told of DNS and firewalls."""

from __future__ import annotations

import tomllib

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.config.hosts import HostPort
from shieldrelay.config.render import domain_file, main_file
from shieldrelay.config.sources import RecipientSource, SourceKind
from shieldrelay.setup.outside import any_firewall, dns_records, nftables_rule
from shieldrelay.setup.plan import Plan
from shieldrelay.setup.text import domain_text, list_text, with_settings

SERVER = HostPort("192.0.2.25", 25)
PLAN = Plan(
    "mx1.shield.example", "example.com", (SERVER,), RecipientSource(SourceKind.FILE, "/e/r.txt"), ("alice", "bob")
)
NODES = {"mx1.shield.example": ("198.51.100.10", "2001:db8::10"), "mx2.shield.example": ("198.51.100.11",)}


class SettingTests(SynchronousTestCase):
    """Settings put into a file."""

    def test_whole_default_file(self) -> None:
        """In the file that is shipped exactly the settings given change, and nothing else does."""
        text = with_settings(main_file(), "node", {"hostname": "a.example", "journal": "/j"})
        text = with_settings(text, "tls", {"certificate": "/c", "private_key": "/k"})
        before = tomllib.loads(main_file())
        before["node"] |= {"hostname": "a.example", "journal": "/j"}
        before.setdefault("tls", {}).update({"certificate": "/c", "private_key": "/k"})
        self.assertEqual(tomllib.loads(text), before)
        self.assertEqual(set(main_file().splitlines()) - set(text.splitlines()), {'hostname = "mx1.shield.example"'})

    def test_same_again(self) -> None:
        """What is so already stays as it is, with its comment."""
        text = '[node]\nhostname = "a.example"   # ours\n'
        self.assertEqual(with_settings(text, "node", {"hostname": "a.example"}), text)

    def test_new_section(self) -> None:
        """A section that is not there comes to the end."""
        text = with_settings('[node]\nhostname = "a"\n', "tls", {"certificate": "/c"})
        self.assertEqual(tomllib.loads(text), {"node": {"hostname": "a"}, "tls": {"certificate": "/c"}})

    def test_subsection_is_no_section(self) -> None:
        """A setting goes into its section, not into one whose name begins alike, and before the next one's comment."""
        text = '[node]\na = 1\n\n# about names\n[node.names]\nhostname = "x"\n'
        changed = with_settings(text, "node", {"hostname": "y"})
        self.assertEqual(tomllib.loads(changed), {"node": {"a": 1, "hostname": "y", "names": {"hostname": "x"}}})
        self.assertIn("\n# about names\n[node.names]", changed)

    def test_domain(self) -> None:
        """A new domain's file has what was answered; one that is there keeps what else it says."""
        said = {"domain": "example.com", "next_hops": ["192.0.2.25:25"], "recipients": "file:/e/r.txt"}
        self.assertEqual(tomllib.loads(domain_text(PLAN, "file:/e/r.txt", None)), said)
        former = 'domain = "example.com"\naliases = ["example.net"]\nnext_hops = ["10.0.0.1"]\nrecipients = "any"\n'
        self.assertEqual(
            tomllib.loads(domain_text(PLAN, "file:/e/r.txt", former + "[pace]\nconnections = 5\n")),
            {**said, "aliases": ["example.net"], "pace": {"connections": 5}},
        )
        example = tomllib.loads(domain_text(PLAN, "file:/e/r.txt", domain_file()))
        self.assertEqual({key: example[key] for key in said}, said)

    def test_list(self) -> None:
        """A new list has the names, one a line."""
        self.assertEqual(list_text(PLAN).splitlines()[1:], ["alice", "bob"])


class OutsideTests(SynchronousTestCase):
    """What is to be done outside the node."""

    def test_records(self) -> None:
        """Every node is an exchanger of the domain, and has its addresses and a word on their names."""
        lines = dns_records("example.com", NODES).splitlines()
        self.assertEqual(
            [line for line in lines if not line.startswith(";")],
            [
                "example.com. 300 IN MX 10 mx1.shield.example.", "example.com. 300 IN MX 10 mx2.shield.example.",
                "mx1.shield.example. 300 IN A 198.51.100.10", "mx1.shield.example. 300 IN AAAA 2001:db8::10",
                "mx2.shield.example. 300 IN A 198.51.100.11",
            ],
        )  # fmt: skip
        self.assertEqual(sum(line.startswith("; the PTR record of") for line in lines), 3)

    def test_no_address(self) -> None:
        """A node without addresses is named as one that needs them."""
        self.assertIn("; mx9.example. needs an address record", dns_records("example.com", {"mx9.example": ()}))

    def test_rule(self) -> None:
        """The rule names all nodes by both versions of IP, and each port once."""
        rule = nftables_rule(NODES, [SERVER, HostPort("192.0.2.26", 25), HostPort("192.0.2.25", 2525)])
        self.assertIn("elements = { 198.51.100.10, 198.51.100.11 };", rule)
        self.assertIn("elements = { 2001:db8::10 };", rule)
        self.assertIn("tcp dport { 25, 2525 } drop", rule)

    def test_words(self) -> None:
        """The same in words denies a version of IP that no node has to everybody."""
        self.assertEqual(
            any_firewall({"mx2": ("198.51.100.11",)}, [SERVER]).splitlines(),
            [
                "IPv4: allow TCP to port 25 from 198.51.100.11",
                "IPv4: deny TCP to port 25 from everybody else",
                "IPv6: deny TCP to port 25 from everybody",
            ],
        )
