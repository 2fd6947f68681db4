"""`ZoneServer`: our own list of bad sources as a DNS zone, for other nodes and for the customer's own servers.

Off unless configured. Answers over UDP and TCP on ports of its own, to the networks of its access list only: others
get no answer at all, so that nobody can be flooded with ours. What is answered is `wire.zone_answers`' matter. A
question that cannot be read is dropped. Made and started by `assembly`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol, Factory, connectionDone
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from shieldrelay.wire.zone_answers import QUESTION_OCTETS, ListedZone, answer

CONNECTIONS = 32
"""TCP connections at a time."""
IDLE_SECONDS = 10.0
_QUESTIONS = 100
"""On one TCP connection."""


@frozen
class ZoneSettings:
    """Where it answers whom.

    :ivar listen: address and port of each socket; both UDP and TCP.
    :ivar clients: who may ask.
    """

    listen: tuple[tuple[str, int], ...]
    clients: tuple[IPv4Network | IPv6Network, ...]


class ZoneServer:
    """Serves one zone.

    :ivar zone: what is answered from; whoever exports replaces it.
    """

    def __init__(self, reactor: Any, settings: ZoneSettings, zone: ListedZone) -> None:
        self.zone = zone
        self._reactor = reactor
        self._settings = settings
        self._ports: list[Any] = []
        self._open: set[_Stream] = set()

    def start(self) -> None:
        """Listen; as root, if the port is a low one.

        :raises twisted.internet.error.CannotListenError: a port cannot be had; then none is held.
        """
        try:
            for host, port in self._settings.listen:
                self._ports.append(self._reactor.listenTCP(port, _Streams(self), backlog=CONNECTIONS, interface=host))
                bound = self._ports[-1].getHost().port
                self._ports.append(self._reactor.listenUDP(bound, _Datagrams(self), interface=host))
        except Exception:
            self.stop()
            raise

    def stop(self) -> Deferred[Any]:
        """Answer nobody any more; fires when the ports are free again."""
        ports, self._ports = self._ports, []
        for stream in tuple(self._open):
            stream.drop()
        return DeferredList([maybeDeferred(port.stopListening) for port in ports])

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP and UDP ports that are listened on, in order."""
        return tuple(port.getHost().port for port in self._ports[::2])

    def may_ask(self, address: str) -> bool:
        """Whether a client is on the access list."""
        parsed = ip_address(address.partition("%")[0])
        return any(parsed.version == network.version and parsed in network for network in self._settings.clients)

    def answer(self, octets: bytes) -> bytes | None:
        """Answer from what holds now."""
        return answer(octets, self.zone)

    def enter(self, stream: _Stream) -> bool:
        """Take a connection, if there is room."""
        if len(self._open) >= CONNECTIONS:
            return False
        self._open.add(stream)
        return True

    def leave(self, stream: _Stream) -> None:
        """Note that a connection has ended."""
        self._open.discard(stream)

    def later(self, seconds: float, call: Callable[[], object]) -> IDelayedCall:
        """Call later."""
        made: IDelayedCall = self._reactor.callLater(seconds, call)
        return made


class _Datagrams(DatagramProtocol):
    """UDP."""

    noisy = False

    def __init__(self, server: ZoneServer) -> None:
        self._server = server

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - what Twisted calls
        if not self._server.may_ask(addr[0]):
            return
        reply = self._server.answer(datagram)
        if reply is not None:
            self.transport.write(reply, addr)  # type: ignore[union-attr]


class _Streams(Factory):
    """TCP."""

    noisy = False

    def __init__(self, server: ZoneServer) -> None:
        self._server = server

    def buildProtocol(self, addr: Any) -> _Stream | None:
        """Take a connection from whoever may ask."""
        return _Stream(self._server) if self._server.may_ask(addr.host) else None


class _Stream(Int16StringReceiver):
    """One TCP connection: messages with their length before them (RFC 1035 §4.2.2)."""

    MAX_LENGTH = QUESTION_OCTETS

    def __init__(self, server: ZoneServer) -> None:
        self._server = server
        self._idle: IDelayedCall | None = None
        self._asked = 0

    def connectionMade(self) -> None:
        if not self._server.enter(self):
            self.drop()
            return
        self._idle = self._server.later(IDLE_SECONDS, self._silent)

    def stringReceived(self, string: bytes) -> None:  # noqa: N802 - what Twisted calls
        reply = self._server.answer(string)
        self._asked += 1
        if reply is None or self._asked > _QUESTIONS:
            self.drop()
            return
        self.sendString(reply)

    def lengthLimitExceeded(self, length: int) -> None:  # noqa: N802 - what Twisted calls
        self.drop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._server.leave(self)
        if self._idle is not None and self._idle.active():
            self._idle.cancel()

    def drop(self) -> None:
        """End it now."""
        self.transport.abortConnection()  # type: ignore[union-attr]

    def _silent(self) -> None:
        self.drop()


def clients_of(texts: Sequence[IPv4Network | IPv6Network]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Give an access list; this machine is always on it."""
    return (*texts, IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
