"""Claims about requests between nodes, over real sockets."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from shieldrelay.peers.client import PeerRefused, PeerUnreachable
from shieldrelay.peers.router import PIECE_OCTETS
from shieldrelay.peers.server import CONNECTIONS_MOST
from tests.peers.peers_case import KEY, NOW, PeersCase, reactor


class TalkTests(PeersCase):
    """Over TLS."""

    async def test_asked_and_answered(self) -> None:
        """A peer is asked with a body and answers, again and again over one connection."""
        client = self.client()
        for number in range(3):
            body = bytes(PIECE_OCTETS if number == 2 else number)
            said = await client.document(self.address, "POST", "/peer/v1/echo/a%20b?x=1", body)
            self.assertEqual(said, {"word": "a b", "octets": len(body), "x": "1"})
        self.assertEqual(len(self.server.factory._open), 1)

    async def test_no_is_said_in_words(self) -> None:
        """A refusal comes with its status and its words, and so do a path that is not there and a bug."""
        client = self.client()
        for target, status, words in (
            ("/peer/v1/no", 409, "not today"),
            ("/elsewhere", 404, "nothing at this path"),
            ("/peer/v1/bug", 500, "failed to answer"),
        ):
            asking = Deferred.fromCoroutine(client.ask(self.address, "GET", target))
            fault: Any = await self.assertFailure(asking, PeerRefused)
            self.assertEqual(fault.status, status)
            self.assertIn(words, str(fault))
        self.assertEqual(self.bugs, ["GET /peer/v1/bug"])

    async def test_another_cluster_hears_nothing(self) -> None:
        """A node with another key does not get past the handshake, and is told that its key is another."""
        for client in (self.client(KEY[::-1]), self.client(KEY, "other")):
            fault = await self.unreachable(client, "/peer/v1/echo/x")
            self.assertIn("its key is not ours", fault)
        self.assertEqual(self.served, [])

    async def test_another_time(self) -> None:
        """A node whose clock is wrong is told by how much."""
        client = self.client(ahead=-1000.0)
        fault = await self.assertFailure(
            Deferred.fromCoroutine(client.ask(self.address, "GET", "/peer/v1/echo/x")), PeerRefused
        )
        self.assertIn("clock is 1000 s behind ours", str(fault))
        (told,) = self.journal.named("peer_refused")
        self.assertIn("1000 s behind", told["reason"])
        self.assertEqual(self.served, [])

    async def test_one_that_hangs(self) -> None:
        """A peer that does not answer costs its time limit and nothing else."""
        fault = await self.unreachable(self.client(), "/peer/v1/hang", seconds=0.2)
        self.assertIn("did not answer within", fault)

    async def test_one_that_is_not_there(self) -> None:
        """A peer that is gone is told as unreachable; an address that is none too."""
        await self.server.stop()
        for address in (self.address, "nonsense", "[::1", ""):
            self.assertIn(address, await self.unreachable(self.client(), "/peer/v1/echo/x", address=address))

    async def test_too_long_an_answer(self) -> None:
        """An answer that is longer than any is not read to its end."""
        self.assertIn("longer than a peer's", await self.unreachable(self.client(), "/peer/v1/long"))

    async def test_too_long_a_request(self) -> None:
        """A body that is longer than any is cut off, and is not served."""
        await self.unreachable(self.client(), "/peer/v1/echo/x", body=bytes(PIECE_OCTETS + 1))
        self.assertEqual(self.served, [])

    async def test_many_at_once(self) -> None:
        """Many requests at once are all answered."""
        client = self.client()
        asked = [
            Deferred.fromCoroutine(client.document(self.address, "POST", f"/peer/v1/echo/{number}", b"x" * 1000))
            for number in range(16)
        ]
        said = await gatherResults(asked)
        self.assertEqual([each["word"] for each in said], [str(number) for number in range(16)])

    async def test_plain_octets(self) -> None:
        """Whoever speaks no TLS is gone, and hears no HTTP."""
        self.assertNotIn(b"HTTP/", await self.send(b"GET /peer/v1/echo/x HTTP/1.1\r\n\r\n"))

    async def unreachable(
        self, client: object, target: str, *, body: bytes = b"", seconds: float = 5.0, address: str | None = None
    ) -> str:
        """Ask; give the words of the failure."""
        address = self.address if address is None else address
        asking = client.ask(address, "POST" if body else "GET", target, body, seconds=seconds)  # type: ignore[attr-defined]
        fault = await self.assertFailure(Deferred.fromCoroutine(asking), PeerUnreachable)
        return str(fault)


class PlainTests(PeersCase):
    """The seals alone, without the TLS that keeps strangers out before them."""

    with_tls = False

    def request(self, body: bytes = b"", *, nonce: bytes | None = None, seal: bytes | None = None) -> bytes:
        """Give a request in octets."""
        target = b"/peer/v1/echo/x"
        made = self.sealer.request(b"POST", target, body, NOW, nonce or os.urandom(16))
        head = b"POST %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        head += b"x-shieldrelay-seal: %b\r\ncontent-length: %d\r\n\r\n"
        return head % (target, made if seal is None else seal, len(body)) + body

    async def test_a_replay(self) -> None:
        """The same request again is refused."""
        request = self.request(b"once")
        self.assertIn(b" 200 ", await self.send(request))
        again = await self.send(request)
        self.assertIn(b" 401 ", again)
        self.assertIn(b"came before", again)
        self.assertEqual(self.served, [("x", b"once")])

    async def test_strangers_are_told_nothing(self) -> None:
        """A request without our seal is answered 401 and not a word more."""
        for seal in (b"", b"nonsense", b"1 1 " + b"0" * 32 + b" " + b"0" * 64):
            said = await self.send(self.request(b"body", seal=seal))
            self.assertTrue(said.startswith(b"HTTP/1.1 401 "), said)
            self.assertTrue(said.endswith(b"\r\n\r\n"), said)
        self.assertEqual(self.served, [])
        self.assertEqual(len(self.journal.named("peer_refused")), 1)

    async def test_hostile_octets(self) -> None:
        """Octets that are no HTTP end their connection and nothing else."""
        for octets in (
            b"\x00\xff" * 5000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
            b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            b"GET /%ff%fe?%00 HTTP/1.1\r\nx-shieldrelay-seal: \xff\r\nconnection: close\r\n\r\n",
            b"A" * 100_000,
        ):
            await self.send(octets)
        self.assertIn(b" 200 ", await self.send(self.request()))

    async def test_so_many_connections(self) -> None:
        """Connections beyond the limit are closed at once, and those that are there go on."""
        held = [self.send(self.request()[:10]) for _ in range(CONNECTIONS_MOST)]
        waiting = [Deferred.fromCoroutine(each) for each in held]
        while len(self.server.factory._open) < CONNECTIONS_MOST:
            await deferLater(reactor, 0.01, lambda: None)
        self.assertEqual(await self.send(self.request()), b"")
        self.server.factory.close()
        await gatherResults(waiting)
        self.assertIn(b" 200 ", await self.send(self.request()))
