"""A notice's whole way over real sockets: decided, composed, spooled, and taken by a server on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from email import message_from_bytes
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import TestCase

from shieldrelay.delivery.notice_budget import NoticeAllowance, NoticeBudget
from shieldrelay.delivery.notice_queue import NoticeQueue
from shieldrelay.delivery.notice_route import SmartHostRoute
from shieldrelay.delivery.notices import Notices
from shieldrelay.delivery.schedule import Schedule
from shieldrelay.delivery.standing import EveryoneStanding
from shieldrelay.ports import NextHop
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.name import NOTICES
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.nexthop import ScriptedNextHop
from shieldrelay.testing.threads import ImmediateThreads
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.outbound import PooledNextHop
from shieldrelay.wire.outbound_settings import OutboundSettings
from tests.delivery.notice_samples import CONTENT, EPOCH, a_message, failures

THE_REACTOR: Any = reactor


class AddressResolver:
    """Knows that an address is its own."""

    def addresses(self, host: str) -> Deferred[Sequence[str]]:
        return succeed([host])

    def mail_exchangers(self, domain: str) -> Deferred[Sequence[str]]:
        raise AssertionError("a smart host needs no MX")


class LiveTests(TestCase):
    """From `Notices.tell` to a server."""

    def setUp(self) -> None:
        self.journal = ListJournal()
        self.server = ScriptedNextHop(THE_REACTOR)
        self.server.up()
        self.addCleanup(self.server.down)
        self.spool = Spool(
            self.mktemp(), "node", threads=ImmediateThreads(), journal=self.journal, wall_clock=lambda: EPOCH
        )
        self.spool.open()
        self.addCleanup(self.spool.close)
        self.deadlines = Deadlines(THE_REACTOR, self.journal)
        self.deadlines.start()
        self.addCleanup(self.deadlines.stop)

    def next_hop(self, host: str, port: int) -> NextHop:
        """Make a next hop as the assembly does."""
        return PooledNextHop(
            THE_REACTOR,
            host,
            port,
            resolver=AddressResolver(),
            settings=OutboundSettings("mx1.shield.example"),
            deadlines=self.deadlines,
            journal=self.journal,
        )

    async def test_arrives(self) -> None:
        """The smart host gets the notice from the null reverse-path for the sender, whole, and the spool is empty."""
        await self.spool.prepare(NOTICES)
        notices = Notices(
            hostname="mx1.shield.example",
            spool=self.spool,
            standing=EveryoneStanding(),
            budget=NoticeBudget(NoticeAllowance(), 0.0),
            journal=self.journal,
            clock=THE_REACTOR,
            wall=lambda: EPOCH,
            new_id=lambda: "N1",
            stored=lambda: queue.look(),
        )
        queue = NoticeQueue(
            spool=self.spool,
            route=SmartHostRoute("127.0.0.1", self.server.port),
            reconsider=notices.reconsider,
            next_hop=self.next_hop,
            schedule=Schedule(),
            lifetime=1000.0,
            journal=self.journal,
            clock=THE_REACTOR,
            wall=lambda: EPOCH,
            rnd=lambda: 0.5,
        )
        queue.start()
        message = a_message()
        await notices.tell(message, failures(message), CONTENT)
        await self.server.until(lambda: len(self.server.messages) == 1)
        while self.journal.named("notice") == []:
            await self._turn()
        await queue.stop()
        (stored,) = self.server.messages
        self.assertEqual(self.server.violations, [])
        self.assertEqual(message_from_bytes(stored.content).get_content_type(), "multipart/report")
        self.assertEqual((stored.reverse_path, stored.recipients), (b"", (b"carol@elsewhere.example",)))
        self.assertEqual((await self.spool.window(NOTICES, 10)).entries, ())

    def _turn(self) -> Deferred[None]:
        """Wait for the reactor's next turn."""
        turn: Deferred[None] = Deferred()
        THE_REACTOR.callLater(0, turn.callback, None)
        return turn
