"""Threads for blocking work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from shieldrelay.wire.threads import Threads, ThreadsStopped

reactor: Any = the_reactor


class ThreadsTests(TestCase):
    """`Threads` with the real reactor."""

    def setUp(self) -> None:
        """Make four threads."""
        self.threads = Threads(reactor, "test", 4)
        self.addCleanup(self.threads.stop)

    async def test_results_come_back_in_the_reactors_thread(self) -> None:
        """The call runs elsewhere, its result fires here."""
        threads: list[threading.Thread] = []

        def fired(thread: threading.Thread) -> None:
            threads.extend((thread, threading.current_thread()))

        await self.threads.run(threading.current_thread).addCallback(fired)
        self.assertTrue(threads[0].name.startswith("test-"))
        self.assertIs(threads[1], threading.current_thread())

    async def test_what_a_call_raises_fails_it(self) -> None:
        """And the thread goes on."""
        for _ in range(10):
            await self.assertFailure(self.threads.run(int, "x"), ValueError)
        self.assertEqual(await self.threads.run(int, "7"), 7)

    async def test_calls_run_side_by_side(self) -> None:
        """As many as there are threads: four that wait for each other get through."""
        barrier = threading.Barrier(4)
        await gatherResults([self.threads.run(barrier.wait, 30) for _ in range(4)])

    async def test_every_result_is_delivered(self) -> None:
        """Thousands of calls from many turns: each fires once, with its own result."""
        results = await gatherResults([self.threads.run(lambda n=n: n) for n in range(5000)])
        self.assertEqual(results, list(range(5000)))

    async def test_stop_finishes_what_was_given(self) -> None:
        """Calls given before are done, calls given after are refused, and no thread is left."""
        done: list[int] = []
        for number in range(100):
            self.threads.run(done.append, number)
        await self.threads.stop()
        self.assertEqual(sorted(done), list(range(100)))
        await self.assertFailure(self.threads.run(int, "1"), ThreadsStopped)
        self.assertFalse([thread for thread in threading.enumerate() if thread.name.startswith("test-")])

    async def test_stop_before_any_call(self) -> None:
        """Nothing was started, nothing is waited for."""
        await self.threads.stop()
        await self.threads.stop()

    async def test_a_cancelled_result_is_dropped(self) -> None:
        """The call runs to its end; nobody hears of it."""
        gate, done = threading.Event(), threading.Event()

        def work() -> None:
            gate.wait(30)
            done.set()

        result = self.threads.run(work)
        result.cancel()
        gate.set()
        await self.threads.stop()
        self.assertTrue(done.is_set())
        self.failureResultOf(result)


class SlowWaker:
    """A reactor that comes when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []

    def callFromThread(self, callable: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """Keep it for later."""
        self.calls.append(lambda: callable(*args, **kw))

    def turn(self) -> None:
        """Do what was asked for."""
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class BatchTests(SynchronousTestCase):
    """Wake-ups are shared."""

    def test_one_wake_up_hands_over_all_results(self) -> None:
        """While the reactor is on its way, further results do not wake it again."""
        waker = SlowWaker()
        threads = Threads(waker, "batch", 1)
        results: list[Deferred[int]] = [threads.run(int, number) for number in range(50)]
        stopped = threads.stop()
        for thread in threads._threads:
            thread.join(30)
        self.assertEqual(len(waker.calls), 2)  # the results, and the end of the thread
        waker.turn()
        self.assertEqual([self.successResultOf(result) for result in results], list(range(50)))
        self.successResultOf(stopped)
