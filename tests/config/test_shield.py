"""Claims about the settings of the defences, of stress, of content checks and of lists of recipients."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from attrs import fields
from twisted.trial import unittest

from shieldrelay.assembly import list_terms, shield_terms
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.harvest import Harvest
from shieldrelay.config.mode import Mode
from shieldrelay.config.networks import SmtpByNetwork, network_limits
from shieldrelay.config.notes import notes
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import declared_in
from shieldrelay.importer.settings import Limits
from shieldrelay.recipients.settings import Guards
from shieldrelay.shield.connections_settings import ConnectionsSettings
from shieldrelay.shield.greeting import GreetingSettings
from shieldrelay.shield.harvest_settings import HarvestSettings
from shieldrelay.shield.stress import StressSettings

NODE = '[node]\nhostname = "mx.test"\n'
DOMAIN = 'domain = "example.com"\nnext_hops = ["192.0.2.1"]\n'
LDAP = DOMAIN + 'recipients = "ldap://directory.test"\n'


class ReadCase(unittest.SynchronousTestCase):
    """Reads a main file and a domain file."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        (self.directory / "domains.d").mkdir(parents=True)
        (self.directory / "secret").write_text("hunter2\n")

    def read(self, main: str = "", domain: str = DOMAIN + 'recipients = "any"\n') -> Configuration:
        """Write the files and read them."""
        (self.directory / "main.toml").write_text(NODE + main)
        (self.directory / "domains.d" / "a.toml").write_text(domain.replace("DIR", str(self.directory)))
        return read(str(self.directory / "main.toml"))

    def faults(self, main: str = "", domain: str = DOMAIN + 'recipients = "any"\n') -> str:
        """Read and give the faults, a line each."""
        refused = self.assertRaises(ConfigurationFaults, self.read, main, domain)
        return "\n".join(str(fault).replace(f"{self.directory}/", "") for fault in refused.faults)

    def notes(self, main: str = "", domain: str = DOMAIN + 'recipients = "any"\n') -> str:
        """Read and give the notes, a line each."""
        return "\n".join(notes(self.read(main, domain)))


class AgreementTests(ReadCase):
    def test_defaults_are_those_of_the_rooms(self) -> None:
        """What a file leaves out is what each room declares as its own default: one number, not two."""
        configuration = self.read(domain=DOMAIN + 'recipients = "csv:DIR/secret"\n')
        domain = configuration.domains[0]
        self.assertEqual(shield_terms.harvest(configuration), HarvestSettings())
        self.assertEqual(shield_terms.connections(configuration), ConnectionsSettings())
        self.assertEqual(shield_terms.greeting(configuration), GreetingSettings())
        self.assertEqual(shield_terms.stress(configuration), StressSettings())
        self.assertEqual(list_terms.list_settings(configuration, domain).guards, Guards())
        self.assertEqual(list_terms.source(configuration, domain).limits, Limits())

    def test_every_number_of_the_harvest_can_be_set(self) -> None:
        """The section has a setting for each number that the defence has."""
        declared = set(declared_in(Harvest)) - {"mode"}
        own = {each.name for each in fields(HarvestSettings) if each.init}
        self.assertEqual(declared, own - {"patience_half"} | {"patience_neighbour"})


