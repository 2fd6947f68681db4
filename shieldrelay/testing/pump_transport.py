"""One end of a `Pump`'s wire: a TCP transport in memory, as far as our protocols use one.

Driven by the `Pump` only. Real TLS through Twisted's TLS protocol; producers are paused and resumed as by a socket.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import IAddress, IConsumer, IProtocol, ITransport
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer


class _UnderTls:
    """What Twisted's TLS protocol has below it: the wire, without the redirection of writes into TLS."""

    def __init__(self, transport: PumpTransport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, octets: bytes) -> None:
        self._transport.write_wire(octets)

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        self._transport.write_wire(b"".join(pieces))

    def loseConnection(self) -> None:
        self._transport.close_wire()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._transport.produce_wire(producer, streaming)

    def unregisterProducer(self) -> None:
        self._transport.unproduce_wire()


@implementer(ITransport, IConsumer)
class PumpTransport:
    """One end.

    :ivar connected: whether the connection stands.
    :ivar disconnecting: whether ``loseConnection`` was called.
    :ivar paused: whether the protocol wants no octets now.
    :ivar written: all octets that this end ever put on the wire.
    """

    def __init__(
        self, protocol: IProtocol, here: IAddress, there: IAddress, clock: Clock, high_water: int, *, is_client: bool
    ) -> None:
        self.protocol: Any = protocol
        self.connected = False
        self.disconnecting = False
        self.aborted = False
        self.paused = False
        self.TLS = False
        self.written = bytearray()
        self.producer: Any = None
        self.streamingProducer = False
        self._under_way = bytearray()
        self._high_water = high_water
        self._producer_paused = False
        self._here, self._there = here, there
        self._clock = clock
        self._is_client = is_client

    # -- what protocols call

    def write(self, data: bytes) -> None:
        """Send octets, through TLS when there is TLS."""
        if self.TLS:
            self.protocol.write(data)
        else:
            self.write_wire(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send octets."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once all is sent."""
        if self.TLS:
            self.protocol.loseConnection()
        else:
            self.close_wire()

    def abortConnection(self) -> None:
        """Close at the pump's next step; what was not sent is lost."""
        self.aborted = True
        self.disconnecting = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have a producer write."""
        if self.TLS:
            self.protocol.registerProducer(producer, streaming)
        else:
            self.produce_wire(producer, streaming)

    def unregisterProducer(self) -> None:
        """Let go of it."""
        if self.TLS:
            self.protocol.unregisterProducer()
        else:
            self.unproduce_wire()

    def pauseProducing(self) -> None:
        """Take no octets for now."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Take octets again."""
        self.paused = False

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def getPeer(self) -> IAddress:
        """Give the other end's address."""
        return self._there

    def getHost(self) -> IAddress:
        """Give this end's address."""
        return self._here

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Accept; there is nothing to delay."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Accept; nothing dies silently here."""

    def startTLS(self, contextFactory: Any, normal: bool = True) -> bool:  # noqa: N803 - Twisted's name
        """Begin TLS, the client's or the server's side by the side that this is."""
        factory = TLSMemoryBIOFactory(contextFactory, self._is_client == normal, Factory(), clock=self._clock)
        wrapper: Any = factory.protocol(factory, self.protocol, False)
        self.protocol = wrapper
        self.TLS = True
        self.getHandle = wrapper.getHandle
        self.getPeerCertificate = wrapper.getPeerCertificate
        wrapper.makeConnection(_UnderTls(self))
        return True

    # -- what the TLS protocol calls

    def write_wire(self, octets: bytes) -> None:
        """Put octets on the wire."""
        if self.connected:
            self.written += octets
            self._under_way += octets
            self._press()

    def close_wire(self) -> None:
        """Close once the wire is empty."""
        self.disconnecting = True

    def produce_wire(self, producer: Any, streaming: bool) -> None:
        """Have a producer write to the wire."""
        if self.producer is not None:
            raise RuntimeError("there is a producer already")
        if not self.connected:
            producer.stopProducing()
            return
        self.producer, self.streamingProducer, self._producer_paused = producer, streaming, False
        self._press()

    def unproduce_wire(self) -> None:
        """Let go of the producer."""
        self.producer = None

    # -- what the pump calls

    def open(self) -> None:
        """Connect the protocol."""
        self.connected = True
        self.protocol.makeConnection(self)

    @property
    def has_octets(self) -> bool:
        """Whether octets are under way to the other end."""
        return bool(self._under_way)

    @property
    def finished(self) -> bool:
        """Whether this end wants to close, and may."""
        return self.disconnecting and not self._under_way and self.producer is None

    def take(self, most: int) -> bytes:
        """Take at most so many octets off the wire; 0: all."""
        octets = bytes(self._under_way[: most or None])
        del self._under_way[: len(octets)]
        if self.producer is not None and self._producer_paused and len(self._under_way) < self._high_water:
            self._producer_paused = False
            self.producer.resumeProducing()
        return octets

    def pull(self) -> bool:
        """Ask a pull producer for more when the wire is empty; tell whether there was one."""
        if not self.connected or self.producer is None or self.streamingProducer or self._under_way:
            return False
        self.producer.resumeProducing()
        return True

    def deliver(self, octets: bytes) -> None:
        """Give octets to the protocol."""
        self.protocol.dataReceived(octets)

    def lose(self, reason: Failure) -> None:
        """Tell the protocol that the connection is gone, once."""
        if not self.connected:
            return
        self.connected, self.disconnecting = False, True
        self._under_way.clear()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(reason)

    def _press(self) -> None:
        if self.producer is not None and self.streamingProducer and not self._producer_paused:
            if len(self._under_way) >= self._high_water:
                self._producer_paused = True
                self.producer.pauseProducing()
