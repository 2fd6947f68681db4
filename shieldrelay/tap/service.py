"""From options to the service that twistd runs.

Everything is done in an order that matters: the reactor's clock first (D11), then the whole configuration, then the
appliance (`shieldrelay.assembly.appliance`), which binds its ports in ``privilegedStartService``; last the process
becomes its user. The only place that touches the global reactor.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver
from twisted.python.components import Componentized

from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.config.secret import SecretFault
from shieldrelay.config.workers import worker_count
from shieldrelay.content.loading import CheckFaults
from shieldrelay.journal import JournalObserver
from shieldrelay.recipients.fault import ListFaults
from shieldrelay.tap import systemd
from shieldrelay.tap.examination import tell
from shieldrelay.tap.identity import Identity, acting_as, become, identity_for, prepare
from shieldrelay.tap.options import Options
from shieldrelay.wire.certificates import CertificateFault
from shieldrelay.wire.lean_reactor import lean
from shieldrelay.wire.listeners import ListenFault
from shieldrelay.wire.tls_server import TlsFault

EX_UNAVAILABLE = 69
"""The exit status when a port or the spool cannot be had (sysexits.h)."""

DESCRIPTORS_ASIDE = 1024
"""Open files that the node may need besides two for each session."""

YOUNG_OBJECTS = 10_000
"""New objects that the collector of cycles waits for; CPython's own measure is 700."""

Build = Callable[[Configuration, Any], IService]
"""What makes the appliance of a configuration and a reactor."""


class Face(MultiService):
    """Holds the appliance, and becomes the user once its ports are taken.

    :param journal: told what Twisted logs, in the place of twistd's own log; ``None`` leaves that as it is.
    """

    def __init__(self, appliance: IService, identity: Identity | None, journal: Any = None) -> None:
        MultiService.__init__(self)
        self._identity = identity
        self._journal = journal
        self._has_ports = False
        self.addService(appliance)

    def setServiceParent(self, parent: Any) -> None:
        """Join twistd's application, and give it our log observer."""
        if self._journal is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, JournalObserver(self._journal))
        MultiService.setServiceParent(self, parent)

    def privilegedStartService(self) -> None:
        """Take the ports; then, if this is root, become the user."""
        with told_plainly():
            MultiService.privilegedStartService(self)
        self._has_ports = True
        if self._identity is not None:
            become(self._identity)

    def startService(self) -> None:
        """Start, as the user; ``python -m twisted`` knows no privileged start, so it is made up for here."""
        if not self._has_ports:
            self.privilegedStartService()
        with told_plainly():
            MultiService.startService(self)


@contextmanager
def told_plainly() -> Iterator[None]:
    """End the process with a sentence where the world, not the program, is the reason that it cannot start.

    twistd has put standard error into its log by then, so the sentence goes to the real one.
    """
    try:
        yield
    except (ListenFault, OSError) as fault:
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"shieldrelay cannot start: {getattr(fault, 'reason', fault)}\n")
        raise SystemExit(EX_UNAVAILABLE) from fault


def makeService(options: Options) -> IService:
    """Make the service (Twisted's ``IServiceMaker``).

    :raises SystemExit: with status 78 when the configuration is faulty.
    """
    from twisted.internet import reactor

    monotonic(reactor)
    # absolute, because a reload may come after twistd has gone to another directory
    inherited = systemd.handed_over(os.environ, os.getpid())
    made = service(str(Path(options["config"]).absolute()), reactor, lambda: node_builder(inherited))
    collect_rarely()
    return made


def node_builder(inherited: Sequence[int]) -> Build:
    """Give what builds the real appliance, or the parent of several.

    :param inherited: descriptors of listening sockets, in the place of ``[listen] smtp``.
    """
    from shieldrelay.assembly import appliance

    def build(configuration: Configuration, reactor: Any) -> IService:
        workers = worker_count(configuration, len(os.sched_getaffinity(0)))
        if workers == 1:
            return appliance(configuration, reactor, inherited=inherited)
        from shieldrelay.workers import parent

        return parent(configuration, reactor, workers, inherited=inherited)

    return build


def collect_rarely() -> None:
    """Have the collector of cycles pass over what is there now, for it stays, and look at new things less often.

    Nothing that a message or a connection leaves behind is a cycle, so there is hardly anything to find.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def monotonic(reactor: Any) -> None:
    """Put monotonic time under the reactor (D11): its own timers follow the wall clock, which may be set.

    :raises RuntimeError: when a call is already scheduled in the old time; it would never come.
    """
    if reactor.seconds is time.monotonic:
        return
    if reactor.getDelayedCalls():
        raise RuntimeError("a call is scheduled already; the reactor's clock cannot be changed any more")
    reactor.seconds = time.monotonic


def service(file: str, reactor: Any, builder: Callable[[], Build]) -> IService:
    """Read the configuration, build the appliance and wrap it.

    :param builder: imports what builds the appliance; asked once the configuration is known to be good and while this
        is still root, who may be the only one that can read the program's files.
    :raises SystemExit: with status 78 when something in the configuration is faulty, 69 when something else is in the
        way; all of it is on standard error.
    """
    with ended_when_faulty():
        configuration = read(file)
        identity = identity_for(configuration)
        allow_descriptors(configuration.smtp.max_sessions)
        if configuration.node.shortcuts:
            lean(reactor)
        build = builder()
        with told_plainly():
            if identity is not None:
                prepare(configuration, identity)
            with acting_as(identity):
                appliance = build(configuration if identity is None else read(file), reactor)
    face = Face(appliance, identity, getattr(appliance, "journal", None))
    life = systemd.from_environment(getattr(appliance, "ready", Deferred()), reactor)
    if life is not None:
        life.setServiceParent(face)
    return face


@contextmanager
def ended_when_faulty() -> Iterator[None]:
    """End the process with status 78, and every fault on standard error, where the configuration is the reason."""
    try:
        yield
    except (ConfigurationFaults, ListFaults, CheckFaults, TlsFault) as refused:
        raise SystemExit(tell(refused.faults, sys.stderr)) from refused
    except (CertificateFault, SecretFault) as refused:
        raise SystemExit(tell((refused,), sys.stderr)) from refused


def allow_descriptors(sessions: int) -> None:
    """Raise the limit on open files as far as the sessions need and the system lets us."""
    wanted = 2 * sessions + DESCRIPTORS_ASIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
