"""Who may begin an SMTP session: the admission, before a session object exists.

So far the number of sessions is all that is judged here; a connection over it gets one line and is closed. Twisted
calls `buildProtocol` for each connection that the kernel has accepted.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from shieldrelay.smtp.replies import OVERLOADED
from shieldrelay.wire.inbound import InboundConnection
from shieldrelay.wire.inbound_tools import InboundTools

_MAPPED = "::ffff:"


class InboundFactory(Factory):
    """Makes a session for each connection that is admitted.

    :ivar most: sessions at once.
    """

    noisy = False

    def __init__(self, tools: InboundTools, most: int) -> None:
        self._tools = tools
        self.most = most

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Admit a connection, or turn it away."""
        peer: Any = addr
        address = source_text(peer.host)
        if len(self._tools.sessions) >= self.most:
            self._tools.journal.event("connection_refused", peer=address, reason="too many sessions")
            return _TurnedAway()
        return InboundConnection(self._tools, address, peer.port)


class _TurnedAway(Protocol):
    """Says that there are too many sessions, and closes."""

    transport: Any

    def connectionMade(self) -> None:
        """Say it."""
        self.transport.write(OVERLOADED.encode())
        self.transport.loseConnection()


def source_text(host: str) -> str:
    """Give a client's address as text: an IPv4-mapped IPv6 address as IPv4, no zone (R16)."""
    plain = host.partition("%")[0]
    if plain.startswith(_MAPPED) and "." in plain:
        return plain[len(_MAPPED) :]
    return plain
