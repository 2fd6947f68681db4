"""`Crew`: the workers of one node. Started, watched, started again, stopped; one of them leads.

The first worker starts alone: what has to be made once in the state directory is there when the others come, and a
start that cannot succeed is told once. A worker that ends is started again, ever later while it ends soon; the others
go on, and take the connections that wait. One that hangs is killed, for its sessions and its mail wait with it. Made by
`workers.service`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.ports import Journal, WallClock
from shieldrelay.workers.link import ALIVE_SECONDS
from shieldrelay.workers.process import Spawn, WorkerProcess
from shieldrelay.workers.restarts import SOUND_SECONDS, Restarts

HUNG_SECONDS = 60.0
"""Who listened and has said nothing for so long hangs."""


@define(eq=False)
class Worker:
    """One of the workers, through all its lives.

    :ivar number: from 1.
    :ivar process: the present life; ``None`` between two.
    :ivar up: whether it listens.
    :ivar began: when this life began, by the reactor's clock; ``since``: seconds since the epoch.
    :ivar starts: how many lives there were.
    :ivar heard: when it said something last, by the reactor's clock.
    :ivar hung: whether its last life was ended because it hung.
    """

    number: int
    process: WorkerProcess | None = None
    up: bool = False
    began: float = 0.0
    since: float = 0.0
    starts: int = 0
    heard: float = 0.0
    hung: bool = False
    restarts: Restarts = field(factory=Restarts)
    timer: IDelayedCall | None = None

    def cancel(self) -> None:
        """Forget what was to be done later."""
        timer, self.timer = self.timer, None
        if timer is not None and timer.active():
            timer.cancel()


class Crew:
    """The workers.

    :param count: how many.
    :param spawn: starts a process.
    :param hopeless: called with the exit status when the first worker ends before it ever listened.
    :ivar ready: fires when the first one listens.
    """

    def __init__(
        self,
        count: int,
        spawn: Spawn,
        hopeless: Callable[[int | None], object],
        *,
        reactor: Any,
        wall: WallClock,
        journal: Journal,
    ) -> None:
        self.ready: Deferred[None] = Deferred()
        self.workers = tuple(Worker(number) for number in range(1, count + 1))
        self._spawn = spawn
        self._hopeless = hopeless
        self._reactor = reactor
        self._wall = wall
        self._journal = journal
        self._complete = False
        self._stopping = False
        self._gone: Deferred[None] = Deferred()
        self._kill: IDelayedCall | None = None
        self._leader: Worker | None = None
        self._looked = 0.0
        self._watching: IDelayedCall | None = None

    # asked

    @property
    def leader(self) -> Worker | None:
        """The worker that fetches lists and feeds; ``None`` while none listens."""
        return self._leader

    def up(self) -> list[Worker]:
        """Give those that listen, the leader first."""
        return sorted((one for one in self.workers if one.up), key=lambda one: (one is not self._leader, one.number))

    # the life

    def start(self) -> None:
        """Start the first; the others follow when it listens."""
        self._start(self.workers[0])
        self._look_later()

    def tell(self, **words: object) -> None:
        """Say something to all that run."""
        for one in self.workers:
            if one.process is not None:
                one.process.tell(words)

    def stop(self, seconds: float) -> Deferred[None]:
        """End all in good order; fires when they are gone.

        :param seconds: after which those that are still there are killed.
        """
        self._stopping = True
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        for one in self.workers:
            one.cancel()
            if one.process is not None:
                one.process.signal(signal.SIGTERM)
        self._kill = self._reactor.callLater(seconds, self._kill_all)
        self._look_whether_gone()
        return self._gone

    def _start(self, one: Worker) -> None:
        one.cancel()
        one.began, one.since = self._reactor.seconds(), self._wall()
        one.starts += 1
        process = WorkerProcess(
            lambda which: self._is_up(one, which),
            lambda: self._hear(one),
            lambda which, why: self._ended(one, which, why),
        )
        try:
            process.begin(self._spawn, one.number)
        except OSError as error:
            self._again(one, None, f"it cannot be started: {error.strerror}")
            return
        one.process = process
        self._journal.event("worker_started", worker=one.number, pid=process.pid, starts=one.starts)

    def _is_up(self, one: Worker, process: WorkerProcess) -> None:
        if process is not one.process or one.up:
            return
        one.up = True
        seconds = round(self._reactor.seconds() - one.began, 3)
        if self._leader is None:
            self._lead(one)
        leads = one is self._leader
        self._journal.event("worker_up", worker=one.number, pid=process.pid, seconds=seconds, leads=leads)
        one.timer = self._reactor.callLater(SOUND_SECONDS, self._is_sound, one)
        if not self._complete:
            self._complete = True
            self.ready.callback(None)
            if not self._stopping:
                for other in self.workers[1:]:
                    self._start(other)

    def _hear(self, one: Worker) -> None:
        one.heard = self._reactor.seconds()

    def _look_later(self) -> None:
        self._looked = self._reactor.seconds()
        self._watching = self._reactor.callLater(ALIVE_SECONDS, self._look)

    def _look(self) -> None:
        """Kill who hangs; when we could not look ourselves, nobody knows what the others said meanwhile."""
        now = self._reactor.seconds()
        late = now - self._looked > 2.0 * ALIVE_SECONDS
        for one in self.workers:
            if late:
                one.heard = now
            elif one.up and one.process is not None and now - one.heard > HUNG_SECONDS:
                one.hung, one.heard = True, now
                reason = f"worker {one.number} hangs: it said nothing for {HUNG_SECONDS:g} s, and is killed"
                self._journal.event("alarm", alarm="worker", domain=None, reason=reason)
                one.process.signal(signal.SIGKILL)
        self._look_later()

    def _is_sound(self, one: Worker) -> None:
        one.timer = None
        if one.restarts.looping or one.hung:
            one.hung = False
            reason = f"worker {one.number} runs again"
            self._journal.event("alarm_over", alarm="worker", domain=None, reason=reason)
        one.restarts.sound()

    def _lead(self, one: Worker) -> None:
        self._leader = one
        if one.process is not None:
            one.process.tell({"lead": True})

    def _ended(self, one: Worker, process: WorkerProcess, why: str) -> None:
        one.cancel()
        one.process, one.up = None, False
        if one is self._leader:
            self._leader = None
            living = self.up()
            if living:
                self._lead(living[0])
        if not self._stopping and not self._complete:
            self._tell_end(one, process, why, None)
            self._hopeless(process.status)
            return
        self._again(one, process, why)

    def _again(self, one: Worker, process: WorkerProcess | None, why: str) -> None:
        """Have it started again after a while, unless all is to end."""
        if self._stopping:
            self._tell_end(one, process, why, None)
            self._look_whether_gone()
            return
        was_looping = one.restarts.looping
        wait = one.restarts.ended(self._reactor.seconds() - one.began)
        self._tell_end(one, process, why, wait)
        if one.restarts.looping and not was_looping:
            reason = f"worker {one.number} ends again and again: {why}"
            self._journal.event("alarm", alarm="worker", domain=None, reason=reason)
        one.timer = self._reactor.callLater(wait, self._start, one)

    def _tell_end(self, one: Worker, process: WorkerProcess | None, why: str, again: float | None) -> None:
        self._journal.event(
            "worker_ended",
            worker=one.number,
            pid=None if process is None else process.pid,
            status=None if process is None else process.status,
            reason=why,
            seconds=round(self._reactor.seconds() - one.began, 1),
            again=again,
        )

    def _kill_all(self) -> None:
        for one in self.workers:
            if one.process is not None:
                one.process.signal(signal.SIGKILL)

    def _look_whether_gone(self) -> None:
        if any(one.process is not None for one in self.workers) or self._gone.called:
            return
        if self._kill is not None and self._kill.active():
            self._kill.cancel()
        self._gone.callback(None)
