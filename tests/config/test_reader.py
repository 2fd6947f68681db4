"""Claims about reading a configuration: all faults at once, each with its place."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.lines import lines_of
from shieldrelay.config.networks import SmtpByNetwork
from shieldrelay.config.notes import notes
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.config.secret import read_secret
from shieldrelay.config.smtp import BareNewlines

NODE = '[node]\nhostname = "mx.test"\n'
DOMAIN = 'domain = "example.com"\nnext_hops = ["192.0.2.1"]\nrecipients = "any"\n'


class ReaderTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        (self.directory / "domains.d").mkdir(parents=True)
        self.main = self.directory / "shieldrelay.toml"

    def read(self, main: str = NODE, **domains: str) -> Configuration:
        """Write the files and read them."""
        self.main.write_text(main, encoding="utf-8")
        for name, text in domains.items():
            (self.directory / "domains.d" / f"{name}.toml").write_text(text, encoding="utf-8")
        return read(str(self.main))

    def faults(self, main: str = NODE, **domains: str) -> list[str]:
        """Read and give the faults, without the directory's name."""
        refused = self.assertRaises(ConfigurationFaults, self.read, main, **domains)
        return [str(fault).replace(f"{self.directory}/", "") for fault in refused.faults]

    def test_reads_defaults(self) -> None:
        """A hostname and one domain are enough; all else has its default."""
        configuration = self.read(a=DOMAIN)
        self.assertEqual(configuration.node.hostname, "mx.test")
        self.assertEqual(configuration.member, "mx.test")
        self.assertEqual(configuration.listen.smtp, (HostPort("0.0.0.0", 25), HostPort("::", 25)))
        self.assertEqual(configuration.smtp.message_size, 50 << 20)
        self.assertEqual(configuration.delivery.retry, (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0))
        self.assertEqual(str(configuration.postmaster), "postmaster@example.com")
        self.assertEqual(configuration.path, str(self.main))

    def test_reads_domains_from_both_places(self) -> None:
        """Tables of the main file come first, then the files of domains.d by name; aliases lead to their domain."""
        inline = NODE + "[[domain]]\n" + DOMAIN.replace("example.com", "z.example")
        configuration = self.read(
            inline, b=DOMAIN.replace("example.com", "b.example"), a=DOMAIN + 'aliases = ["Alias.Example"]\n'
        )
        self.assertEqual([each.domain for each in configuration.domains], ["z.example", "example.com", "b.example"])
        self.assertEqual(configuration.domains_by_name()["alias.example"].domain, "example.com")

    def test_tells_where_values_come_from(self) -> None:
        """A setting that was written knows its file and line, and any change of a file changes the fingerprint."""
        first = self.read(NODE + "[smtp]\n\nrecipients = 200\n", a=DOMAIN)
        self.assertEqual(first.origins["smtp.recipients"], f"{self.main}:5")
        self.assertNotIn("smtp.message_size", first.origins)
        self.assertEqual(first.origins["domain.example.com.next_hops"], f"{self.directory / 'domains.d' / 'a.toml'}:2")
        self.assertNotEqual(self.read(NODE, a=DOMAIN).fingerprint, first.fingerprint)

    def test_tells_all_faults_at_once(self) -> None:
        """Faults of every file and kind come together, each with file, line, section, key and what is valid."""
        main = (
            '[node]\nhostnam = "x"\nspool = "here"\n'
            '[smtp]\nmessage_size = "25MB"\n'
            '[delivery]\nretry = [\n "1m",\n "2x",\n]\nlifetime = "40d"\n'
            '[delivery.bounce_guard]\nshare = "0%"\n[lisen]\n'
        )
        found = self.faults(main, a=DOMAIN + "pace = { connections = 0 }\n", b=DOMAIN, c="a = 1\na = 2\n")
        expected = [
            "domains.d/a.toml:4: [pace] connections: 0 is out of bounds; valid is a whole number from 1 to 10000",
            "domains.d/b.toml:1: domain: example.com is protected already; see domains.d/a.toml:1",
            "domains.d/c.toml:2: it is not valid TOML: cannot overwrite a value",
            'shieldrelay.toml:1: [node] hostname: it is missing; valid is a host name such as "mx1.shield.example"',
            "shieldrelay.toml:2: [node] hostnam: there is no such setting here; did you mean hostname?",
            'shieldrelay.toml:3: [node] spool: "here" is not an absolute path; valid is an absolute path',
            (
                'shieldrelay.toml:5: [smtp] message_size: "25MB" is not a number of octets with its unit '
                '(B, KiB, MiB, GiB or TiB); valid is a volume from "64KiB" to "1GiB"'
            ),
            (
                'shieldrelay.toml:7: [delivery] retry: item 2: "2x" is not a duration with its unit '
                '(ms, s, m, h or d); valid is a list, each item a duration from "1s" to "1d"'
            ),
            (
                "shieldrelay.toml:11: [delivery] lifetime: hard_lifetime is shorter than lifetime; hard_lifetime "
                "bounds what lifetime and the down-time of a next hop come to together"
            ),
            (
                'shieldrelay.toml:13: [delivery.bounce_guard] share: "0%" is out of bounds; valid is a percentage from '
                '"1%" to "100%"'
            ),
            "shieldrelay.toml:14: lisen: there is no such setting here; did you mean listen?",
        ]
        self.assertEqual(found, expected)

    def test_a_file_that_cannot_be_read_is_a_fault(self) -> None:
        """A missing main file, a directory in its place and octets that are not UTF-8 are told plainly."""
        missing = self.assertRaises(ConfigurationFaults, read, str(self.directory / "none.toml"))
        self.assertIn("it cannot be read: no such file or directory", str(missing))
        directory = self.assertRaises(ConfigurationFaults, read, str(self.directory))
        self.assertIn("it cannot be read: is a directory", str(directory))
        self.main.write_bytes(b"[node]\n# \xff\n")
        latin = self.assertRaises(ConfigurationFaults, read, str(self.main))
        self.assertEqual(str(latin), f"{self.main}:2: it is not UTF-8")

    def test_other_files_are_looked_at_when_one_is_broken(self) -> None:
        """A main file that is no TOML does not hide the faults of the domain files."""
        found = self.faults("[node\n", a=DOMAIN + "bare_newlines = 3\n")
        self.assertEqual(len(found), 2)
        self.assertIn('domains.d/a.toml:4: bare_newlines: 3 is not one of the choices; valid is "refuse"', found[0])
        self.assertIn("shieldrelay.toml:1: it is not valid TOML", found[1])

    def test_files_that_are_named_must_be_there(self) -> None:
        """Certificates, lists of recipients and password files that are not there are faults."""
        found = self.faults(
            NODE + '[tls]\ncertificate = "/nowhere/c"\nprivate_key = "/"\n',
            a='domain = "example.com"\nnext_hops = ["192.0.2.1"]\nrecipients = "file:/nowhere/r"\n'
            '[next_hop_auth]\nuser = "u"\npassword_file = "/nowhere/p"\n',
        )
        self.assertEqual(len(found), 4)
        self.assertIn("a.toml:3: recipients: /nowhere/r: there is no such file", found[0])
        self.assertIn("a.toml:6: [next_hop_auth] password_file: /nowhere/p: no such file", found[1])
        self.assertIn(":4: [tls] certificate: /nowhere/c: there is no such file", found[2])
        self.assertIn(":5: [tls] private_key: /: it is not a file", found[3])

    def test_settings_that_contradict_each_other_are_faults(self) -> None:
        """What no value alone shows is found too."""
        cases = [
            (NODE + "workers = 2\n", DOMAIN, "workers: 2 processes cannot share"),
            (NODE + '[tls]\nprivate_key = "/dev/null"\n', DOMAIN, "private_key: certificate is missing"),
            (NODE + '[listen]\nsmtp = ["[::1]:25", "[0::1]:25"]\n', DOMAIN, "[::1]:25 is there twice"),
            (NODE + '[delivery]\ninline_timeout = "2m"\nattempt_limit = "1m"\n', DOMAIN, "inline_timeout is longer"),
            (NODE + '[smtp]\nmemory_per_message = "512MiB"\n', DOMAIN, "memory_per_message is more than memory"),
            (NODE + 'postmaster = "x@example.org"\n', DOMAIN, "x@example.org is in no protected domain"),
            (NODE, DOMAIN.replace("192.0.2.1", "127.0.0.1:25"), "127.0.0.1:25 is this node itself"),
            (NODE, DOMAIN + 'message_size = "60MiB"\n', "message_size: it is more than [smtp] message_size"),
            (NODE, DOMAIN + 'next_hop_tls = "none"\nnext_hop_tls_name = "a.b"\n', "it has no effect"),
            (NODE, DOMAIN + 'next_hop_key = "/etc/hostname"\n', "next_hop_certificate is missing"),
            (NODE, DOMAIN + 'aliases = ["example.com"]\n', "example.com is protected already"),
        ]
        for main, domain, expected in cases:
            found = self.faults(main, a=domain)
            self.assertTrue(any(expected in fault for fault in found), f"{expected}: {found}")

    def test_a_node_may_protect_nothing_yet(self) -> None:
        """A node that is installed and not set up starts, and says so."""
        configuration = self.read(NODE)
        self.assertEqual(configuration.domains, ())
        self.assertEqual(str(configuration.postmaster), f"postmaster@{configuration.node.hostname}")
        self.assertIn("no domain is protected yet", notes(configuration)[0])

    def test_a_secret_is_never_shown(self) -> None:
        """A password stands in no setting, no fault and no text of the configuration; its file is read on purpose."""
        secret = self.directory / "password"
        secret.write_text("hunter2\nnot this\n")
        auth = f'next_hop_auth = {{ user = "u", password_file = "{secret}" }}\n'
        configuration = self.read(NODE, a=DOMAIN + auth)
        self.assertNotIn("hunter2", repr(configuration))
        password = read_secret(str(secret))
        self.assertEqual((repr(password), password.reveal()), ("Secret(...)", b"hunter2"))
        secret.write_bytes(b"hunter2\0\n")
        self.assertNotIn("hunter2", "".join(self.faults(NODE, a=DOMAIN + auth)))

    def test_hidden_and_foreign_files_are_left_alone(self) -> None:
        """Only files that end in .toml are domains, and editors' hidden files are not."""
        (self.directory / "domains.d" / ".a.toml").write_text("nonsense")
        (self.directory / "domains.d" / "a.toml.example").write_text("nonsense")
        self.assertEqual(len(self.read(NODE, a=DOMAIN).domains), 1)

    def test_an_unlistable_directory_is_a_fault(self) -> None:
        """A domains.d that is no directory is told."""
        (self.directory / "domains.d").rmdir()
        (self.directory / "domains.d").write_text("")
        self.assertIn("domains.d: it cannot be listed: not a directory", self.faults()[0])

    def test_endless_files_end(self) -> None:
        """A configuration that is larger than any real one, or nested without end, is refused, not swallowed."""
        self.assertIn("larger than", self.faults("#" * (5 << 20))[0])
        self.assertIn("nested too deeply", self.faults("a = " + "[" * 100000)[0])

    def test_notes_what_is_valid_and_doubtful(self) -> None:
        """Taking everybody and doing without TLS are valid, and said aloud."""
        main = NODE + '[delivery]\nnotice_senders = "all"\n'
        found = " / ".join(notes(self.read(main, a=DOMAIN + 'next_hop_tls = "none"\nbare_newlines = "normalize"\n')))
        for word in ("every recipient is taken", "without TLS", "repaired instead of refused", "notice_senders"):
            self.assertIn(word, found)

    def test_longest_network_decides(self) -> None:
        """A client gets the overrides of the longest network that holds it, and everyone else the node's settings."""
        main = (
            NODE + '[networks."10.0.0.0/8"]\nbare_newlines = "normalize"\nrecipients = 300\n'
            '[networks."10.1.0.0/16"]\nrecipients = 400\n[networks."2001:db8::/32"]\njunk_commands = 99\n'
        )
        configuration = self.read(main, a=DOMAIN)
        smtp = SmtpByNetwork(configuration)
        self.assertEqual(smtp.settings_for("10.1.2.3").recipients, 400)
        self.assertIs(smtp.settings_for("10.1.2.3").bare_newlines, BareNewlines.REFUSE)
        self.assertIs(smtp.settings_for("10.2.2.3").bare_newlines, BareNewlines.NORMALIZE)
        self.assertEqual(smtp.settings_for("2001:db8::5").junk_commands, 99)
        self.assertIs(smtp.settings_for("192.0.2.1"), configuration.smtp)
        self.assertIs(smtp.settings_for("10.2.2.3"), smtp.settings_for("10.3.2.3"))


