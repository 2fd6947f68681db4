"""Claims about a running node's conduct: what it answers to whom, and whom it relays for."""

from __future__ import annotations

from bench.examination import conformance, endless, relaying
from tests.integration.hostile import HostileTestCase


class ConformanceTests(HostileTestCase):
    def test_conforms(self) -> None:
        """Every row of the table of RFC 5321 and the extensions is answered as it is to be, on a running node."""
        self.hold(conformance.examine(self.ground))


class RelayingTests(HostileTestCase):
    SMTP = relaying.SETTINGS

    def test_relays_for_nobody_else(self) -> None:
        """More than a hundred spellings of a recipient elsewhere are refused; ours are taken in every spelling."""
        self.hold(relaying.examine(self.ground))


class EndlessTests(HostileTestCase):
    SMTP = endless.SETTINGS

    def test_lives_with_endless_input(self) -> None:
        """Endless and malformed input neither ends the node nor grows it, and lawful mail comes in meanwhile."""
        self.hold([*endless.examine(self.ground, 2 << 20, most_seconds=10)])
