"""Claims about the structure tests themselves: they see what they are to see. Each is fed a file that breaks a rule."""

from __future__ import annotations

import ast

from twisted.trial import unittest

from tests.structure import test_files, test_layers
from tests.structure.source import Import, Source


def _source(module: str, text: str) -> Source:
    """Make a file that is not there."""
    return Source(module.replace(".", "/") + ".py", module, text, ast.parse(text))


class DetectionTests(unittest.SynchronousTestCase):
    def test_upward_import_is_seen(self) -> None:
        """The vocabulary may not import the protocol, not even for types."""
        source = _source("shieldrelay.mail.x", "if TYPE_CHECKING:\n    from shieldrelay.smtp import receiver")
        [taken] = source.imports()
        self.assertFalse(test_layers.may_know(source, taken))

    def test_sideways_import_is_seen(self) -> None:
        """Delivery may use the spool's values and not the spool."""
        source = _source("shieldrelay.delivery.lane", "")
        self.assertTrue(test_layers.may_know(source, Import("shieldrelay.spool.entry", "Entry", 1, False)))
        self.assertFalse(test_layers.may_know(source, Import("shieldrelay.spool.maildir", "Spool", 1, False)))

    def test_protocol_takes_constants_only(self) -> None:
        """The protocol may use a constant of the ports and not a port."""
        source = _source("shieldrelay.smtp.content", "")
        self.assertTrue(test_layers.may_know(source, Import("shieldrelay.ports", "BLOCK_OCTETS", 1, False)))
        self.assertFalse(test_layers.may_know(source, Import("shieldrelay.ports", "Clock", 1, False)))

    def test_hidden_clock_is_seen(self) -> None:
        """A pure file that asks for the time in any way is seen, and so is what breaks a time down."""
        text = "import time\nfrom time import gmtime\ndatetime.now()\nasync def f(): await g()"
        self.assertEqual(len(list(test_layers.impurities(_source("shieldrelay.mail.x", text)))), 5)

    def test_deferred_import_is_told_apart(self) -> None:
        """An import inside a function is known as one."""
        source = _source("shieldrelay.tap", "import a\ndef f():\n    import b\n    class C:\n        import c")
        self.assertEqual([taken.deferred for taken in source.imports()], [False, True, True])

    def test_missing_docstrings_are_seen(self) -> None:
        """Public names without docstrings are seen at every level; private ones and Twisted's hooks are not."""
        text = "class A:\n    def b(self): ...\n    def _c(self): ...\n    def dataReceived(self): ...\ndef d(): ..."
        names = [name for name, _ in test_files.undocumented(_source("shieldrelay.x", text))]
        self.assertEqual(names, ["shieldrelay.x", "shieldrelay.x.A", "shieldrelay.x.A.b", "shieldrelay.x.d"])

    def test_module_state_is_seen(self) -> None:
        """A lower-case container at module level is seen; a table, a tuple and a dunder are not."""
        text = "cache = {}\nseen: set[int] = set()\nTABLE = {1: 2}\nfixed = (1, 2)\n__all__ = ['a']\n_seen = deque()"
        names = [name for name, _ in test_files.mutable_state(_source("shieldrelay.x", text))]
        self.assertEqual(names, ["shieldrelay.x.cache", "shieldrelay.x.seen", "shieldrelay.x._seen"])
