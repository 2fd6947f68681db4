"""The life of the parent: ports, control socket, workers, SIGHUP, and the end within the declared time.

It takes the ports (as root, if `tap` says so) and keeps them open through the deaths of workers, so that connections
that wait are never lost (R32); it accepts none itself. A first worker that cannot start ends the process with that
worker's status; the worker has said why.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay import __version__
from shieldrelay.admin.control import ControlService
from shieldrelay.admin.control_asking import ask
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.router import Response
from shieldrelay.alarms.board import Board
from shieldrelay.alarms.rules import RULES
from shieldrelay.assembly.ending import end_process
from shieldrelay.assembly.front import Front, node_tls
from shieldrelay.assembly.hangup import on_hangup
from shieldrelay.assembly.trace import journal_output
from shieldrelay.assembly.translation import server_tls
from shieldrelay.assembly.watch import picture
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.config.workers import control_of
from shieldrelay.journal import Journal
from shieldrelay.ports import WallClock
from shieldrelay.wire.listeners import ListenAddress, ListenFault, bind_all, inherit
from shieldrelay.wire.tls_server import ServerTls, TlsFault
from shieldrelay.workers.crew import Crew
from shieldrelay.workers.errands import CrewErrands
from shieldrelay.workers.process import spawner
from shieldrelay.workers.router import WorkersRouter

FLUSH_SECONDS = 0.1
"""How long a line may wait before it is written."""
STOP_GRACE_SECONDS = 10.0
"""What workers get beyond the declared time before they are killed: they end by themselves within it."""


class ParentService(Service):
    """The parent, as twistd runs it.

    :param crew: of the workers.
    :param inherited: descriptors of listening sockets, in the place of ``[listen] smtp``.
    :ivar ready: fires when the first worker listens.
    :ivar end: called with the reactor and an exit status when the first worker could not start.
    """

    def __init__(
        self, configuration: Configuration, reactor: Any, journal: Journal, workers: int, inherited: Sequence[int] = ()
    ) -> None:
        self.journal = journal
        self._inherited = tuple(inherited)
        self.end: Callable[[Any, int], object] = end_process
        self._configuration = configuration
        self._reactor = reactor
        self._sockets: list[socket.socket] = []
        spawn = spawner(reactor, configuration.path, workers, lambda: [one.fileno() for one in self._sockets])
        self.crew = Crew(workers, spawn, self._hopeless, reactor=reactor, wall=time.time, journal=journal)
        self._router = WorkersRouter(self.crew, self._ask)
        self._router.reloaded = self._reloaded
        self._board = Board(time.time, journal)
        journal.hear(RULES, self._board.hear)
        self._router.alarms = self._alarms
        self._front = Front(
            self._router,
            lambda: self._configuration,
            self._own_tls,
            self._unready,
            reactor=reactor,
            wall=time.time,
            journal=journal,
            others=CrewErrands(self.crew, self._ask),
        )
        self._tls: ServerTls | None = None
        self._control = ControlService(
            self._router, configuration.node.control, reactor=reactor, journal=journal, callers=self._front.at_socket
        )
        self.ready = self.crew.ready
        self._flushing: IDelayedCall | None = None
        self._old_hup: Any = None

    def privilegedStartService(self) -> None:
        """Take the ports.

        :raises ListenFault: when one cannot be had; then nothing is held any more.
        """
        addresses = [ListenAddress(one.host, one.port) for one in self._configuration.listen.smtp]
        self._sockets = inherit(self._inherited) if self._inherited else bind_all(addresses)
        try:
            self._front.bind()
        except ListenFault:
            for one in self._sockets:
                one.close()
            raise

    def startService(self) -> None:
        """Start the workers.

        :raises ControlUnavailable: the control socket cannot be had.
        """
        super().startService()
        self._control.startService()
        self._front.start()
        self._flush()
        self._old_hup = on_hangup(self._reactor, self._hang_up)
        self.journal.event("parent_started", version=__version__, workers=len(self.crew.workers))
        self.crew.start()

    def stopService(self) -> Deferred[None]:
        """Stop everything within the declared time."""
        super().stopService()
        if self._old_hup is not None:
            signal.signal(signal.SIGHUP, self._old_hup)
        for one in self._sockets:
            one.close()
        stopping = self.crew.stop(self._configuration.node.stop_timeout + STOP_GRACE_SECONDS)
        return stopping.addCallback(self._stopped)

    def _stopped(self, _gone: None) -> Deferred[None]:
        self._control.stopService()
        return Deferred.fromCoroutine(self._front.stop()).addErrback(self._bug).addCallback(self._ended)

    def _ended(self, _stopped: None) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self.journal.close()

    def _ask(self, number: int, method: str, target: bytes, body: bytes, seconds: float) -> Deferred[Response]:
        path = control_of(self._configuration.node.control, number)
        return ask(self._reactor, path, method, target, body, seconds=seconds)

    def _own_tls(self) -> ServerTls:
        """Give the node's certificates, for the administration; made when they are needed first."""
        if self._tls is None:
            self._tls = node_tls(self._configuration, time.time)
        return self._tls

    def _reloaded(self) -> None:
        """Go by the configuration that the workers have put in force."""
        try:
            self._configuration = read(self._configuration.path)
            if self._tls is not None:
                self._tls.reload(server_tls(self._configuration))
        except (ConfigurationFaults, TlsFault) as fault:
            self.journal.event("reload_refused", faults=len(fault.faults), reason=[str(each) for each in fault.faults])
        self._front.adopt()

    def _unready(self) -> str:
        """Say why the node wants no traffic now."""
        if not self.running:
            return "the node stops"
        return "" if self.crew.up() else "none of the node's processes listens"

    def _alarms(self) -> list[Any]:
        """Give the alarms that the parent itself knows of."""
        shown = (*self._board.opened(), *self._board.ended())
        return [as_json(picture(one, self._configuration.node.hostname)) for one in shown]

    def _hopeless(self, status: int | None) -> None:
        """End with the status of the first worker; it has told why."""
        self.end(self._reactor, status or os.EX_UNAVAILABLE)

    def _flush(self) -> None:
        self.journal.flush()
        self._flushing = self._reactor.callLater(FLUSH_SECONDS, self._flush)

    def _hang_up(self) -> None:
        """SIGHUP: have the journal's file opened anew by all, and the configuration read again."""
        if not self.running:
            return
        self.journal.reopen()
        self.crew.tell(reopen=True)
        Deferred.fromCoroutine(self._router.reload()).addErrback(self._bug)

    def _bug(self, failure: Failure) -> None:
        self.journal.event("bug", where="parent", error=str(failure.value), traceback=failure.getTraceback())


def parent(
    configuration: Configuration,
    reactor: Any,
    workers: int,
    wall: WallClock = time.time,
    inherited: Sequence[int] = (),
) -> ParentService:
    """Build the parent.

    :param workers: how many processes, more than one.
    :raises OSError: the journal cannot be opened.
    """
    journal = Journal(journal_output(configuration), node=configuration.node.hostname, wall=wall)
    return ParentService(configuration, reactor, journal, workers, inherited)
