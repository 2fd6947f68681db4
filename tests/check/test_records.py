"""What DNS says of domains, nodes and servers, against a real name server."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.check.finding import Finding, Level, status_of
from shieldrelay.check.leaks import header_leaks, leaks
from shieldrelay.check.lists import listings
from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.check.records import records
from shieldrelay.check.subject import Protected, Subject
from shieldrelay.config.hosts import HostPort
from tests.capabilities import possible
from tests.check.case import shown
from tests.wire.name_servers import Server, nsd

SHIELD = """\
mx1 IN A 9.9.9.1
mx1 IN AAAA 2606:4700::1
mx2 IN A 9.9.9.2
other IN A 9.9.9.1
alias IN CNAME mx2
"""
CUSTOMER = """\
good IN MX 10 mx1.shield.test.
good IN MX 20 other.shield.test.
good IN TXT "v=spf1 ip4:8.8.0.0/16 a:web.good.customer.test -all"
web.good IN A 9.9.9.77
past IN MX 10 mx1.shield.test.
past IN MX 99 backdoor
backdoor IN A 8.8.8.25
none IN A 8.8.8.25
strange IN MX 10 elsewhere
elsewhere IN A 9.9.9.99
alias IN MX 10 alias.shield.test.
void IN MX 10 nowhere
null IN MX 0 .
leaky IN MX 10 mx1.shield.test.
leaky IN TXT "some words"
leaky IN TXT "v=spf1 include:_spf.leaky.customer.test -all"
_spf.leaky IN TXT "v=spf1 ip4:8.8.8.24/30 -all"
mail.leaky IN A 8.8.8.25
aspf IN TXT "v=spf1 a mx a:hidden.customer.test/28 -all"
hidden IN A 8.8.8.25
loop IN TXT "v=spf1 include:loop.customer.test redirect=loop.customer.test"
"""
LIST = """\
2.0.0.127 IN A 127.0.0.2
1.9.9.9 IN A 127.0.0.4
1.9.9.9 IN TXT "sent to a trap\\027[2J"
"""
REFUSING = "2.0.0.127 IN A 127.255.255.254\n"
EVERYBODY = "* IN A 127.0.0.2\n"
REVERSE = """\
1.9.9 IN PTR mx1.shield.test.
2.9.9 IN PTR somebody.else.test.
"""
HIDDEN = HostPort("hidden.customer.test", 25)


@possible("nsd")
class RecordTests(SynchronousTestCase):
    """One name server with zones of nodes, customers and lists."""

    def setUp(self) -> None:
        """Start it."""
        zones = {
            "shield.test": SHIELD, "customer.test": CUSTOMER, "bl.test": LIST, "refusing.test": REFUSING,
            "everybody.test": EVERYBODY, "dead.test": "", "9.in-addr.arpa": REVERSE,
        }  # fmt: skip
        self.server: Server = nsd(Path(self.mktemp()), zones)
        self.addCleanup(self.server.stop)
        self.names = Names([HostPort(*self.server.address)])

    def subject(self, domain: str, **changes: object) -> Subject:
        """Give a domain with one server, behind two nodes."""
        protected = Protected((f"{domain}.customer.test",), (HIDDEN,))
        given: dict[str, object] = {"nodes": ("mx1.shield.test", "mx2.shield.test"), "guessed": ("mail",), **changes}
        return Subject((protected,), **given)  # type: ignore[arg-type]

    def of_domain(self, domain: str) -> list[Finding]:
        """Give what is found of a domain's own records."""
        return [each for each in records(self.subject(domain), self.names) if each.subject.startswith(domain)]

    def test_mail_that_comes_here(self) -> None:
        """MX records that lead to nodes are good, by the node's name and by its address."""
        found = self.of_domain("good")
        self.assertEqual({each.level for each in found}, {Level.GOOD})
        self.assertEqual(len(found), 2)

    def test_mail_that_goes_past(self) -> None:
        """An MX that is the protected server, none at all, one without address and a null MX are errors."""
        rows = {
            "past": "its MX backdoor.customer.test is the protected server hidden.customer.test",
            "none": "it has no MX record",
            "void": "its MX nowhere.customer.test has no address",
            "null": "takes no mail",
        }
        for domain, words in rows.items():
            errors = shown(self.of_domain(domain), Level.ERROR)
            self.assertTrue(any(words in each for each in errors), (domain, errors))
        self.assertEqual(status_of(self.of_domain("past")), 1)

    def test_mail_that_goes_somewhere(self) -> None:
        """An MX that is nobody known is a warning, and an error when no other leads here; an alias is a warning."""
        found = self.of_domain("strange")
        self.assertIn("(9.9.9.99) is no node that is known here", shown(found, Level.WARNING)[0])
        self.assertIn("none of its MX records leads to a node", shown(found, Level.ERROR)[0])
        self.assertIn("is an alias", shown(self.of_domain("alias"), Level.WARNING)[0])
        self.assertEqual(status_of(self.of_domain("alias")), 4)

    def test_names_of_nodes(self) -> None:
        """A node's addresses are called like it; who is called otherwise, or has no name, is told of."""
        found = list(records(self.subject("good", ipv6=False), self.names))
        self.assertIn("GOOD mx1.shield.test: 9.9.9.1 is called so, there and back", shown(found))
        warnings = shown(found, Level.WARNING)
        self.assertIn("WARNING mx2.shield.test: its address 9.9.9.2 is called somebody.else.test", warnings)
        self.assertTrue(any("mx1" in each and "does not listen on IPv6" in each for each in warnings))
        self.assertIn("NOTE mx2.shield.test: no MX record leads to this node", shown(found))
        self.assertTrue(any(each.startswith("UNSURE mx1") for each in shown(found)), "nobody has ip6.arpa here")

    def test_no_secret_is_out(self) -> None:
        """A domain whose records do not tell where its servers are is good; wide networks tell nothing."""
        found = list(leaks(self.subject("good"), self.names))
        words = "SPF and usual names do not tell where its servers are"
        self.assertEqual(shown(found), [f"GOOD good.customer.test: {words}"])

    def test_spf_and_guesses_tell(self) -> None:
        """An address in an included SPF record, by its host's name, or under a name that everybody tries is found."""
        warnings = shown(leaks(self.subject("leaky"), self.names), Level.WARNING)
        self.assertIn("ip4:8.8.8.24/30, in _spf.leaky.customer.test", warnings[0])
        self.assertIn("mail.leaky.customer.test is a protected server", warnings[1])
        self.assertEqual(len(warnings), 2)
        self.assertIn("a:hidden.customer.test/28", shown(leaks(self.subject("aspf"), self.names), Level.WARNING)[0])
        self.assertEqual(len(shown(leaks(self.subject("loop"), self.names))), 1)

    def test_a_header_tells(self) -> None:
        """The server's address or name in a header is found, folded lines too; in the body it is nobody's matter."""
        message = b"Received: from x\r\n\t(HIDDEN.customer.test [10.0.0.1])\r\nX-IP: [8.8.8.25]\r\n\r\n8.8.8.25\r\n"
        found = list(header_leaks(message, "sent.eml", self.subject("good"), self.names))
        self.assertIn("its Received field has hidden.customer.test", found[0].words)
        self.assertIn("its X-IP field has 8.8.8.25", found[1].words)
        others = b"Received: 18.8.8.25 8.8.8.251\r\n\r\n8.8.8.25"
        clean = list(header_leaks(others, "x", self.subject("good"), self.names))
        self.assertEqual([each.level for each in clean], [Level.GOOD])

    def test_lists(self) -> None:
        """A listed node is told with the list's words; dead, refusing and boundless lists are not believed."""
        zones = ("bl.test", "refusing.test", "everybody.test", "dead.test")
        found = list(listings(self.subject("good", lists=zones), self.names))
        warnings = shown(found, Level.WARNING)
        self.assertEqual(len(warnings), 1)
        self.assertIn("mx1.shield.test: 9.9.9.1 is on bl.test: sent to a trap", warnings[0])
        unsure = {each.subject: each.words for each in found if each.level is Level.UNSURE}
        self.assertIn("does not want our questions", unsure["refusing.test"])
        self.assertIn("has everybody", unsure["everybody.test"])
        self.assertIn("its own test point", unsure["dead.test"])
        clean = listings(self.subject("good", nodes=("mx2.shield.test",), lists=("bl.test",)), self.names)
        self.assertEqual(shown(clean), ["GOOD bl.test: none of 1 addresses of nodes is on it"])

    def test_what_cannot_be_found_out(self) -> None:
        """What DNS refuses to tell is unsure, neither good nor bad; what does not exist is an empty answer."""
        self.assertRaises(NoAnswer, self.names.ask, "refused.elsewhere.test", "A")
        self.assertEqual(self.names.ask("never.customer.test", "A"), ())
        elsewhere = Subject((Protected(("refused.elsewhere.test",)),))
        self.assertEqual([each.level for each in records(elsewhere, self.names)], [Level.UNSURE])