class LimitTests(ReadCase):
    def test_a_table_of_limits_keeps_what_it_leaves_out(self) -> None:
        """A table may name a single limit, inline or as a table of its own."""
        inline = self.read('[shield.connections]\nstranger = { sessions = 4, octets = "1GiB/min" }\n')
        table = self.read('[shield.connections.stranger]\nsessions = 4\noctets = "1GiB/min"\n')
        for configuration in (inline, table):
            limits = configuration.shield.connections.stranger
            self.assertEqual((limits.sessions, limits.connections, limits.octets), (4, 30, 1 << 30))

    def test_a_wrong_limit_is_named(self) -> None:
        """What is wrong within a table is told with its name and what is valid."""
        found = self.faults('[shield.connections]\nstranger = { sessions = 0 }\nmarked = { sesions = 1 }\n')
        self.assertIn(":4: [shield.connections] stranger: sessions: 0 is out of bounds; valid is a table of", found)
        self.assertIn('marked: there is no "sesions" in it, did you mean sessions?', found)
        for written, words in (
            ('"30/h"', '"30/h" is not counted per min'),
            ("30", "30 is not a string"),
            ('"-1/min"', "does not begin with a whole number"),
            ('"0/min"', "is out of bounds"),
        ):
            found = self.faults(f"[shield.connections]\nstranger = {{ connections = {written} }}\n")
            self.assertIn(words, found)

    def test_nobody_gets_more_under_stress(self) -> None:
        """Of the normal and the stressed value the lower holds, for networks with limits of their own too."""
        main = (
            '[shield.connections]\nstranger = { sessions = 2 }\n[smtp]\ncommand_timeout = "5s"\n'
            '[networks."192.0.2.0/24"]\nconnections = { sessions = 40, connections = "900/min" }\n'
            'connections_under_stress = { sessions = 90, connections = "9/min" }\nshare = "50%"\njunk_commands = 77\n'
        )
        configuration = self.read(main)
        limits = shield_terms.connections(configuration)
        self.assertEqual((limits.normal.stranger.sessions, limits.stressed.stranger.sessions), (2, 2))
        self.assertEqual((limits.normal.stranger.connections, limits.stressed.stranger.connections), (30, 10))
        self.assertEqual(limits.stressed.known_good, limits.normal.known_good)
        (own,) = network_limits(configuration)
        assert own.stressed is not None
        self.assertEqual((own.limits.sessions, own.limits.connections, own.limits.messages), (40, 900, 60))
        self.assertEqual((own.stressed.sessions, own.stressed.connections, own.share), (40, 9, 0.5))
        smtp = SmtpByNetwork(configuration)
        normal, stressed = (smtp.settings_for("192.0.2.9", under_stress=on) for on in (False, True))
        self.assertEqual((normal.command_timeout, normal.junk_commands), (5.0, 77))
        self.assertEqual((stressed.command_timeout, stressed.junk_commands), (5.0, 1))
        self.assertIs(smtp.settings_for("192.0.2.9", under_stress=True), stressed)
        self.assertEqual(smtp.settings_for("203.0.113.9", under_stress=True).session_limit, 300.0)

    def test_contradictions_are_faults(self) -> None:
        """What no value alone shows is found."""
        for main, expected in (
            ('[stress]\nenter = "50%"\n', "leave is not below enter"),
            ('[shield]\nallow = ["192.0.2.0/24"]\ndeny = ["192.0.2.0/24"]\n', "192.0.2.0/24 is allowed and denied"),
            ('[shield]\nallow = ["192.0.2.7", "192.0.2.7/32"]\n', "192.0.2.7/32 is there twice"),
            ('[shield]\ndeny = ["192.0.2.7/24"]\n', '"192.0.2.7/24" is not a network'),
            ('[shield.harvest]\nbox = "2d"\n', "box is more than box_max"),
            ("[shield.harvest]\nwary_floor = 11\n", "wary_floor is more than shield_floor"),
            ('[shield.harvest]\npatience = ["2h", "1h"]\n', "a step is shorter than the one before"),
            ("[shield.harvest]\nuniform_commands = 11\n", "uniform_commands is more than refuse_after"),
            ('[shield.harvest]\nmode = "on"\n', 'valid is "enforce", "observe" or "off"'),
            ('[networks."192.0.2.0/24"]\nshare = "5%"\n', "it has no effect without connections"),
            ('[content]\nplugins = ["gtube", "gtube"]\n', "a plugin is there twice"),
            ('[content]\nplugins = ["../evil"]\n', "is not the name of a plugin"),
            ('[content.check.gtube]\nat_once = 5\n', "gtube is not among the plugins"),
            ('[recipients]\nstale_after = "8d"\n', "stale_after is longer than old_after"),
            ('[resolver]\nservers = ["dns.test"]\n', '"dns.test" is not an IP address'),
            ('[listen]\nproxy = ["balancer.test"]\n', '"balancer.test" is not a network'),
        ):
            self.assertIn(expected, self.faults(main), main)

    def test_checks_of_content_have_terms(self) -> None:
        """A plugin has its terms, and settings of its own that nobody but it understands."""
        configuration = self.read(
            '[content]\nplugins = ["gtube"]\n'
            '[content.check.gtube]\nfailing = "accept"\nsettings = { a = [1], b = "c" }\n'
        )
        check = configuration.content.check["gtube"]
        self.assertEqual((check.mode, check.time_limit, check.at_once), (Mode.ENFORCE, None, 20))
        self.assertEqual(dict(check.settings), {"a": [1], "b": "c"})

    def test_doubtful_settings_are_noted(self) -> None:
        """Defences that refuse nobody, and networks as large as a continent, are said aloud."""
        found = self.notes(
            '[shield]\nallow = ["0.0.0.0/0"]\n[shield.harvest]\nmode = "observe"\n[shield.greeting]\nmode = "off"\n'
        )
        self.assertIn("[shield.harvest] mode: it refuses nobody (observe)", found)
        self.assertIn("[shield.greeting] mode: it refuses nobody (off)", found)
        self.assertIn("0.0.0.0/0 is a large part of the internet", found)
        self.assertNotIn("connections", found)
        found = self.notes("", DOMAIN + 'recipients = "any"\nharvest = "off"\nsub_addressing = "+"\n')
        self.assertIn("example.com: harvesting its recipients is not refused", found)
        self.assertIn("settings of its list have no effect", found)

    def test_networks_are_networks(self) -> None:
        """Lists hold networks; a single address is a network of one."""
        configuration = self.read(
            '[shield]\nallow = ["192.0.2.7", "2001:db8::/48"]\n[listen]\nproxy = ["192.0.2.10"]\n'
        )
        wanted = tuple(ipaddress.ip_network(text) for text in ("192.0.2.7/32", "2001:db8::/48"))
        self.assertEqual(configuration.shield.allow, wanted)
        self.assertEqual(configuration.listen.proxy, (ipaddress.ip_network("192.0.2.10/32"),))


