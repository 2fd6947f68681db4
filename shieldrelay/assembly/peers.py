"""`Peers`: what a node has to do with the other nodes of its cluster, besides what goes through the hub.

There is one when ``[cluster] key`` and ``listen`` are set; a node without it neither asks nor answers. Made by
`assembly.bill`, started by `assembly.service`.
"""

from __future__ import annotations

from typing import Any

from shieldrelay.assembly.lists import RecipientLists
from shieldrelay.assembly.peers_fellows import Cards, Fellows
from shieldrelay.assembly.peers_lists import ListReplication
from shieldrelay.assembly.shield import Shield
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.config.schema import Configuration
from shieldrelay.config.secret import SecretFault, read_secret
from shieldrelay.peers.client import PeerClient
from shieldrelay.peers.router import PeerRoute, PeerRouter
from shieldrelay.peers.seal import KeyFault, Sealer
from shieldrelay.peers.server import PeerServer
from shieldrelay.ports import Journal, WallClock
from shieldrelay.wire.tls_peers import PeerTls


def address_of(configuration: Configuration) -> str:
    """Give the address under which other nodes reach this one; empty when they cannot."""
    cluster = configuration.cluster
    if cluster.key is None or cluster.listen is None:
        return ""
    return str(cluster.advertise or cluster.listen)


def peers_of(
    configuration: Configuration,
    recipients: RecipientLists,
    shield: Shield,
    *,
    reactor: Any,
    wall: WallClock,
    journal: Journal,
) -> Peers | None:
    """Make them; ``None`` for a node that has none.

    :raises SecretFault: the cluster's key cannot be used.
    """
    if configuration.cluster.hub.alone or not address_of(configuration):
        return None
    roster = shield.membership.roster
    return Peers(
        configuration, recipients, shield.decisions, lambda: roster.cards, reactor=reactor, wall=wall, journal=journal
    )


class Peers:
    """This node among the others.

    :param cards: gives those of all live members.
    :raises SecretFault: the cluster's key cannot be used.
    :ivar fellows: the other nodes.
    :ivar lists: keeps lists alike.
    """

    def __init__(
        self,
        configuration: Configuration,
        recipients: RecipientLists,
        decisions: Decisions,
        cards: Cards,
        *,
        reactor: Any,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        cluster = configuration.cluster
        if cluster.key is None or cluster.listen is None:
            raise ValueError("this node has no peers")
        try:
            sealer = Sealer(read_secret(cluster.key).reveal(), cluster.name)
        except KeyFault as fault:
            raise SecretFault(f"{cluster.key}: {fault}") from None
        tls = PeerTls(sealer.tls)
        self._reactor, self._wall, self._journal = reactor, wall, journal
        self._sealer, self._tls = sealer, tls
        self._listen = cluster.listen if configuration.worker < 2 else None
        self._server: PeerServer | None = None
        self.client = PeerClient(sealer, tls, reactor=reactor, wall=wall)
        self.fellows = Fellows(self.client, cards, configuration.node.hostname)
        self.lists = ListReplication(
            recipients, decisions, self.fellows,
            address=address_of(configuration), clock=reactor, wall=wall, journal=journal,
        )  # fmt: skip
        self._routes: tuple[PeerRoute, ...] = self.lists.routes()

    def answer(self, *routes: PeerRoute) -> None:
        """Answer these too; before `start`."""
        self._routes = (*self._routes, *routes)

    def start(self) -> None:
        """Answer the other nodes, and keep up with them.

        :raises PeerListenFault: the address cannot be had.
        """
        if self._listen is not None:
            router = PeerRouter(self._routes, self._bug)
            self._server = PeerServer(
                router, self._sealer, self._tls, reactor=self._reactor, wall=self._wall, journal=self._journal
            )
            self._server.start(self._listen.host, self._listen.port)
            self._journal.event("peers_listening", address=str(self._listen))
        self.lists.start()

    async def stop(self) -> None:
        """Neither ask nor answer any more."""
        await self.lists.stop()
        if self._server is not None:
            await self._server.stop()
        await self.client.stop()

    def _bug(self, route: str, bug: Exception) -> None:
        self._journal.event("bug", where=f"peers: {route}", error=repr(bug))
