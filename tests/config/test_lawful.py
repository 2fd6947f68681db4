"""``[shield.lawful]``: its defaults are those of the rooms that work with it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.config.lawful import Lawful
from shieldrelay.shield.lawful_settings import LawfulSettings
from shieldrelay.wire.lookups import BUDGET_SECONDS, SEARCHES


class DefaultsTests(SynchronousTestCase):
    """What holds where nothing is written."""

    def test_the_defaults_are_those_of_the_rooms(self) -> None:
        """Modes, budget and rate are the same in the declaration and where they act."""
        declared, acting = Lawful(), LawfulSettings()
        for name in ("mode", "unreachable", "impostor", "bogon_client"):
            self.assertEqual(getattr(declared, name).value, getattr(acting, name).value, name)
        self.assertEqual((declared.budget, declared.searches), (BUDGET_SECONDS, SEARCHES))

    def test_results_are_told_under_the_host_name_unless_set(self) -> None:
        """There is no authserv-id by default, and arriving fields under ours are renamed."""
        declared = Lawful()
        self.assertIsNone(declared.authserv_id)
        self.assertTrue(declared.rename)
