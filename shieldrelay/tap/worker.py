"""One worker of a node: ``python -m shieldrelay.tap.worker --config FILE --worker 2 --of 4 --sockets 2``.

Started by `shieldrelay.workers` only, which has bound the ports and become the user; hears its parent on standard
input, and stops in good order when that ends. Exit statuses are those of ``twistd shieldrelay``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from shieldrelay.assembly import appliance
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.config.reader import read
from shieldrelay.config.workers import as_worker
from shieldrelay.journal import JournalObserver
from shieldrelay.tap.service import allow_descriptors, collect_rarely, ended_when_faulty, monotonic, told_plainly
from shieldrelay.wire.lean_reactor import lean
from shieldrelay.workers.link import ALIVE_SECONDS, DESCRIPTOR_UP, FIRST_SOCKET, Lines, encode


class Link(Protocol):
    """The worker's end of what it and its parent say to each other.

    :param node: what is told to lead, or to open its journal anew.
    """

    def __init__(self, node: ApplianceService, reactor: Any) -> None:
        self._node = node
        self._reactor = reactor
        self._lines = Lines()

    def connectionMade(self) -> None:
        """Say when the node listens."""
        self._node.ready.addCallback(self._is_up)

    def dataReceived(self, data: bytes) -> None:
        """Do as the parent says."""
        for words in self._lines.feed(data):
            if words.get("lead"):
                self._node.lead()
            if words.get("reopen"):
                self._node.journal.reopen()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop: the parent is gone."""
        if self._reactor.running:
            self._reactor.stop()

    def _is_up(self, _ready: None) -> None:
        assert self.transport is not None
        self.transport.write(encode({"up": True}))
        self._reactor.callLater(ALIVE_SECONDS, self._is_alive)

    def _is_alive(self) -> None:
        """Say so, for as long as anybody can hear it."""
        if self.transport is not None and self._reactor.running:
            self.transport.write(encode({"alive": True}))
            self._reactor.callLater(ALIVE_SECONDS, self._is_alive)


def main(argv: Sequence[str] | None = None) -> None:
    """Run until told to stop.

    :raises SystemExit: as `tap.service.service`.
    """
    arguments = _arguments(argv)
    from twisted.internet import reactor

    node = build(arguments, reactor)
    globalLogBeginner.beginLoggingTo([JournalObserver(node.journal)], redirectStandardIO=False, discardBuffer=True)
    any_reactor: Any = reactor
    any_reactor.addSystemEventTrigger("before", "shutdown", node.stopService)
    with told_plainly():
        node.privilegedStartService()
        node.startService()
    any_reactor.callWhenRunning(StandardIO, Link(node, reactor), stdin=0, stdout=DESCRIPTOR_UP, reactor=reactor)
    collect_rarely()
    any_reactor.run()


def build(arguments: argparse.Namespace, reactor: Any) -> ApplianceService:
    """Build the worker's node.

    :raises SystemExit: when something cannot be had; it is on standard error.
    """
    monotonic(reactor)
    with ended_when_faulty(), told_plainly():
        configuration = as_worker(read(arguments.config), arguments.worker, arguments.of)
        allow_descriptors(configuration.smtp.max_sessions)
        if configuration.node.shortcuts:
            lean(reactor)
        inherited = range(FIRST_SOCKET, FIRST_SOCKET + arguments.sockets)
        return appliance(configuration, reactor, inherited=inherited)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="shieldrelay.tap.worker", description="One worker of a node.")
    parser.add_argument("--config", required=True)
    for name in ("--worker", "--of", "--sockets"):
        parser.add_argument(name, type=int, required=True)
    return parser.parse_args(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    main()
