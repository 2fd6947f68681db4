"""The doorway over real sockets: who is let in, who is told what, and that each visit ends once."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shieldrelay.mail.verdict import Refusal
from shieldrelay.smtp.replies import OVERLOADED, TOO_MANY_ERRORS
from shieldrelay.wire import doorway, proxy_wait
from shieldrelay.wire.doorway import Doorway
from shieldrelay.wire.listeners import ListenAddress, Listeners
from tests.wire.inbound_fixture import OPENING, Client, World
from tests.wire.test_proxy_header import FOUR, LINE, SIX, UNKNOWN, binary

reactor: Any = the_reactor


class DoorwayCase(TestCase):
    """A world behind real listening sockets."""

    timeout = 30
    families = ("127.0.0.1",)

    def setUp(self) -> None:
        self.world = World(clock=reactor)
        self.gate = self.world.gate
        self.door = Doorway(self.world.tools, reactor)
        self.listeners = Listeners(reactor, [ListenAddress(host, 0) for host in self.families])
        self.listeners.bind()
        self.listeners.listen(self.door)

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.listeners.stop()
        for session in self.world.sessions.everyone():
            session.break_off()  # type: ignore[attr-defined]
        await self.until(lambda: not len(self.world.sessions))
        self.world.sessions.stop()
        self.assertEqual((self.gate.present, len(self.door)), ([], 0))

    async def until(self, condition: Any) -> None:
        """Let the reactor turn until something holds; the time limit ends what never does."""
        while not condition():
            await deferLater(reactor, 0.002, lambda: None)

    async def client(self, first: bytes = b"", listener: int = 0) -> Client:
        """Connect, and say something at once."""
        address = self.listeners.addresses()[listener]
        connected: Deferred[Any] = connectProtocol(HostnameEndpoint(reactor, address.host, address.port), Client())
        client: Client = await connected
        if first:
            client.say(first)
        return client

    async def greeted(self, client: Client) -> None:
        """Wait for the first words."""
        await self.until(lambda: client.octets)

    async def ended(self, client: Client) -> None:
        """Wait for the end."""
        await self.until(lambda: client.lost)

    async def leave(self, client: Client) -> None:
        """Say QUIT, and wait for the end."""
        left = len(self.gate.departures)
        client.say(b"QUIT\r\n")
        await self.ended(client)
        await self.until(lambda: len(self.gate.departures) > left)

    def talker(self) -> socket.socket:
        """Connect in the kernel, before the reactor accepts."""
        address = self.listeners.addresses()[0]
        made = socket.create_connection((address.host, address.port), timeout=5)
        self.addCleanup(made.close)
        return made


class AdmissionTests(DoorwayCase):
    """The gate's judgement, before there is a session."""

    async def test_who_is_admitted_is_greeted(self) -> None:
        """The gate is asked with the client and the number of sessions, and told once that it has left."""
        first = await self.client()
        await self.until(lambda: first.octets)
        second = await self.client()
        await self.until(lambda: second.octets)
        self.assertEqual(
            [(client.address, sessions) for client, sessions in self.gate.admissions],
            [("127.0.0.1", 0), ("127.0.0.1", 1)],
        )
        await self.leave(second)
        await self.leave(first)
        self.assertEqual(self.gate.departures, [("id2", 6), ("id1", 6)])

    async def test_who_is_refused_hears_why(self) -> None:
        """A refused client gets the gate's reply and the end; no session is made of it."""
        self.gate.shut = Refusal(OVERLOADED, "12 sessions at once, limit 10", "connections")
        client = await self.client()
        await self.ended(client)
        self.assertEqual((client.octets, len(self.world.sessions)), (b"421 4.3.2 Too busy, try again\r\n", 0))

    async def test_who_talks_while_it_is_refused_hears_why(self) -> None:
        """A client whose first octets are there already when it is refused gets the reply, not a reset."""
        self.gate.shut = Refusal(OVERLOADED, "a ban", "lists")
        talkers = [self.talker() for _ in range(5)]
        for talker in talkers:
            talker.sendall(b"EHLO client.test\r\n" * 50)
        await self.until(lambda: len(self.gate.admissions) == 5)
        self.assertEqual([talker.recv(100)[:4] for talker in talkers], [b"421 "] * 5)
        self.assertEqual([talker.recv(100) for talker in talkers], [b""] * 5)

    async def test_who_has_gone_already(self) -> None:
        """A flood of clients that reset at once, admitted or not, leaves nothing behind."""
        for shut in (None, Refusal(OVERLOADED, "a ban", "lists")):
            self.gate.shut = shut
            before = len(self.gate.admissions)
            for _ in range(50):
                gone = self.talker()
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                gone.close()
            client = await self.client()
            await self.greeted(client)
            if shut is None:
                await self.leave(client)
            self.assertGreater(len(self.gate.admissions), before)
        await self.until(lambda: not len(self.world.sessions))
        self.assertEqual((self.gate.present, self.world.journal.named("bug")), ([], []))

    async def test_a_bug_costs_its_connection_alone(self) -> None:
        """A bug while a session is made is told, answered 421 and counted as left; the next client is served."""
        sound = self.world.settings
        self.world.settings = None  # type: ignore[assignment]
        client = await self.client()
        await self.ended(client)
        self.assertEqual((client.codes, self.gate.departures), ([421], [("id1", 0)]))
        self.assertEqual([told["where"] for told in self.world.journal.named("bug")], ["doorway"])
        self.world.settings = sound
        client = await self.client()
        await self.greeted(client)
        await self.leave(client)

    async def test_no_room(self) -> None:
        """A client for which there is no descriptor is told that we are too busy."""
        ours, theirs = socket.socketpair()
        self.door.no_room(ours)
        self.assertEqual(theirs.recv(100), b"421 4.3.2 Too busy, try again\r\n")
        theirs.close()


