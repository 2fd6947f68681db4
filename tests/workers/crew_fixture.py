"""A crew whose processes are made up: started, heard and ended by the test."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from shieldrelay.testing.journal import ListJournal
from shieldrelay.workers.crew import Crew
from shieldrelay.workers.link import Lines
from shieldrelay.workers.process import WorkerProcess


class MadeUpProcess:
    """One process: a transport that records.

    :ivar told: what its parent said to it.
    :ivar signals: that it got, in order.
    """

    def __init__(self, protocol: WorkerProcess, number: int, pid: int) -> None:
        self.protocol = protocol
        self.number = number
        self.pid = pid
        self.told: list[dict[str, object]] = []
        self.signals: list[str] = []
        self.gone = False
        self._lines = Lines()

    def writeToChild(self, descriptor: int, octets: bytes) -> None:
        """Hear the parent."""
        assert descriptor == 0
        self.told += self._lines.feed(octets)

    def signalProcess(self, name: str) -> None:
        """Get a signal."""
        if self.gone:
            raise ProcessExitedAlready()
        self.signals.append(name)

    # what the test makes it do

    def up(self) -> None:
        """Say that it listens, in two pieces."""
        self.protocol.childDataReceived(3, b'{"up"')
        self.protocol.childDataReceived(3, b": true}\n")

    def alive(self) -> None:
        """Say that it is alive."""
        self.protocol.childDataReceived(3, b'{"alive": true}\n')

    def end(self, status: int = 1, signal: int | None = None) -> None:
        """End."""
        self.gone = True
        reason = ProcessTerminated(None if signal else status, signal) if status or signal else ProcessDone(0)
        self.protocol.processExited(Failure(reason))


class MadeUpCrew:
    """A crew on a clock.

    :ivar processes: all that were ever started.
    :ivar hopeless: statuses with which the node was to end.
    """

    def __init__(self, count: int) -> None:
        self.clock = Clock()
        self.journal = ListJournal()
        self.processes: list[MadeUpProcess] = []
        self.hopeless: list[int | None] = []
        self.broken = False
        self.crew = Crew(
            count,
            self._spawn,  # type: ignore[arg-type]
            self.hopeless.append,
            reactor=self.clock,
            wall=lambda: 1_000_000.0 + self.clock.seconds(),
            journal=self.journal,
        )

    def _spawn(self, protocol: WorkerProcess, number: int) -> Any:
        if self.broken:
            raise OSError(11, "Resource temporarily unavailable")
        self.processes.append(MadeUpProcess(protocol, number, 100 + len(self.processes)))
        return self.processes[-1]

    def running(self, number: int) -> MadeUpProcess:
        """Give the living process of a worker."""
        (found,) = [one for one in self.processes if one.number == number and not one.gone]
        return found

    def all_up(self) -> None:
        """Start, and have all listen."""
        self.crew.start()
        self.running(1).up()
        for one in self.crew.workers[1:]:
            self.running(one.number).up()

    def numbers_up(self) -> list[int]:
        """Give the workers that listen, the leader first."""
        return [one.number for one in self.crew.up()]
