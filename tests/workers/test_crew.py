"""The crew of workers: who is started when, who leads, and how it ends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.workers.crew import HUNG_SECONDS
from shieldrelay.workers.link import ALIVE_SECONDS
from shieldrelay.workers.restarts import LOOPING, MOST_SECONDS, SOUND_SECONDS, Restarts
from tests.workers.crew_fixture import MadeUpCrew


class StartTests(SynchronousTestCase):
    """The first start."""

    def test_the_first_starts_alone(self) -> None:
        """The others come when the first listens: what is made once in the state directory is there then."""
        made = MadeUpCrew(3)
        made.crew.start()
        self.assertEqual([one.number for one in made.processes], [1])
        made.running(1).up()
        self.assertEqual([one.number for one in made.processes], [1, 2, 3])
        self.assertEqual(made.numbers_up(), [1])

    def test_a_first_worker_that_cannot_start_ends_the_node(self) -> None:
        """Its status is the node's, and no other worker is tried."""
        made = MadeUpCrew(3)
        made.crew.start()
        made.running(1).end(78)
        made.clock.advance(1000)
        self.assertEqual((made.hopeless, len(made.processes)), ([78], 1))

    def test_a_second_worker_that_cannot_start_is_tried_again(self) -> None:
        """Once the node listens, a worker's end is no reason to end the node."""
        made = MadeUpCrew(2)
        made.crew.start()
        made.running(1).up()
        made.running(2).end(69)
        made.clock.advance(0.5)
        made.running(2).up()
        self.assertEqual((made.hopeless, made.numbers_up()), ([], [1, 2]))

    def test_a_process_that_cannot_be_made(self) -> None:
        """When the system refuses another process, it is told and tried again."""
        made = MadeUpCrew(2)
        made.crew.start()
        made.broken = True
        made.running(1).up()
        self.assertIn("Resource temporarily unavailable", str(made.journal.named("worker_ended")))
        made.broken = False
        made.clock.advance(0.5)
        self.assertEqual(made.running(2).number, 2)


class LeaderTests(SynchronousTestCase):
    """One worker fetches lists."""

    def test_the_first_leads(self) -> None:
        """It is told so, and nobody else is."""
        made = MadeUpCrew(3)
        made.all_up()
        self.assertEqual([one.told for one in made.processes], [[{"lead": True}], [], []])

    def test_the_next_takes_over(self) -> None:
        """When the leader ends, the lowest that listens leads, and goes on when the first is back."""
        made = MadeUpCrew(3)
        made.all_up()
        made.running(1).end(signal=9)
        self.assertEqual((made.numbers_up(), made.running(2).told), ([2, 3], [{"lead": True}]))
        made.clock.advance(0.5)
        made.running(1).up()
        self.assertEqual((made.numbers_up(), made.running(1).told), ([2, 1, 3], []))

    def test_nobody_left_to_lead(self) -> None:
        """When all have ended, the first that listens again leads."""
        made = MadeUpCrew(2)
        made.all_up()
        made.running(1).end(1)
        made.running(2).end(1)
        self.assertIsNone(made.crew.leader)
        made.clock.advance(0.5)
        made.running(2).up()
        self.assertEqual(made.running(2).told, [{"lead": True}])