class FamilyTests(DoorwayCase):
    """IPv6."""

    families = ("::1",)

    async def test_ipv6(self) -> None:
        """A client over IPv6 is known by its address and its /64."""
        client = await self.client()
        await self.greeted(client)
        self.assertEqual([(one.address, len(one.source)) for one, _ in self.gate.admissions], [("::1", 8)])
        session: Any = self.world.sessions.everyone()[0]
        self.assertEqual(session.transport.getPeer().host, "::1")
        await self.leave(client)


class BalancerTests(DoorwayCase):
    """Connections that a declared balancer passes on."""

    def setUp(self) -> None:
        super().setUp()
        self.world.balancer = lambda address: address == "127.0.0.1"

    async def admitted(self, octets: bytes, pieces: int = 0) -> str:
        """Connect as the balancer with a header, in pieces; give the address that the gate judged."""
        before = len(self.gate.admissions)
        client = await self.client()
        for start in range(0, len(octets), pieces or len(octets)):
            client.say(octets[start : start + (pieces or len(octets))])
            await deferLater(reactor, 0.001, lambda: None)
        await self.until(lambda: 220 in client.codes)
        await self.leave(client)
        (judged,) = self.gate.admissions[before:]
        return judged[0].address

    async def test_the_announced_client_is_judged(self) -> None:
        """Both versions tell whose the connection is; the gate judges that one and nobody else."""
        self.assertEqual(await self.admitted(LINE), "192.0.2.9")
        self.assertEqual(await self.admitted(binary(0x21, 0x11, FOUR + b"\x04\0\x02xx")), "192.0.2.9")
        self.assertEqual(await self.admitted(binary(0x21, 0x21, SIX)), "2001:db8::7")

    async def test_a_mapped_address_is_ipv4(self) -> None:
        """A balancer that listens on IPv6 for both announces IPv4 clients as mapped addresses."""
        mapped = b"PROXY TCP6 ::ffff:192.0.2.9 ::ffff:198.51.100.1 4711 25\r\n"
        self.assertEqual(await self.admitted(mapped), "192.0.2.9")

    async def test_health_checks(self) -> None:
        """LOCAL and UNKNOWN are the balancer itself, and it is served."""
        self.assertEqual(await self.admitted(binary(0x20, 0, b"")), "127.0.0.1")
        self.assertEqual(await self.admitted(UNKNOWN), "127.0.0.1")

    async def test_pieces(self) -> None:
        """A header is read however it is cut."""
        for header in (LINE, binary(0x21, 0x21, SIX)):
            for pieces in (1, 7, len(header) - 1):
                self.assertIn(await self.admitted(header, pieces), ("192.0.2.9", "2001:db8::7"))

    async def test_what_stands_behind_the_header(self) -> None:
        """Octets in the header's segment are the client's, and the first that the session reads."""
        for header in (LINE, binary(0x21, 0x11, FOUR)):
            client = await self.client(header + OPENING + b"QUIT\r\n")
            await self.ended(client)
            self.assertEqual(client.codes, [220, 250, 250, 250, 221])
        self.assertEqual([received for _id, received in self.gate.departures], [len(OPENING) + 6] * 2)

    async def test_the_client_is_told_in_the_journal_and_the_trace_line(self) -> None:
        """From then on the client's address and port are those that were announced."""
        client = await self.client(LINE + OPENING + b"BDAT 5 LAST\r\nhelloQUIT\r\n")
        await self.until(lambda: client.lost and self.world.ended())
        (told,) = self.world.journal.named("session")
        self.assertEqual((told["peer"], told["port"]), ("192.0.2.9", 4711))
        self.assertIn(b"[192.0.2.9]", self.world.taken[0][1])

    async def test_no_greeting_before_the_header(self) -> None:
        """Until the header is there nothing is said and nobody is judged."""
        client = await self.client(LINE[:-1])
        await self.until(lambda: len(self.door) == 1)
        self.assertEqual((client.octets, self.gate.admissions), (b"", []))
        client.say(LINE[-1:])
        await self.greeted(client)
        await self.leave(client)

    async def test_an_announced_client_may_be_refused(self) -> None:
        """The gate's refusal goes to the client through the balancer."""
        self.gate.shut = Refusal(OVERLOADED, "a ban", "lists")
        for first, rest in ((LINE, b""), (LINE[:9], LINE[9:])):
            client = await self.client(first)
            if rest:
                await self.until(lambda: len(self.door))
                client.say(rest)
            await self.ended(client)
            self.assertEqual(client.codes, [421])

    async def test_no_header(self) -> None:
        """What is no header is closed without a word and told; a knock without one is no news."""
        for octets in (b"EHLO client.test\r\n", b"PROXY TCP4 nonsense\r\n", b"P"):
            client = await self.client(octets)
            if octets == b"P":
                await self.until(lambda: len(self.door))
                client.transport.loseWriteConnection()
            await self.ended(client)
            self.assertEqual(client.octets, b"")
        knock = await self.client()
        knock.transport.loseConnection()
        await self.until(lambda: knock.lost and not len(self.door))
        told = [(one["reason"], one["evidence"]) for one in self.world.journal.named("proxy_refused")]
        reasons = ["no PROXY header", "a malformed header line", "closed within its header"]
        evidence = [b"EHLO client.test\r\n", b"PROXY TCP4 nonsense\r\n", b"P"]
        self.assertEqual(told, list(zip(reasons, evidence, strict=True)))
        self.assertEqual(self.gate.admissions, [])

    async def test_a_header_that_drips(self) -> None:
        """A header that does not come whole in its time is closed, however it drips."""
        self.patch(proxy_wait, "HEADER_SECONDS", 0.2)
        client = await self.client()
        dripping = iter(b"PROXY UNKNOWN " + b"x" * 80)
        while not client.lost:
            client.say(bytes((next(dripping),)))
            await deferLater(reactor, 0.02, lambda: None)
        (told,) = self.world.journal.named("proxy_refused")
        self.assertEqual((told["reason"], client.octets), ("no whole header within 0.2 s", b""))

    async def test_headers_that_are_waited_for_are_bounded(self) -> None:
        """Beyond a declared number a connection without its header is closed at once; one with it is served."""
        self.patch(doorway, "MOST_WAITING", 2)
        waiting = [await self.client() for _ in range(2)]
        await self.until(lambda: len(self.door) == 2)
        third = await self.client()
        await self.ended(third)
        self.assertEqual(len(self.door), 2)
        self.talker().sendall(LINE)
        await self.until(lambda: self.gate.admissions)
        await self.listeners.stop()
        await self.until(lambda: all(one.lost for one in waiting))

    async def test_a_bug_behind_a_header_that_was_waited_for(self) -> None:
        """It is told and answered 421, as without a wait."""
        self.world.settings = None  # type: ignore[assignment]
        client = await self.client(LINE[:5])
        await self.until(lambda: len(self.door))
        client.say(LINE[5:])
        await self.ended(client)
        self.assertEqual((client.codes, self.gate.departures), ([421], [("id1", 0)]))


