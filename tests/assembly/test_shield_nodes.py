"""Claims about the defences of whole nodes that meet in a real Redis server."""

from __future__ import annotations

from shieldrelay.mail.client import client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import Asked, Existence, HarvestSession
from tests.assembly.nodes_case import Node, NodesCase

UNKNOWN = 3


class SharedEvidenceTests(NodesCase):
    """Two nodes."""

    async def test_evidence_counts_once(self) -> None:
        """What one node saw of a harvest is, after an exchange, as much to it as to the other, and not twice that."""
        one, _other = await self.start(2)
        harvest = one.service.house.shield.defences.harvest
        now = one.service.house.shield.seconds()
        for number in range(UNKNOWN):
            client = client_of(f"192.0.{number}.1")
            session = HarvestSession()
            harvest.ask(
                Asked(client, Acquaintance.STRANGER, "example.test", number, Existence.UNKNOWN, 0, session), now
            )
        self.assertAlmostEqual(self.evidence(one), 2 * UNKNOWN, 1)
        await self.until(lambda: self.evidence(one) < UNKNOWN + 0.1)
        self.assertAlmostEqual(self.evidence(one), UNKNOWN, 1)

    def evidence(self, node: Node) -> float:
        """Give a node's evidence of an attack on the one domain."""
        shield = node.service.house.shield
        (picture,) = shield.defences.harvest.domains(shield.seconds())
        return picture.evidence
