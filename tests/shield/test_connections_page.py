"""The page on connections says what the declared defaults are."""

from __future__ import annotations

from pathlib import Path

from attrs import fields
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.shield.connections_settings import ConnectionsSettings, Limits, LimitsByStanding

PAGE = Path(__file__).parents[2] / "docs" / "defence-connections.md"
MEBI = 1 << 20
LIMITS = {
    "sessions": "sessions at once",
    "connections": "connections a minute",
    "messages": "messages a minute",
    "recipients": "recipients in five minutes",
    "handshakes": "TLS handshakes a minute",
    "octets": "octets a minute",
}


def octets(number: int) -> str:
    """Write octets as the page does."""
    return f"{number // MEBI} MiB" if number % (1024 * MEBI) else f"{number // (1024 * MEBI)} GiB"


def cell(limits: LimitsByStanding, name: str) -> str:
    """Write one limit of all standings as the page does."""
    numbers = [getattr(getattr(limits, standing.name), name) for standing in fields(LimitsByStanding)]
    return ", ".join(octets(number) if name == "octets" else str(number) for number in numbers)


class PageTests(SynchronousTestCase):
    """``docs/defence-connections.md``."""

    def test_limits(self) -> None:
        """Its table of limits has every limit, of every standing, normal and under stress."""
        page, settings = PAGE.read_text(), ConnectionsSettings()
        self.assertEqual(list(LIMITS), [each.name for each in fields(Limits)])
        for name, words in LIMITS.items():
            row = f"| {words} | {cell(settings.normal, name)} | {cell(settings.stressed, name)} |"
            self.assertIn(row, page)

    def test_network(self) -> None:
        """It says the limits of a network."""
        page, network = PAGE.read_text(), ConnectionsSettings().network
        for words in (
            f"{network.connections} connections, {network.messages} messages, {network.handshakes} handshakes",
            f"{octets(network.octets)} a minute, {network.recipients} recipients in five",
        ):
            self.assertIn(words, page)
