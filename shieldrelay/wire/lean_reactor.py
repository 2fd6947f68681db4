"""The second seam of D12: the reactor's events without Twisted's log context around each.

Twisted calls every reader and writer within a logging context of its own, so that a line logged there can name the
connection: four calls and a dictionary for each event, a twentieth of what a relayed message costs. We journal by our
own ids and need none of it. This is the one place that knows `EPollReactor.doPoll` from the inside;
``tests/wire/test_lean_reactor.py`` fails when that changes. Any other reactor is left as it is. What a connection
raises is logged and ends that connection alone, as ever.
"""

from __future__ import annotations

import errno
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()


def lean(reactor: Any) -> bool:
    """Take the log context out of a reactor's polling; before it runs.

    :returns: whether it was done: false for a reactor that is no epoll reactor.
    """
    if type(reactor) is not EPollReactor:
        return False
    poller = reactor._poller
    selectables = reactor._selectables
    do_read_or_write = reactor._doReadOrWrite
    disconnect = reactor._disconnectSelectable

    def failed(selectable: Any, error: BaseException) -> None:
        """End what raised, as `_doReadOrWrite` would."""
        log.failure("A connection failed", Failure())
        disconnect(selectable, error, True)

    def poll(timeout: float | None) -> None:
        """Wait for events and serve them, as `EPollReactor.doPoll` does."""
        try:
            ready = poller.poll(-1 if timeout is None else timeout, len(selectables))
        except OSError as error:
            if error.errno == errno.EINTR:
                return
            raise
        for descriptor, event in ready:
            selectable = selectables.get(descriptor)
            if selectable is not None:
                try:
                    if event == EPOLLIN:  # octets and nothing else, most events by far
                        try:
                            why = selectable.doRead()
                        except KeyboardInterrupt:
                            raise
                        except BaseException as error:  # noqa: BLE001 - as Twisted does: the connection ends
                            failed(selectable, error)
                        else:
                            if why:
                                disconnect(selectable, why, True)
                    else:
                        do_read_or_write(selectable, descriptor, event)
                except KeyboardInterrupt:
                    raise
                except BaseException:  # noqa: BLE001 - as Twisted does: one connection's bug is told, the others go on
                    log.failure("A connection failed", Failure())

    reactor.doPoll = poll  # type: ignore[method-assign]
    reactor.doIteration = poll  # type: ignore[method-assign]
    return True