class ListTests(ReadCase):
    def test_a_directory_is_described(self) -> None:
        """All that a directory wants stands in one table, its password in a file."""
        domain = LDAP.replace("ldap:", "ldaps:") + (
            'former_recipients = "DIR/secret"\nsub_addressing = "+"\nobserve_first = "0s"\n'
            '[ldap]\nbase = "ou=Mün,dc=test"\npreset = "active-directory"\n'
            'bind_dn = "cn=x"\npassword_file = "DIR/secret"\n'
        )
        configuration = self.read(domain=domain)
        settings = list_terms.source(configuration, configuration.domains[0])
        self.assertEqual((settings.ldap.base, settings.ldap.page_size), ("ou=Mün,dc=test", 500))
        self.assertNotIn("hunter2", repr(configuration))
        terms = list_terms.list_settings(configuration, configuration.domains[0])
        self.assertEqual((terms.separator, terms.observe_first), ("+", 0.0))

    def test_the_first_list_from_elsewhere_is_observed(self) -> None:
        """Lists from a directory or a URL are observed for three days first; named files refuse at once."""
        for source, days in (("https://x.test/a", 3), ("file:DIR/secret", 0), ("csv:DIR/secret", 0), ("push", 0)):
            configuration = self.read(domain=f'{DOMAIN}recipients = "{source}"\n')
            terms = list_terms.list_settings(configuration, configuration.domains[0])
            self.assertEqual(terms.observe_first, days * 86400.0, source)

    def test_what_cannot_work_is_a_fault(self) -> None:
        """Sources that could never give a list, or would give a secret away, are refused with what is valid."""
        base = '[ldap]\nbase = "dc=test"\n'
        attributes = f'{base}attributes = ["mail"]\n'
        https = DOMAIN + 'recipients = "https://lists.test/a"\n[https]\n'
        csv = DOMAIN + 'recipients = "csv:DIR/secret"\n[csv]\n'
        bind = 'bind_dn = "cn=x"\npassword_file = "DIR/secret"\n'
        for domain, expected in (
            (LDAP, "a directory needs a base"),
            (LDAP + base, "it is not said which attributes hold addresses"),
            (LDAP + base + 'attributes = ["mail;x"]\n', '"mail;x" is not the name of an attribute'),
            (LDAP + attributes + bind, "the password would leave this machine without TLS"),
            (LDAP + attributes + 'bind_dn = "cn=x"\n', "password_file is missing beside it"),
            (LDAP + attributes + bind.replace("secret", "none"), "no such file"),
            (LDAP + attributes + 'ca = "DIR"\n', "it is not a file"),
            (LDAP.replace("ldap:", "ldaps:") + attributes + "start_tls = true\n", "TLS from the first octet on"),
            (LDAP.replace("directory.test", "directory.test/dc=x"), "base and filter stand in [ldap]"),
            (LDAP.replace("directory", "u:hunter2@directory"), "user and password do not belong into the URL"),
            (LDAP.replace("directory.test", "u:hunter2@directory.test:x"), "this is not a URL with a host"),
            (https + 'user = "a:b"\npassword_file = "DIR/secret"\n', "it has a colon"),
            (https + 'user = "a"\npassword_file = "DIR/secret"\ntoken_file = "DIR/secret"\n', "a user as well"),
            (https.replace("https:", "http:"), "http is for this machine alone"),
            (csv + 'column = "mail"\nheader = false\n', "there is no header"),
            (csv + 'column = "0"\n', "there is no column 0"),
            (csv + 'delimiter = ";;"\n', "cannot stand between columns"),
            (DOMAIN + 'recipients = "csv:/nowhere"\n', "/nowhere: there is no such file"),
            (DOMAIN + 'recipients = "push"\ntraps = "/nowhere"\n', "/nowhere: there is no such file"),
            (DOMAIN + 'recipients = "push"\nsub_addressing = "x"\n', '"x" cannot separate'),
            (DOMAIN + 'recipients = "push"\nstale_after = "30d"\n', "stale_after is longer than old_after"),
            (DOMAIN + 'recipients = "smb://x"\n', "is not a source of recipients"),
        ):
            found = self.faults(domain=domain)
            self.assertIn(expected, found, domain)
            self.assertNotIn("hunter2", found)

    def test_loopback_needs_no_tls(self) -> None:
        """On this machine a directory may be asked in the clear, and http is enough."""
        bind = '[ldap]\nbase = "dc=x"\npreset = "openldap"\nbind_dn = "cn=x"\npassword_file = "DIR/secret"\n'
        for host in ("127.0.0.1", "localhost", "[::1]:3890"):
            self.read(domain=LDAP.replace("directory.test", host) + bind)
        self.read(domain=DOMAIN + 'recipients = "http://127.0.0.1:8080/list"\n')

    def test_tables_without_effect_are_noted(self) -> None:
        """A table that belongs to another source is said aloud, not refused: sources are tried one after the other."""
        found = self.notes(domain=DOMAIN + 'recipients = "file:DIR/secret"\n[ldap]\nverify = false\n[csv]\n')
        self.assertIn("example.com: [ldap] has no effect, recipients come from file:", found)
        self.assertIn("[csv] has no effect", found)
        found = self.notes(domain=LDAP + '[ldap]\nbase = "dc=x"\npreset = "389"\nverify = false\n')
        self.assertIn("whoever is between can make up the list", found)
        https = 'recipients = "https://x.test"\n[https]\nform = "csv"\n[csv]\ncolumn = "2"\n'
        found = self.notes(domain=DOMAIN + https)
        self.assertNotIn("no effect", found)
