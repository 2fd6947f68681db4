"""Claims about outbreaks, floods and restarts, held by a whole node."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from shieldrelay.cluster.snapshot_file import FILE_NAME
from tests.attackers import guessing
from tests.attackers.flood import held
from tests.attackers.guessing import Ending, Session, Told
from tests.attackers.node import WarpedNode
from tests.attackers.outbreak import Outbreak

reactor: Any = the_reactor
ATTACKER = "127.1.0.1"


class OutbreakTests(TestCase):
    """Lawful mail, too much of it."""

    timeout = 60

    async def test_the_customer_sees_his_pace_and_friends_come_first(self) -> None:
        """The customer sees no more than his pace, known-good mail is out within a minute, all else later (R4)."""
        outcome = await Outbreak(reactor, sources=150, a_second=10, pace=120).run()
        self.assertEqual((outcome.taken, outcome.lost), (150, 0))
        self.assertLessEqual(outcome.minute, 122)
        self.assertGreater(outcome.kept, 20)
        self.assertGreater(len(outcome.friendly), 5)
        self.assertLess(max(outcome.friendly), 60.0)


class FloodTests(TestCase):
    """Connections, too many of them."""

    timeout = 60

    async def test_one_source_does_not_take_the_slots(self) -> None:
        """One source holds as many sessions as its limit, and others come in as ever."""
        node = WarpedNode(reactor)
        await node.start()
        try:
            greeted, friend = await deferToThread(held, node.address, [ATTACKER] * 60, "127.3.0.1", node.passing)
            self.assertEqual(greeted, 10)
            self.assertEqual(friend.sent, 250)
        finally:
            await node.close()

    async def test_known_good_sources_come_in_when_strangers_hold_all_slots(self) -> None:
        """A tenth of the slots is kept for known-good sources, whoever floods (R19)."""
        node = WarpedNode(reactor, more="[smtp]\nmax_sessions = 100\n")
        await node.start()
        try:
            for number in range(25):
                await node.rest(4 * 3600.0)
                await self._play(node, _mail("127.9.9.9", number))
            crowd = [f"127.5.{number}.1" for number in range(150)]
            greeted, friend = await deferToThread(held, node.address, crowd, "127.9.9.9", node.passing)
            self.assertEqual(friend.sent, 250)
            self.assertLessEqual(greeted, 90)
            greeted, stranger = await deferToThread(held, node.address, crowd, "127.3.0.1", node.passing)
            self.assertEqual(stranger.greeting, 421)
        finally:
            await node.close()

    async def _play(self, node: WarpedNode, session: Session) -> Told:
        told: Told = await deferToThread(guessing.play, node.address, session, node.passing)
        return told


class RestartTests(TestCase):
    """What is remembered over a stop (R31)."""

    timeout = 60

    async def test_a_cut_source_is_cut_after_a_stop(self) -> None:
        """A source that was cut gets no truth after a stop and a start."""
        node = WarpedNode(reactor)
        await node.start()
        try:
            await _cut(node)
            await node.stop()
            await node.start()
            self.assertEqual(await _asks(node), (450,))
        finally:
            await node.close()

    async def test_a_cut_source_is_cut_after_a_kill(self) -> None:
        """The same when the node was killed, as soon as a minute's snapshot was written; what came later is lost."""
        node = WarpedNode(reactor)
        await node.start()
        try:
            await _cut(node)
            await node.rest(61.0)
            await self._written(node)
            await _cut(node, "127.1.0.2")
            after = WarpedNode(reactor, former=node)
        finally:
            await node.close()
        await after.start()
        try:
            self.assertEqual(await _asks(after), (450,))
            self.assertEqual(await _asks(after, "127.1.0.2"), (250,))
        finally:
            await after.close()

    async def _written(self, node: WarpedNode) -> None:
        """Wait until the snapshot is on the disk."""
        while not (node.directory / "state" / "shield" / FILE_NAME).exists():
            await node.rest(0.1)


async def _cut(node: WarpedNode, source: str = ATTACKER) -> None:
    """Have a source cut."""
    names = tuple(b"ghost-%b-%d" % (source.encode(), number) for number in range(4))
    told = await deferToThread(guessing.play, node.address, Session(source, names), node.passing)
    assert 450 in told.codes, told


async def _asks(node: WarpedNode, source: str = ATTACKER) -> tuple[int, ...]:
    """Give the codes that a source hears for a recipient that exists."""
    told: Told = await deferToThread(guessing.play, node.address, Session(source, (b"user7",)), node.passing)
    return told.codes


def _mail(source: str, number: int) -> Session:
    body = b"Subject: mail %d\r\n\r\nSome words.\r\n" % number
    return Session(source, (b"user7",), ending=Ending.MESSAGE, body=body)
