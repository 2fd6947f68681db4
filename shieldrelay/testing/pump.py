"""`Pump`: joins two protocols in memory, with pieces of any size and no real time.

For deterministic tests of our sender against our receiver, or of either against a `ScriptedNextHop`. Nothing moves
until `Pump.flush` (or `Pump.advance`) is called, so a test decides when octets arrive, how they are cut, and when a
connection breaks. TLS is real: ``startTLS`` runs OpenSSL on both sides.

    pump = Pump(sender, hop.buildProtocol(), clock=clock, pieces=1)
    pump.start()
    pump.flush()
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from shieldrelay.testing.pump_transport import PumpTransport


class RunsAway(AssertionError):
    """The two sides never came to rest."""


class Pump:
    """Two protocols and the wire between them.

    :param client: connected second, as a real client sees its server's greeting only after it is connected.
    :param pieces: the largest number of octets that arrive at once: a number, or several that take turns; ``None``: all
        that was written.
    :param clock: the same one that the protocols have; needed for TLS and for `advance`.
    :param high_water: octets under way at which a transport pauses its producer.
    """

    def __init__(
        self,
        client: IProtocol,
        server: IProtocol,
        *,
        clock: Clock | None = None,
        pieces: int | Sequence[int] | None = None,
        high_water: int = 65536,
    ) -> None:
        self.clock = clock or Clock()
        here, there = IPv4Address("TCP", "127.0.0.1", 40000), IPv4Address("TCP", "127.0.0.1", 25)
        self.client = PumpTransport(client, here, there, self.clock, high_water, is_client=True)
        self.server = PumpTransport(server, there, here, self.clock, high_water, is_client=False)
        sizes = [pieces or 0] if pieces is None or isinstance(pieces, int) else list(pieces)
        self._sizes: Iterator[int] = cycle(sizes)

    def start(self) -> None:
        """Connect both sides."""
        self.server.open()
        self.client.open()

    def flush(self, limit: int = 100_000) -> None:
        """Move octets until nothing moves any more.

        :raises RunsAway: after ``limit`` pieces.
        """
        for _ in range(limit):
            if not self.step():
                return
        raise RunsAway(f"still moving after {limit} pieces")

    def step(self) -> bool:
        """Move at most one piece each way; tell whether anything happened."""
        self.clock.advance(0)
        moved = self._move(self.client, self.server)
        moved = self._move(self.server, self.client) or moved
        return moved or bool(self._due())

    def advance(self, seconds: float, tick: float = 0.0) -> None:
        """Let time pass and move what follows from it.

        :param tick: let it pass in steps of so many seconds, moving octets in between; 0: at once.
        """
        while tick and seconds > tick:
            self._pass(tick)
            seconds -= tick
        self._pass(seconds)

    def cut(self) -> None:
        """Break the wire: both sides lose the connection now, and what was under way is lost."""
        for side in (self.client, self.server):
            side.lose(Failure(ConnectionLost()))

    def _pass(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.flush()

    def _due(self) -> bool:
        return any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls())

    def _move(self, source: PumpTransport, sink: PumpTransport) -> bool:
        if source.aborted and source.connected:
            source.lose(Failure(ConnectionAborted()))
            sink.lose(Failure(ConnectionLost()))
            return True
        if source.connected and sink.connected and source.has_octets and not sink.paused:
            sink.deliver(source.take(next(self._sizes)))
            return True
        if source.connected and source.finished:
            source.lose(Failure(ConnectionDone()))
            sink.lose(Failure(ConnectionDone()))
            return True
        return source.pull()
