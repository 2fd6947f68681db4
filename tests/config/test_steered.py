"""Modes of defences that were set at run time."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.mode import Mode
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.config.steered import STEERABLE, Steered, SteeredModes, parsed

FILE = """
[node]
hostname = "relay.test"
spool = "{place}/spool"
state = "{place}"
[listen]
smtp = ["127.0.0.1:2525"]
[shield.harvest]
mode = "observe"
[[domain]]
domain = "example.test"
next_hops = ["127.0.0.1:25"]
recipients = "any"
"""


class SteeredTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir(parents=True)
        self.file = self.place / "shieldrelay.toml"
        self.file.write_text(FILE.format(place=self.place))
        self.modes = SteeredModes(str(self.place))

    def read(self) -> Configuration:
        """Read the configuration."""
        return read(str(self.file))

    def test_wins_over_the_files_and_says_who(self) -> None:
        """A mode that was set wins over the file's, and its origin says who set it, until it is given back."""
        before = self.read()
        self.modes.set("harvest", Steered(Mode.ENFORCE, "alice"))
        now = self.read()
        self.assertIs(now.shield.harvest.mode, Mode.ENFORCE)
        self.assertEqual(now.origins["shield.harvest.mode"], "set at run time by alice")
        self.assertNotEqual(now.fingerprint, before.fingerprint)
        self.modes.set("harvest", None)
        self.assertIs(self.read().shield.harvest.mode, Mode.OBSERVE)
        self.assertEqual(self.read().fingerprint, before.fingerprint)

    def test_every_steerable_defence_has_a_mode(self) -> None:
        """Each one can be set, beside the others."""
        for name in STEERABLE:
            self.modes.set(name, Steered(Mode.OFF, "bob"))
        shield = self.read().shield
        self.assertEqual({getattr(shield, name).mode for name in STEERABLE}, {Mode.OFF})

    def test_taken_back(self) -> None:
        """What takes a change back leaves the file as it was."""
        self.modes.set("lawful", Steered(Mode.OFF, "bob"))
        before = self.modes.octets()
        undo = self.modes.set("harvest", Steered(Mode.OFF, "alice"))
        undo()
        self.assertEqual(self.modes.octets(), before)

    def test_file_that_makes_no_sense(self) -> None:
        """A file that was damaged is a fault of the configuration, which names it."""
        for octets in (b"{", b"[]", b'{"harvest": 1}', b'{"harvest": {"mode": "loud", "by": "x"}}', b"\xff"):
            (self.place / "modes.json").write_bytes(octets)
            faults = self.assertRaises(ConfigurationFaults, self.read)
            self.assertIn("modes.json", str(faults.faults[0]), octets)

    def test_unknown_defences_are_passed_over(self) -> None:
        """A defence that a newer version had is no fault."""
        self.assertEqual(dict(parsed(b'{"weather": {"mode": "off", "by": "x"}}')), {})