class RestartTests(SynchronousTestCase):
    """Workers that end."""

    def test_ever_later(self) -> None:
        """What ends soon again and again is started ever later, up to a minute; one sound life makes it all good."""
        restarts = Restarts()
        waits = [restarts.ended(0.1) for _ in range(12)]
        self.assertEqual(waits[:4], [0.5, 1.0, 2.0, 4.0])
        self.assertEqual(waits[-1], MOST_SECONDS)
        self.assertTrue(restarts.looping)
        self.assertEqual((restarts.ended(SOUND_SECONDS), restarts.looping), (0.5, False))

    def test_a_crash_loop_is_an_alarm(self) -> None:
        """It is raised once, and over when the worker has run for a minute; the others are left alone."""
        made = MadeUpCrew(2)
        made.all_up()
        for _ in range(LOOPING + 2):
            made.running(2).end(signal=11)
            made.clock.advance(MOST_SECONDS)
        (alarm,) = made.journal.named("alarm")
        self.assertEqual((alarm["alarm"], "worker 2" in str(alarm["reason"])), ("worker", True))
        made.running(2).up()
        self.assertEqual(made.journal.named("alarm_over"), [])
        made.clock.advance(SOUND_SECONDS)
        self.assertEqual(len(made.journal.named("alarm_over")), 1)
        self.assertEqual(len([one for one in made.processes if one.number == 1]), 1)

    def test_ends_are_told(self) -> None:
        """The journal has the worker, its process and why it ended."""
        made = MadeUpCrew(2)
        made.all_up()
        made.clock.advance(7)
        made.running(2).end(signal=9)
        (told,) = made.journal.named("worker_ended")
        self.assertEqual(
            {key: told[key] for key in ("worker", "pid", "reason", "seconds", "again")},
            {"worker": 2, "pid": 101, "reason": "signal 9", "seconds": 7.0, "again": 0.5},
        )


class HangTests(SynchronousTestCase):
    """A worker that says nothing any more."""

    def test_who_hangs_is_killed_and_started_again(self) -> None:
        """After a minute without a word one is killed, with an alarm that ends when its next life is sound."""
        made = MadeUpCrew(2)
        made.all_up()
        silent = made.running(2)
        for _ in range(8):
            made.clock.advance(ALIVE_SECONDS)
            made.running(1).alive()
        self.assertEqual((made.running(1).signals, silent.signals), ([], ["KILL"]))
        self.assertIn("worker 2 hangs", made.journal.named("alarm")[0]["reason"])
        silent.end(0, signal=9)
        made.clock.advance(1.0)
        made.running(2).up()
        for _ in range(7):
            made.clock.advance(ALIVE_SECONDS)
            for number in (1, 2):
                made.running(number).alive()
        self.assertEqual(len(made.journal.named("alarm_over")), 1)

    def test_a_parent_that_stood_still_itself_kills_nobody(self) -> None:
        """What a parent that was stopped did not hear is not held against its workers."""
        made = MadeUpCrew(2)
        made.all_up()
        made.clock.advance(10 * HUNG_SECONDS)
        made.clock.advance(ALIVE_SECONDS)
        self.assertEqual([made.running(number).signals for number in (1, 2)], [[], []])


class StopTests(SynchronousTestCase):
    """The end."""

    def test_in_good_order(self) -> None:
        """All are asked to end, nobody is started again, and it is over when the last is gone."""
        made = MadeUpCrew(2)
        made.all_up()
        first, second = made.running(1), made.running(2)
        over = made.crew.stop(30)
        self.assertEqual((first.signals, second.signals), (["TERM"], ["TERM"]))
        first.end(0)
        self.assertNoResult(over)
        second.end(0)
        self.successResultOf(over)
        self.assertEqual((len(made.processes), made.clock.getDelayedCalls()), (2, []))

    def test_who_does_not_end_is_killed(self) -> None:
        """After the declared time."""
        made = MadeUpCrew(2)
        made.all_up()
        hung, gone = made.running(1), made.running(2)
        over = made.crew.stop(30)
        gone.end(0)
        made.clock.advance(30)
        self.assertEqual((hung.signals, gone.signals), (["TERM", "KILL"], ["TERM"]))
        hung.end(signal=9)
        self.successResultOf(over)

    def test_while_one_waits_for_its_restart(self) -> None:
        """What is not there does not hold up the end, and is not started any more."""
        made = MadeUpCrew(2)
        made.all_up()
        made.running(2).end(1)
        last = made.running(1)
        over = made.crew.stop(30)
        last.end(0)
        self.successResultOf(over)
        made.clock.advance(1000)
        self.assertEqual(len(made.processes), 2)

    def test_during_the_first_start(self) -> None:
        """A stop before the first listens is no start that failed."""
        made = MadeUpCrew(2)
        made.crew.start()
        first = made.running(1)
        over = made.crew.stop(30)
        first.end(0)
        self.successResultOf(over)
        self.assertEqual((made.hopeless, len(made.processes)), ([], 1))
