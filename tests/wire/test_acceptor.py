"""The accept loop over real sockets: what comes is handed on, and running out of descriptors is survived."""

from __future__ import annotations

import errno
import os
import resource
import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.wire.acceptor import ACCEPTS_A_TURN, RESUME_SECONDS, TELL_SECONDS, Acceptor, Reserve
from shieldrelay.wire.listeners import ListenAddress, bind


class Door:
    """Takes connections and keeps them.

    :ivar came: the sockets, with the address and the port that came with each.
    :ivar turned_away: how many there was no room for.
    :ivar troubles: what it was told of.
    :ivar closes: closed as soon as something comes.
    """

    def __init__(self) -> None:
        self.came: list[tuple[socket.socket, str, int]] = []
        self.turned_away = 0
        self.troubles: list[tuple[str, int]] = []
        self.closes: Acceptor | None = None

    def arrived(self, connected: socket.socket, host: str, port: int) -> None:
        self.came.append((connected, host, port))
        if self.closes is not None:
            self.closes.close()

    def no_room(self, connected: socket.socket) -> None:
        self.turned_away += 1
        connected.close()

    def trouble(self, reason: str, before: int) -> None:
        self.troubles.append((reason, before))

    def stop(self) -> None:
        """Nothing waits here."""


class ReaderClock(Clock):
    """A clock that also notes who is read.

    :ivar readers: they.
    """

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)


class Faulty:
    """A listening socket that cannot accept.

    :param faults: what it fails with, in turn; then nothing comes.
    """

    def __init__(self, *faults: int) -> None:
        self.faults = list(faults)
        self.asked = 0

    def fileno(self) -> int:
        return 99

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        self.asked += 1
        number = self.faults.pop(0) if self.faults else errno.EAGAIN
        raise OSError(number, os.strerror(number))


class AcceptorTests(SynchronousTestCase):
    """`Acceptor` on loopback, turned by hand."""

    def setUp(self) -> None:
        self.door, self.clock, self.reserve = Door(), ReaderClock(), Reserve()
        listening = bind(ListenAddress("127.0.0.1", 0))
        self.address = listening.getsockname()
        self.acceptor = Acceptor(listening, self.clock, self.door, self.reserve)
        self.addCleanup(self.reserve.spend)
        self.addCleanup(self.acceptor.close)

    def connect(self, count: int) -> list[socket.socket]:
        made = [socket.create_connection(self.address, timeout=5) for _ in range(count)]
        for one in made:
            self.addCleanup(one.close)
        return made

    def tearDown(self) -> None:
        for connected, _host, _port in self.door.came:
            connected.close()

    def test_who_connects_is_handed_on(self) -> None:
        """Each connection comes with the address and the port of its other end."""
        (client,) = self.connect(1)
        self.acceptor.doRead()
        self.assertEqual([one[1:] for one in self.door.came], [client.getsockname()])

    def test_nobody_is_no_trouble(self) -> None:
        """A turn in which nobody is there any more is no fault."""
        self.acceptor.doRead()
        self.assertEqual((self.door.came, self.door.troubles, self.clock.readers), ([], [], [self.acceptor]))

    def test_a_turn_is_bounded(self) -> None:
        """However many wait, a turn takes no more than its share, and reaches it within a few turns."""
        self.connect(3 * ACCEPTS_A_TURN)
        shares = []
        while len(self.door.came) < 3 * ACCEPTS_A_TURN:
            before = len(self.door.came)
            self.acceptor.doRead()
            shares.append(len(self.door.came) - before)
        self.assertEqual((max(shares), shares[:5]), (ACCEPTS_A_TURN, [1, 2, 4, 8, 16]))

    def test_the_last_descriptor(self) -> None:
        """Without descriptors clients are turned away by the reserve, and taken again when there are some."""
        clients = self.connect(3)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare, before[1]))
        try:
            for _ in range(3):
                self.acceptor.doRead()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            os.close(spare)
        self.assertEqual((self.door.turned_away, self.door.came), (3, []))
        self.assertEqual(len(self.door.troubles), 1)
        self.assertEqual([client.recv(10) for client in clients], [b"", b"", b""])
        self.assertEqual(self.clock.readers, [self.acceptor])
        self.connect(1)
        self.acceptor.doRead()
        self.assertEqual(len(self.door.came), 1)

    def faulty(self, *faults: int) -> tuple[Acceptor, Faulty]:
        listening: Any = Faulty(*faults)
        return Acceptor(listening, self.clock, self.door, self.reserve), listening

    def test_a_connection_that_is_gone_already(self) -> None:
        """Faults of one connection do not stop the accepting, and are not told."""
        acceptor, listening = self.faulty(errno.ECONNABORTED, errno.EPROTO, errno.EPERM)
        for _ in range(3):
            acceptor.doRead()
        self.assertEqual((listening.faults, self.door.troubles), ([], []))
        self.assertIn(acceptor, self.clock.readers)

    def test_never_a_busy_loop(self) -> None:
        """When the system has nothing left, accepting pauses for a declared time and tells it now and then."""
        for number in (errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            self.door.troubles.clear()
            acceptor, listening = self.faulty(*[number] * 1000)
            for _ in range(100):
                while acceptor in self.clock.readers:
                    acceptor.doRead()
                self.clock.advance(TELL_SECONDS / 100)
            self.assertTrue(30 <= listening.asked <= TELL_SECONDS / RESUME_SECONDS + 1, listening.asked)
            self.assertEqual(self.door.troubles, [(f"cannot accept: {os.strerror(number)}", 0)])
            acceptor._resume.cancel()  # type: ignore[union-attr]

    def test_no_reserve_either(self) -> None:
        """When somebody has taken even the reserve, accepting pauses, and goes on when there is one again."""
        self.reserve.spend()
        acceptor, _listening = self.faulty(errno.EMFILE)
        acceptor.doRead()
        self.assertNotIn(acceptor, self.clock.readers)
        self.clock.advance(RESUME_SECONDS)
        self.assertIn(acceptor, self.clock.readers)
        self.assertTrue(self.reserve.spend())

    def test_closed_while_accepting(self) -> None:
        """A stop in the midst of a turn, or of a pause, leaves nothing behind."""
        self.connect(2)
        self.acceptor.doRead()
        self.door.closes = self.acceptor
        self.acceptor.doRead()
        self.assertEqual((len(self.door.came), self.clock.readers, self.clock.getDelayedCalls()), (2, [], []))