class StrangerTests(DoorwayCase):
    """Headers of those who are no balancers."""

    async def test_a_header_from_a_stranger(self) -> None:
        """It is not believed: to the session it is an unlawful command, the client is who it was."""
        self.world.balancer = lambda address: False
        client = await self.client(LINE)
        await self.until(lambda: len(client.codes) == 2)
        self.assertEqual((client.codes, self.gate.admissions[0][0].address), ([220, 500], "127.0.0.1"))
        await self.leave(client)
        client = await self.client(binary(0x21, 0x11, FOUR))
        await self.until(lambda: client.lost or 500 in client.codes)
        if not client.lost:
            await self.leave(client)
        self.assertEqual({one.address for one, _ in self.gate.admissions}, {"127.0.0.1"})
        self.assertTrue(self.gate.violations)


class FarewellTests(DoorwayCase):
    """The last reply."""

    async def test_what_comes_after_the_last_reply(self) -> None:
        """A client that goes on talking when its session has ended can read our last reply all the same."""
        self.gate.broken = Refusal(TOO_MANY_ERRORS, "a violation", "analysis")
        talker = self.talker()
        talker.sendall(b"FOO\r\n" * 40_000)
        await self.until(self.world.ended)
        read = b""
        while b"421" not in read:
            read += talker.recv(1000)
        self.assertIn(b"421 4.7.0", read)

    async def test_no_fin_is_owed(self) -> None:
        """After QUIT the connection ends with the reply, within the same turn."""
        client = await self.client()
        await self.greeted(client)
        session: Any = self.world.sessions.everyone()[0]
        session.dataReceived(b"QUIT\r\n")
        self.assertEqual((self.world.ended(), session.transport.connected), (["quit"], 0))
        await self.ended(client)
        self.assertEqual(client.codes, [220, 221])
