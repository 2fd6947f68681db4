"""What systemd hands over and wants to hear: listening sockets, readiness, and a sign of life.

Nothing here matters where another program starts the node: then the environment has none of the variables. Called by
`tap.service`. A message that cannot be sent is dropped: systemd notices by itself who never speaks.

Source: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

FIRST_DESCRIPTOR = 3
"""Where handed-over descriptors begin."""


def handed_over(environment: MutableMapping[str, str], pid: int) -> range:
    """Give the descriptors of listening sockets that were handed to this process, and let no child believe in them."""
    count, whom = environment.pop("LISTEN_FDS", ""), environment.pop("LISTEN_PID", "")
    environment.pop("LISTEN_FDNAMES", None)
    if whom != str(pid) or not count.isascii() or not count.isdigit():
        return range(0)
    return range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count))


class Notices:
    """Tells systemd of the node's state.

    :param address: of its socket, as ``NOTIFY_SOCKET`` has it: a path, or ``@`` and an abstract name; empty: nobody
        listens.
    """

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, *lines: str) -> None:
        """Say something, such as ``READY=1``; never waits."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as one:
            try:
                one.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return  # a watchdog that hears nothing acts by itself


def watchdog_seconds(environment: Mapping[str, str], pid: int) -> float | None:
    """Give how often systemd wants a sign of life from this process; ``None``: never."""
    wanted, whom = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
    if whom != str(pid) or not wanted.isascii() or not wanted.isdigit() or not int(wanted):
        return None
    return int(wanted) / 1e6


class Life(Service):
    """Says when the node accepts mail, that its reactor turns, and when it stops.

    :param ready: fires when it accepts mail.
    :param watchdog: seconds within which systemd wants a sign; one is given three times as often.
    """

    def __init__(self, notices: Notices, ready: Deferred[Any], watchdog: float | None, reactor: Any) -> None:
        self._notices = notices
        self._ready = ready
        self._period = None if watchdog is None else watchdog / 3
        self._reactor = reactor

    def startService(self) -> None:
        """Begin."""
        super().startService()
        self._ready.addCallback(self._is_ready)
        self._sign()

    def stopService(self) -> None:
        """Say that the node stops; signs of life go on while it does."""
        super().stopService()
        self._notices.tell("STOPPING=1", "STATUS=finishing what is under way")

    def _is_ready(self, result: object) -> object:
        if self.running:
            self._notices.tell("READY=1", "STATUS=accepting mail")
        return result

    def _sign(self) -> None:
        if self._period is None:
            return
        self._notices.tell("WATCHDOG=1")
        self._reactor.callLater(self._period, self._sign)


def from_environment(ready: Deferred[Any], reactor: Any) -> Life | None:
    """Make it for the process that systemd started; ``None`` when nobody listens."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    seconds = watchdog_seconds(os.environ, os.getpid())
    os.environ.pop("WATCHDOG_USEC", None)
    return Life(Notices(address), ready, seconds, reactor) if address else None
