"""A node takes over what lost members left, and begins anew when somebody took its own part (R15)."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.takeover_absences import Absences
from shieldrelay.assembly.takeover_terms import former_worker
from shieldrelay.config.setting import changed
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.faults import NotAdoptable, SpoolInUse
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.operations import FileOperations
from tests.assembly.node_case import NodeCase
from tests.spool.samples import a_content, a_message, a_spool, done

PARTS = ("mx2", "mx3")
LOST = "mx2.test"


class AbsenceTests(SynchronousTestCase):
    """Who has been gone for long enough."""

    def setUp(self) -> None:
        self.absences = Absences(300.0)

    def watch(self, seconds: range, present: Collection[str] | None) -> list[str]:
        """Look every five seconds; give what the last look said."""
        due: list[str] = []
        for now in seconds[::5]:
            due = self.absences.look(PARTS, present, float(now))
        return due

    def test_a_member_is_lost_after_its_time(self) -> None:
        """Not before, and only the one that is gone."""
        self.assertEqual(self.watch(range(300), {"mx3"}), [])
        self.assertEqual(self.watch(range(300, 305), {"mx3"}), ["mx2"])

    def test_one_that_comes_back_is_gone_anew(self) -> None:
        """Its time does not add up."""
        self.watch(range(290), {"mx3"})
        self.watch(range(290, 295), set(PARTS))
        self.assertEqual(self.watch(range(295, 590), {"mx3"}), [])
        self.assertEqual(self.watch(range(590, 600), {"mx3"}), ["mx2"])

    def test_without_the_hub_nobody_is_lost(self) -> None:
        """However long it takes; and when the hub is back, everybody has the whole time to show up."""
        self.watch(range(290), {"mx3"})
        self.assertEqual(self.watch(range(290, 9000), None), [])
        self.assertEqual(self.watch(range(9000, 9300), {"mx3"}), [])
        self.assertEqual(self.watch(range(9300, 9305), {"mx3"}), ["mx2"])

    def test_who_did_not_look_knows_nothing(self) -> None:
        """A node that stood still itself begins to wait anew."""
        self.watch(range(100), set())
        self.assertEqual(self.watch(range(5000, 5005), set()), [])


class FormerWorkerTests(NodeCase):
    """Whose parts a node's first process takes over at once."""

    def former(self, worker: int, workers: int) -> list[str]:
        """Give those of some parts that are former workers' for this process."""
        configuration = self.build().house.configuration
        self.node.house.spool.close()
        self.node.house.journal.close()
        configuration = changed(configuration, worker=worker, workers=workers)
        names = ["relay.test.2", "relay.test.3", "relay.test.12", "relay.test.x", "relay.test", "other.test.3"]
        return [name for name in (*names, "relaytest.3") if former_worker(configuration)(name)]

    def test_numbers_beyond_the_last(self) -> None:
        """Those of its own name with a number that no worker has now; other workers take none."""
        self.assertEqual(self.former(1, 2), ["relay.test.3", "relay.test.12"])
        self.assertEqual(self.former(0, 1), ["relay.test.2", "relay.test.3", "relay.test.12"])
        self.assertEqual(self.former(2, 2), [])


class NoLocks(FileOperations):
    """A disk whose locks do not reach other members."""

    def lock(self, file: int) -> bool:
        """Let everybody have it."""
        return True


class TakeoverTests(NodeCase):
    """A whole node."""

    def lost(self, *ids: str, member: str = LOST) -> Spool:
        """Leave mail of another member in the spool; give its spool, which is closed."""
        spool = a_spool(FileOperations(), str(self.directory / "spool"), member=member)
        spool.open()
        done(spool.prepare("example.test"))
        for id in ids:
            message = a_message(id, domain="example.test", arrived=self.wall())
            done(spool.store(message, MemoryContent((a_content(id),)), due=self.wall()))
        spool.close()
        return spool

    def wall(self) -> float:
        """Give the time that nodes go by."""
        return time.time()

    @property
    def takeover(self) -> Any:
        """The node's."""
        return self.node._takeover

    async def test_a_part_is_adopted_and_delivered(self) -> None:
        """At an operator's word: every message comes to the customer's server, once."""
        await self.start()
        self.lost("M1", "M2", "M3")
        self.assertEqual([(one.member, one.locked) for one in await self.takeover.parts()], [(LOST, False)])
        adopted = await self.takeover.adopt(LOST)
        self.assertEqual((adopted.messages, adopted.aside), (3, 0))
        await self.until(lambda: len(self.hop.messages) == 3 and not self.spooled())
        self.assertFalse((self.directory / "spool" / LOST).exists())
        self.assertEqual(self.has_bugs(), [])

    async def test_a_part_that_lives_is_refused(self) -> None:
        """Its lock says so; and one that is not there cannot be adopted."""
        await self.start()
        spool = self.lost("M1")
        spool.open()
        await self.assertFailure(Deferred.fromCoroutine(self.takeover.adopt(LOST)), SpoolInUse)
        await self.assertFailure(Deferred.fromCoroutine(self.takeover.adopt("mx9")), NotAdoptable)
        self.assertEqual(self.hop.messages, [])
        spool.close()

    async def test_former_workers_are_adopted_at_the_start(self) -> None:
        """A node that has fewer processes than before delivers what the others left."""
        self.lost("M1", member="relay.test.3")
        self.lost("M2", member=LOST)
        await self.start()
        await self.until(lambda: len(self.hop.messages) == 1)
        await self.until(lambda: self.journal("alarm") and self.journal("adopted"))
        self.assertEqual([line["alarm"] for line in self.journal("alarm")], ["lost part"])
        self.assertEqual(self.journal("adopted")[0]["member"], "relay.test.3")
        self.assertTrue((self.directory / "spool" / LOST).exists())

    async def test_a_node_whose_part_was_taken_begins_anew(self) -> None:
        """It refuses content until it has a new part, and then goes on; what was taken is not delivered by it."""
        await self.hop.down()
        await self.start()
        code, text = await self.send()
        self.assertEqual((code, self.spooled()), (250, 1), text)
        other = a_spool(NoLocks(), str(self.directory / "spool"), member=LOST)
        other.open()
        done(other.prepare("example.test"))
        done(other.adoption.claim("relay.test"))
        await self.until(lambda: self.journal("spool_begun_anew"))
        self.assertEqual(len(self.journal("spool_taken_over")), 1)
        await self.until(lambda: self.node.house.capacity.full() is None)
        code, text = await self.send()
        self.assertEqual(code, 250, text)
        self.assertEqual(self.node.house.ways["example.test"].queue.window.total, 1)
        self.hop.up()
        await self.steering.flush("example.test")
        await self.until(lambda: len(self.hop.messages) == 1)
        await self.until(lambda: not self.node.house.ways["example.test"].queue.window.total)
        self.assertEqual(len(list(self.directory.glob("spool/*/_adopted/*/example.test/new/*"))), 1)
        self.assertEqual(self.has_bugs(), [])
