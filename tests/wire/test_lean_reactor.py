"""The epoll reactor without a log context: Twisted is as we know it, and a bug stays with its connection."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.posixbase import _PollLikeMixin
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.python.log import callWithLogger
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.wire.lean_reactor import lean

SOURCES = {
    EPollReactor.doPoll: "09b62ae68ef01b4b",
    _PollLikeMixin._doReadOrWrite: "5ffee55b79492b00",
    callWithLogger: "802f8564bca3531f",
}
"""What `wire.lean_reactor` stands in for or calls: if one changes, read it, mend the seam, then this table."""


def fingerprint(function: Any) -> str:
    """Give a short hash of a function's source."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


class TwistedTests(SynchronousTestCase):
    """What the seam believes of Twisted."""

    def test_twisted_is_as_we_know_it(self) -> None:
        """The polling that is replaced, and what it called, have not changed since it was read."""
        self.assertEqual(
            {each.__name__: fingerprint(each) for each in SOURCES},
            {each.__name__: known for each, known in SOURCES.items()},
        )

    def test_other_reactors_are_left_alone(self) -> None:
        """What is no epoll reactor, or one of somebody's own making, stays as it is."""

        class Own(EPollReactor):
            """Somebody's."""

        own, select = Own(), SelectReactor()
        for reactor in (own, select, Clock()):
            self.assertFalse(lean(reactor))
        self.assertEqual(
            (own.doPoll.__name__, "doPoll" in vars(own), "doIteration" in vars(select)), ("doPoll", False, False)
        )
        for reactor in (own, select):
            close(reactor)


def close(reactor: Any) -> None:
    """Let go of a reactor's descriptors."""
    for selectable in reactor.removeAll():
        selectable.connectionLost(Failure(connectionDone.value))
    reactor.fireSystemEvent("shutdown")
    if hasattr(reactor, "_poller"):
        reactor._poller.close()


class Faulty(Protocol):
    """Echoes; raises what it is told to raise."""

    def __init__(self, house: Echoes) -> None:
        self.house = house

    def dataReceived(self, data: bytes) -> None:
        if data == b"raise":
            raise ValueError("in dataReceived")
        self.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.house.lost += 1
        if self.house.raises_at_end is not None:
            raise self.house.raises_at_end


class Echoes(Factory):
    """Makes them."""

    noisy = False

    def __init__(self) -> None:
        self.lost = 0
        self.raises_at_end: BaseException | None = None

    def buildProtocol(self, addr: object) -> Faulty:
        return Faulty(self)


class Asker(Protocol):
    """A client."""

    def __init__(self) -> None:
        self.got = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True


class Askers(Factory):
    """Makes them; keeps them."""

    noisy = False

    def __init__(self) -> None:
        self.made: list[Asker] = []

    def buildProtocol(self, addr: object) -> Asker:
        self.made.append(Asker())
        return self.made[-1]

    def doStart(self) -> None:
        """Nothing to start."""

    def startedConnecting(self, connector: object) -> None:
        """Nothing to note."""

    def clientConnectionLost(self, connector: object, reason: object) -> None:
        """Nothing to note."""


class ServingTests(SynchronousTestCase):
    """A lean reactor of our own, turned by hand."""

    def setUp(self) -> None:
        self.reactor: Any = EPollReactor()
        self.assertTrue(lean(self.reactor))
        self.addCleanup(close, self.reactor)
        self.echoes, self.askers = Echoes(), Askers()
        self.port = self.reactor.listenTCP(0, self.echoes, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.reactor.startRunning(installSignalHandlers=False)
        self.connect()
        self.connect()

    def connect(self) -> Asker:
        """Give one more client, connected."""
        known = len(self.askers.made)
        self.reactor.connectTCP("127.0.0.1", self.port.getHost().port, self.askers)
        self.turn(lambda: len(self.askers.made) > known and self.askers.made[-1].connected)
        return self.askers.made[-1]

    def turn(self, condition: Any) -> None:
        """Turn the reactor until something holds."""
        for _ in range(2000):
            self.reactor.runUntilCurrent()
            if condition():
                return
            self.reactor.doIteration(0.005)
        self.fail("it never came")

    def test_events_are_served(self) -> None:
        """Octets go both ways, and the loop calls the lean polling."""
        first, second = self.askers.made
        first.transport.write(b"one")  # type: ignore[union-attr]
        second.transport.write(b"two")  # type: ignore[union-attr]
        self.turn(lambda: (first.got, second.got) == (b"one", b"two"))
        self.assertIs(self.reactor.doPoll, self.reactor.doIteration)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_bug_ends_its_connection_alone(self) -> None:
        """A protocol that raises where octets arrive is logged and loses its connection; others are served on."""
        first, second = self.askers.made
        first.transport.write(b"raise")  # type: ignore[union-attr]
        self.turn(lambda: first.lost)
        second.transport.write(b"still")  # type: ignore[union-attr]
        self.turn(lambda: second.got == b"still")
        self.assertEqual((len(self.flushLoggedErrors(ValueError)), self.echoes.lost), (1, 1))

    def test_a_bug_at_the_end_of_a_connection(self) -> None:
        """A protocol that raises when it is told of its end, even an exit, is logged, and the others are served on."""
        for asker, error in zip(self.askers.made, (KeyError("at the end"), SystemExit(3)), strict=True):
            self.echoes.raises_at_end, self.echoes.lost = error, 0
            asker.transport.abortConnection()  # type: ignore[union-attr]
            self.turn(lambda: self.echoes.lost)
            self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)
        self.echoes.raises_at_end = None
        third = self.connect()
        third.transport.write(b"still")  # type: ignore[union-attr]
        self.turn(lambda: third.got == b"still")

    def test_an_interrupt_goes_through(self) -> None:
        """Ctrl-C in the midst of an event is nobody's bug."""
        self.echoes.raises_at_end = KeyboardInterrupt()
        self.askers.made[0].transport.abortConnection()  # type: ignore[union-attr]
        self.assertRaises(KeyboardInterrupt, self.turn, lambda: False)
        self.echoes.raises_at_end = None
