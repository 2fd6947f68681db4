"""The listening sockets for SMTP."""

from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shieldrelay.wire.listeners import ListenAddress, Listeners, ListenFault, bind
from tests.wire.test_acceptor import Door


class ListenersTests(TestCase):
    """`Listeners` on loopback."""

    def test_both_families_on_one_port(self) -> None:
        """The same port is had on IPv4 and on IPv6, for IPv6 is listened on alone (R32)."""
        first = bind(ListenAddress("0.0.0.0", 0))
        self.addCleanup(first.close)
        second = bind(ListenAddress("::", first.getsockname()[1]))
        self.addCleanup(second.close)
        self.assertEqual(second.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 1)

    def test_taken_address_is_named(self) -> None:
        """An address in use is a fault that names it, and what was already bound is let go."""
        taken = bind(ListenAddress("127.0.0.1", 0))
        self.addCleanup(taken.close)
        used = ListenAddress("127.0.0.1", taken.getsockname()[1])
        free = ListenAddress("127.0.0.1", 0)
        listeners = Listeners(reactor, [free, used])
        fault = self.assertRaises(ListenFault, listeners.bind)
        self.assertIn(str(used), str(fault))

    async def test_accepts(self) -> None:
        """What connects is handed to the door; after stop nobody listens and the door is told."""
        door = Door()
        listeners = Listeners(reactor, [ListenAddress("127.0.0.1", 0)])
        listeners.bind()
        listeners.listen(door)
        (address,) = listeners.addresses()
        with socket.create_connection((address.host, address.port), timeout=5):
            while not door.came:
                await deferLater(reactor, 0.005, lambda: None)
        door.came[0][0].close()
        await listeners.stop()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((address.host, address.port), timeout=5)