class LineTests(unittest.SynchronousTestCase):
    def test_finds_lines(self) -> None:
        """Tables, keys, dotted and quoted keys have their lines; what stands in strings and arrays is no key."""
        text = (
            'a = """\nb = 1\n\\"""\n"""\nc = [ # x = 3\n  "]", {d = 1},\n]\n[t."x.y"]\ne.f = \'#\'\n'
            "[[m]]\ng = 1\n[[m]]\ng = 2\n[m.sub]\nh = '''\ni = 2'''\n"
        )
        self.assertEqual(
            lines_of(text),
            {
                ("a",): 1,
                ("c",): 5,
                ("t", "x.y"): 8,
                ("t", "x.y", "e"): 9,
                ("t", "x.y", "e", "f"): 9,
                ("m", 0): 10,
                ("m", 0, "g"): 11,
                ("m", 1): 12,
                ("m", 1, "g"): 13,
                ("m", 1, "sub"): 14,
                ("m", 1, "sub", "h"): 15,
            },
        )

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text(alphabet="ab=[]{}\"'#\\\n. ", max_size=60))
    def test_scanner_is_total(self, text: str) -> None:
        """Any text is scanned to its end, and every line given exists."""
        for line in lines_of(text).values():
            self.assertLessEqual(line, text.count("\n") + 1)

    def test_scanner_is_linear(self) -> None:
        """A long file of opened and never closed quotes and brackets is scanned in bounded time."""
        for text in ('"' * 200000, "[" * 200000, "a = '" * 50000, "a=1\n" * 50000):
            self.assertLessEqual(len(lines_of(text)), 1)


class FileModeTests(unittest.SynchronousTestCase):
    def test_reading_changes_nothing(self) -> None:
        """Reading leaves directory and files as they were."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        main = directory / "m.toml"
        main.write_text(NODE + "[[domain]]\n" + DOMAIN)
        before = sorted(os.listdir(directory)), main.stat().st_mtime_ns
        read(str(main))
        self.assertEqual((sorted(os.listdir(directory)), main.stat().st_mtime_ns), before)
