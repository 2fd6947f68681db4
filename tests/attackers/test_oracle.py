"""Claims about what answers tell by their words, once a source or a domain is suspect (D8)."""

from __future__ import annotations

import random
import statistics
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.attackers import guessing
from tests.attackers.guessing import Session, Told
from tests.attackers.node import WarpedNode
from tests.attackers.oracle import Times

reactor: Any = the_reactor
GHOSTS = tuple(b"ghost%d" % number for number in range(12))
USERS = tuple(b"user%d" % number for number in range(12))


class WordsTests(TestCase):
    """What is said over sockets."""

    timeout = 60

    async def _told(self, node: WarpedNode, source: str, names: tuple[bytes, ...], *, pipelined: bool = False) -> Told:
        session = Session(source, names, pipelined=pipelined)
        told: Told = await deferToThread(guessing.play, node.address, session, node.passing)
        return told

    async def test_a_cut_source_hears_the_same_of_both(self) -> None:
        """After the cut those who exist and those who do not get the same words, to the last refusal at connect."""
        node = WarpedNode(reactor)
        await node.start()
        try:
            heard = []
            for number, names in enumerate((GHOSTS, USERS)):
                source = f"127.1.{number}.1"
                for name in (b"cut-a", b"cut-b"):
                    await self._told(node, source, (name,))
                told = [await self._told(node, source, names, pipelined=True) for _ in range(4)]
                heard.append([(one.greeting, one.codes, one.words) for one in told])
            self.assertEqual(*heard)
            self.assertEqual(heard[0][0][1][:4], (450, 450, 450, 421))
            self.assertEqual(heard[0][-1][0], 421)
        finally:
            await node.close()

    async def test_a_shielded_domain_says_the_same_of_both(self) -> None:
        """Under the shield a stranger's first ask gets the same words, whoever he asks for."""
        node = WarpedNode(reactor)
        await node.start()
        try:
            for number, name in enumerate(GHOSTS):
                await self._told(node, f"127.2.{number}.1", (name,))
            heard = set()
            for number, name in enumerate((*USERS, *(b"none-" + name for name in GHOSTS))):
                told = await self._told(node, f"127.3.{number}.1", (name,))
                heard.add((told.codes, told.words))
            self.assertEqual(len(heard), 1, heard)
            self.assertEqual(heard.pop()[0], (450,))
        finally:
            await node.close()


class TimesTests(SynchronousTestCase):
    """The statistic itself."""

    def test_a_difference_is_found(self) -> None:
        """A difference of half a standard deviation is found in a thousand answers, and none where there is none."""
        rnd = random.Random(3)
        invalid = tuple(rnd.gauss(100.0, 10.0) for _ in range(500))
        later = tuple(rnd.gauss(105.0, 10.0) for _ in range(500))
        alike = Times(invalid[::2], invalid[1::2])
        self.assertLess(Times(later, invalid).chance(rnd), 0.01)
        self.assertGreater(alike.chance(rnd), 0.01)
        seen = statistics.median(later) - statistics.median(invalid)
        self.assertLess(abs(Times(later, invalid).difference(0.5) - seen), 0.2)
