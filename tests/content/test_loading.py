"""Claims about how plugins are found and loaded, and about what an operator is told of those that cannot be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.content.loading import INSTALLED, Loaded, load, shipped_directory
from shieldrelay.content.terms import CheckTerms, Configured, Failing
from tests.content.checks import a_message
from tests.structure.source import ROOT

GOOD = """
from zope.interface import implementer
from shieldrelay.content.answers import ACCEPT, Refuse
from shieldrelay.content.interfaces import IContentCheck

@implementer(IContentCheck)
class Check:
    def __init__(self, word):
        self.word = word
    def check(self, inspected):
        return Refuse(self.word)
"""


class LoadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.directory / f"{name}.py"
        path.write_text(text)
        path.chmod(0o644)
        self.addCleanup(sys.modules.pop, f"shieldrelay_plugin_{name}", None)
        return path

    def load(self, *names: str, **settings: object) -> Loaded:
        return load([Configured(name, settings=settings) for name in names], [self.directory, shipped_directory()])

    def fault(self, name: str, **settings: object) -> str:
        loaded = self.load(name, **settings)
        self.assertEqual(loaded.checks, ())
        (fault,) = loaded.faults
        return fault

    def word(self, loaded: Loaded) -> str:
        """Give what the first check answers."""
        self.assertEqual(loaded.faults, ())
        answer: Any = loaded.checks[0].check.check(a_message())
        return str(answer.reason)

    def test_a_factory_gets_its_settings(self):
        """``plugin(settings)`` makes the check, with the terms of the configuration."""
        self.write("words", GOOD + "def plugin(settings):\n    return Check(settings['word'])\n")
        terms = CheckTerms(seconds=3.0, failing=Failing.ACCEPT)
        loaded = load([Configured("words", terms, {"word": "no"})], [self.directory])
        self.assertEqual((self.word(loaded), loaded.checks[0].terms), ("no", terms))

    def test_an_object_will_do(self):
        """A file may simply define ``check``; it takes no settings then."""
        self.write("plain", GOOD + "check = Check('plain')\n")
        self.assertEqual(self.word(self.load("plain")), "plain")
        self.assertIn("takes no settings", self.fault("plain", word="x"))

    def test_only_what_is_named_runs(self):
        """A file that lies in the directory and is not configured is not executed."""
        self.write("bystander", "raise SystemExit('it ran')\n")
        self.write("plain", GOOD + "check = Check('plain')\n")
        self.assertEqual(self.word(self.load("plain")), "plain")

    def test_a_reload_reads_the_file_again(self):
        """Loading again executes what the file says now, also within the same second."""
        self.write("plain", GOOD + "check = Check('one')\n")
        self.assertEqual(self.word(self.load("plain")), "one")
        self.write("plain", GOOD + "check = Check('two')\n")
        self.assertEqual(self.word(self.load("plain")), "two")

    def test_the_site_comes_first(self):
        """The site's directory wins over the plugins that we ship."""
        self.write("gtube", GOOD + "check = Check('of the site')\n")
        self.assertEqual(self.word(self.load("gtube")), "of the site")

    def test_faults_are_told_in_words(self):
        """Whatever is wrong with a plugin, the operator hears which file, which line and what."""
        for name, text, words in (
            ("absent", None, "there is no absent.py in "),
            ("broken", "x = 1\ndef check(:\n", "line 2: SyntaxError"),
            ("raising", "x = 1\ny = {}['key']\n", "line 2: KeyError: 'key'"),
            ("leaving", "raise SystemExit(3)\n", "line 1: SystemExit: 3"),
            ("needing", "import no_such_scanner\n", "ModuleNotFoundError: No module named 'no_such_scanner'"),
            ("empty", "x = 1\n", "declares no ShieldPlugin called 'empty', and neither plugin(settings) nor check"),
            ("factory", "def plugin(settings):\n    raise ValueError('host is missing')\n", "line 2: ValueError: host"),
            ("foreign", "check = object()\n", "is no IContentCheck"),
            ("../evil", None, "a name has 1 to 40 characters"),
        ):
            if text is not None:
                self.write(name, text)
            fault = self.fault(name)
            self.assertIn(words, fault)
            self.assertTrue(fault.startswith(f"plugin {name!r}: "), fault)

    def test_all_faults_at_once(self):
        """Every plugin is tried, whatever becomes of the others."""
        self.write("plain", GOOD + "check = Check('plain')\n")
        loaded = self.load("absent", "plain", "missing")
        self.assertEqual(([each.name for each in loaded.checks], len(loaded.faults)), (["plain"], 2))

    def test_what_everybody_may_write_is_not_executed(self):
        """A file, or a directory, that everybody may write is refused: the node may run as root when it reads it."""
        path = self.write("plain", GOOD + "check = Check('plain')\n")
        path.chmod(0o666)
        self.assertIn("may be written by everybody", self.fault("plain"))
        path.chmod(0o644)
        self.directory.chmod(0o777)
        self.assertIn("may be written by everybody", self.fault("plain"))
        self.directory.chmod(0o755)
        self.assertEqual(self.word(self.load("plain")), "plain")

    def test_a_broken_new_version_leaves_no_trace(self):
        """When a file cannot be loaded any more, the module that is in use stays in its place."""
        self.write("plain", GOOD + "check = Check('plain')\n")
        self.load("plain")
        before = sys.modules["shieldrelay_plugin_plain"]
        self.write("plain", "1 / 0\n")
        self.assertIn("line 1: ZeroDivisionError", self.fault("plain"))
        self.assertIs(sys.modules["shieldrelay_plugin_plain"], before)


class ShippedTests(SynchronousTestCase):
    """The plugins that come with the program."""

    def test_every_shipped_plugin_loads_under_its_own_name(self):
        """Each file in the shipped directory declares the plugin of its name, and its defaults are valid."""
        self.assertIn(f"-t $(ROOT){INSTALLED} plugins/*.py", (ROOT / "debian" / "rules").read_text())
        settings = {"milter": {"server": "unix:/run/milter"}}
        names = sorted(path.stem for path in shipped_directory().glob("*.py"))
        self.assertEqual(names, ["clamav", "gtube", "milter", "rspamd"])
        configured = [Configured(name, settings=settings.get(name, {})) for name in names]
        loaded = load(configured, [shipped_directory()])
        self.assertEqual((loaded.faults, [each.name for each in loaded.checks]), ((), names))

    def test_wrong_settings_are_told(self):
        """What a scanner cannot be set to is a fault with the reason in words."""
        rows: list[tuple[str, dict[str, object], str]] = [
            ("clamav", {"server": "clamd.example"}, "a server is unix:/path or host:port"),
            ("clamav", {"largest": "25MiB"}, "largest is of type int"),
            ("rspamd", {"mark": "sometimes"}, "mark is 'spam' or 'always' or 'never'"),
            ("rspamd", {"url": "127.0.0.1"}, "url begins with http:// or https://"),
            ("milter", {}, "a server is unix:/path or host:port"),
            ("milter", {"servers": "x"}, "milter has no setting 'servers'"),
        ]
        for name, settings, words in rows:
            (fault,) = load([Configured(name, settings=settings)], [shipped_directory()]).faults
            self.assertIn(words, fault)
