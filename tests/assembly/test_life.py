"""A node's life: it starts in order, stops in order, leaves nothing, and says why it cannot start."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from shieldrelay.assembly import appliance
from shieldrelay.config.reader import read
from shieldrelay.spool.faults import SpoolUnavailable
from shieldrelay.testing.nexthop import Step, say
from shieldrelay.wire.certificates import CertificateFault
from shieldrelay.wire.listeners import ListenFault
from tests.assembly.node_case import NodeCase, reactor


def descriptors() -> set[str]:
    """Give what this process has open, pipes and the reactor's own apart."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(each))
        except FileNotFoundError:
            continue
    return {name for name in found if name.startswith(("socket:", "/"))}


class LifeTests(NodeCase):
    """From start to stop."""

    async def test_start_relay_stop(self) -> None:
        """A node that was started relays a message, and when it was stopped nothing of it is left."""
        await deferToThread(lambda: None)
        before = descriptors()
        await self.start()
        self.assertTrue(self.has_control())
        code, text = await self.send()
        self.assertEqual(code, 250, text)
        (message,) = self.hop.messages
        self.assertIn(b"Hello, world!", message.content)
        self.assertEqual((self.spooled(), self.hop.violations), (0, []))
        await self.stop()
        await self.until(lambda: not self.hop.open_connections)
        self.assertEqual((self.threads(), self.has_control()), ([], False))
        self.assertEqual({name for name in descriptors() - before if "trial" not in name}, set())
        again = appliance(read(self.configure()), reactor)  # the lock is free
        again.house.spool.close()
        again.house.journal.close()

    async def test_events_in_order(self) -> None:
        """The journal tells the certificate, the control socket, the start, and at the end the stop."""
        await self.start()
        await self.stop()
        self.assertEqual(self.has_bugs(), [])
        names = [name for name in ("control_listening", "started", "stopping", "stopped") if self.journal(name)]
        self.assertEqual(names, ["control_listening", "started", "stopping", "stopped"])
        stamps = [self.journal(name)[0]["ts"] for name in names]
        self.assertEqual(stamps, sorted(stamps))
        self.assertEqual(self.journal("started")[0]["listen"], [f"127.0.0.1:{self.port}"])
        self.assertEqual(self.journal("stopped")[0]["broken_off"], 0)
        self.assertIn("self-made", " ".join(str(one["reason"]) for one in self.journal("certificate")))

    async def test_stop_right_after_the_start(self) -> None:
        """A stop in the midst of the start ends what has begun, and nothing begins after it."""
        node = self.build()
        node.privilegedStartService()
        node.startService()
        await node.stopService()
        self.assertEqual((self.threads(), self.has_bugs(), self.has_control()), ([], [], False))
        with socket.socket() as one:
            self.assertNotEqual(one.connect_ex(("127.0.0.1", self.port)), 0)

    async def test_idle_clients_are_told(self) -> None:
        """A client with nothing under way is told 421 at a stop, at once."""
        await self.start()
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            greeting = await deferToThread(client.recv, 100)
            self.assertEqual(greeting[:4], b"220 ")
            await self.stop()
            self.assertEqual(await deferToThread(client.recv, 100), b"421 4.3.2 Shutting down, try again\r\n")
        self.assertLess(self.journal("stopped")[0]["seconds"], 1.0)

    async def test_a_client_that_keeps_its_connection_does_not_hold_the_stop(self) -> None:
        """A client in the midst of its content is waited for until the stop's time is over, then told and let go."""
        await self.start(stop_timeout="1s")
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.test>\r\nDATA\r\nhalf a line")
            await self.until(lambda: any(one.in_transaction for one in self.node._sessions()))
            await self.stop()
            self.assertIn(b"421 4.3.2 ", await deferToThread(client.recv, 10000))
        stopped = self.journal("stopped")[0]
        self.assertEqual((stopped["broken_off"], 1.0 <= stopped["seconds"] < 3.0), (1, True))
        self.assertEqual((self.spooled(), self.has_bugs()), (0, []))

    async def test_content_that_comes_to_its_end_during_the_stop(self) -> None:
        """A client in the midst of its content may finish, and its message is taken."""
        await self.start()
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.test>\r\nDATA\r\nhalf a line")
            await self.until(lambda: any(one.in_transaction for one in self.node._sessions()))
            stopped: Deferred[None] = self.node.stopService()
            self.running = False
            client.sendall(b"\r\n.\r\n")
            await stopped
            self.assertIn(b"\r\n250 2.0.0 ", (await deferToThread(client.recv, 10000)).replace(b"354 End", b""))
        self.assertEqual((len(self.hop.messages), self.journal("stopped")[0]["broken_off"]), (1, 0))

    async def test_a_slow_next_hop_during_the_stop(self) -> None:
        """A message whose next hop is slow at a stop is spooled before its client hears 250."""
        self.hop.script.on(Step.CONTENT, say("250 2.0.0 at last", delay=3))
        await self.start(stop_timeout="10s", delivery='inline_timeout = "1s"\nretry = ["1s"]')
        sending = self.send()
        sent = Deferred.fromCoroutine(sending)
        await self.hop.reached(Step.CONTENT)
        await self.stop()
        code, text = await sent
        self.assertEqual(code, 250, text)
        self.assertEqual((len(self.hop.messages), self.spooled(), self.has_bugs()), (1, 0, []))


