"""Claims about the page of all replies."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

import shieldrelay
from shieldrelay.assembly.reference_replies import PAGE, declared, page
from shieldrelay.mail.reply import Reply
from tests.structure.source import ROOT

_NOT_SAID = ("shieldrelay.testing", "shieldrelay.demo", "shieldrelay.assembly.reference_replies")


def constants() -> Iterator[tuple[str, Reply]]:
    """Give every reply that some module of the product has as a constant."""
    for found in pkgutil.walk_packages(shieldrelay.__path__, "shieldrelay."):
        if found.name.startswith(_NOT_SAID) or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if isinstance(value, Reply):
                yield f"{found.name}.{name}", value


class ReplyTests(SynchronousTestCase):
    """``docs/reference-replies.md``."""

    def test_rendered(self) -> None:
        """The page in the project is the one that is rendered."""
        self.assertEqual((ROOT / PAGE).read_text(), page())

    def test_all(self) -> None:
        """Every reply that the product has as a constant is on it."""
        found = list(constants())
        self.assertGreater(len(found), 60)
        self.assertEqual(sorted({name for name, reply in found if reply not in declared()}), [])
