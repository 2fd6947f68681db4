"""Claims about the rendered files: they are what the declarations say, and they work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.trial import unittest

from shieldrelay.config.domain import Domain
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.reader import read
from shieldrelay.config.render import domain_file, files, main_file
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import Keyed, Setting, declared_in

ROOT = Path(__file__).parents[2]


def _every_setting(of: type[Any], name: str = "") -> list[tuple[str, Setting]]:
    found: list[tuple[str, Setting]] = []
    for key, declared in declared_in(of).items():
        if isinstance(declared, Setting):
            found.append((f"{name}{key}", declared))
        else:
            found += _every_setting(declared.of, f"{name}{key}.")
    return found


class RenderTests(unittest.SynchronousTestCase):
    def _read(self, main: str, domain: str) -> Configuration:
        directory = Path(self.mktemp()).absolute()
        (directory / "domains.d").mkdir(parents=True)
        (directory / "r.txt").write_text("alice\n")
        (directory / "shieldrelay.toml").write_text(main)
        domain = domain.replace("/etc/shieldrelay/recipients/example.com.txt", str(directory / "r.txt"))
        (directory / "domains.d" / "example.com.toml").write_text(domain)
        return read(str(directory / "shieldrelay.toml"))

    def test_committed_files_are_the_rendering(self) -> None:
        """The files in the project are what ``make etc`` makes of the declarations."""
        for name, text in files().items():
            self.assertEqual((ROOT / name).read_text(encoding="utf-8"), text, name)

    def test_default_files_are_valid(self) -> None:
        """The default files, as shipped, are a valid configuration, equal to the defaults."""
        configuration = self._read(main_file(), domain_file())
        self.assertEqual(configuration.smtp, declared_in(Configuration)["smtp"].of())  # type: ignore[union-attr]
        self.assertEqual(configuration.node.hostname, "mx1.shield.example")

    def test_commented_out_settings_are_valid(self) -> None:
        """With every comment sign before a setting taken away, only files that are not there are faults."""
        uncommented = [re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", text) for text in (main_file(), domain_file())]
        faults = self.assertRaises(ConfigurationFaults, self._read, *uncommented).faults
        self.assertEqual([str(fault) for fault in faults if "no such file" not in str(fault)], [])

    def test_every_setting_is_explained(self) -> None:
        """Each setting has a help in whole sentences, and an example where its default shows nothing."""
        for name, setting in [*_every_setting(Configuration), *_every_setting(Domain)]:
            self.assertTrue(setting.help.endswith("."), name)
            if setting.required or setting.default in (None, []):
                self.assertIsNotNone(setting.example, name)
            if setting.example is not None:
                setting.kind.parse(setting.example)

    def test_keyed_examples_are_keys(self) -> None:
        """The example key of a table of tables is one."""
        for declared in (declared_in(Configuration)["networks"],):
            assert isinstance(declared, Keyed)
            declared.kind.parse(declared.example)