class FailingStartTests(NodeCase):
    """What is in the way is a sentence, and nothing is left."""

    async def failing(self, words: str) -> None:
        """Start a node whose start fails; it must say so and end everything."""
        ended: list[object] = []
        self.node.end = ended.append
        self.node.privilegedStartService()
        self.node.startService()
        await self.until(lambda: ended)
        self.assertTrue(self.node.failed)
        await self.node.stopService()
        self.assertIn(words, self.journal("bug")[0]["error"])
        self.assertEqual(self.threads(), [])
        again = appliance(read(self.configure()), reactor)
        again.house.spool.close()
        again.house.journal.close()

    async def test_control_socket_in_use(self) -> None:
        """Another node's control socket is left alone, and named."""
        other = socket.socket(socket.AF_UNIX)
        other.bind(self.control)
        other.listen(1)
        self.addCleanup(os.unlink, self.control)
        self.addCleanup(other.close)
        self.build()
        await self.failing(self.control)
        self.assertTrue(self.has_control())

    async def test_spool_in_use(self) -> None:
        """A second node on the same spool is refused before it takes a port, and the first goes on."""
        await self.start()
        refused = self.assertRaises(SpoolUnavailable, appliance, read(self.configure()), reactor)
        self.assertIn("in use", str(refused))
        self.assertEqual((await self.send())[0], 250)

    async def test_port_in_use(self) -> None:
        """A port that somebody listens on is named, and the spool is free again."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.port))
            other.listen(1)
            node = self.build()
            refused = self.assertRaises(ListenFault, node.privilegedStartService)
        self.assertIn(f"cannot listen on 127.0.0.1:{self.port}: Address already in use", str(refused))
        await self.start()

    async def test_a_fault_after_the_lock_was_taken(self) -> None:
        """A certificate for a next hop that cannot be read fails the building, and the spool is free again."""
        (self.directory / "none").write_text("nothing")
        self.domains["example.test"]["more"] = f'next_hop_tls = "verified"\nnext_hop_tls_ca = "{self.directory}/none"'
        refused = self.assertRaises(CertificateFault, appliance, read(self.configure()), reactor)
        self.assertIn("none", str(refused))
        self.domains["example.test"]["more"] = ""
        await self.start()

    async def test_a_spool_that_is_a_file(self) -> None:
        """A spool that cannot be a directory is named."""
        (self.directory / "spool").write_text("")
        refused = self.assertRaises(SpoolUnavailable, self.build)
        self.assertIn(str(self.directory / "spool"), str(refused))
