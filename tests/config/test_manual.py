"""Claims about the manual page of the configuration."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.config.domain import Domain
from shieldrelay.config.manual import page
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import Setting, declared_in


class ManualTests(SynchronousTestCase):
    """shieldrelay.toml(5)."""

    def test_every_setting_is_in_it(self) -> None:
        """Each setting of the node's sections and of a domain has its entry."""
        text = page()
        for of in (Configuration, Domain):
            for key, one in declared_in(of).items():
                if isinstance(one, Setting):
                    self.assertIn(f".TP\n.B {key}\n", text)
                else:
                    self.assertIn(f"[{key}", text)

    def test_no_text_is_a_request(self) -> None:
        """Only what the renderer writes begins with a full stop, and no escape comes from a help text."""
        known = {".TH", ".SH", ".SS", ".TP", ".B", ".I", ".IR", ".BR", ".PP", ".br"}
        lines = [line for line in page().splitlines() if line.startswith((".", "'"))]
        self.assertEqual({line.split()[0] for line in lines} - known, set())
        self.assertLessEqual(set(re.findall(r"\\(.)", page())), {"-", "(", "&", "e"})
