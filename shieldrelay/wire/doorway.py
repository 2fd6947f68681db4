"""The doorway: from an accepted socket to a session, or to a line of refusal, before anything is made for it (D4, D9).

The client is who connected, or who a declared balancer says it is (`wire.proxy_header`). The gate is asked about it; a
refusal costs one send and a close. `wire.acceptor` brings the sockets. A bug in here is journalled, its client is told
421, and the next one is served.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from twisted.python.failure import Failure

from shieldrelay.mail.client import Client, client_of
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import EVIDENCE_OCTETS
from shieldrelay.wire.closing import drain
from shieldrelay.wire.inbound import InboundConnection
from shieldrelay.wire.inbound_tools import InboundTools
from shieldrelay.wire.proxy_header import ProxyFault, ProxySource, parse_header
from shieldrelay.wire.proxy_wait import HeaderReading, ProxyWait
from shieldrelay.wire.server_transport import ServerTransport

MOST_WAITING = 256
"""Connections of balancers whose header has not come: it comes with the first segment, so more is an attack."""


class Doorway:
    """Lets connections in.

    :param reactor: reads the sockets, and times the waits.
    :ivar closed: what everybody is told instead of being let in; ``None`` while the node is in service.
    """

    def __init__(self, tools: InboundTools, reactor: Any) -> None:
        self.closed: Reply | None = None
        self._tools = tools
        self._reactor = reactor
        self._waiting: dict[ProxyWait, tuple[Client, int]] = {}

    def __len__(self) -> int:
        """Count the balancers' connections that wait for their header."""
        return len(self._waiting)

    def arrived(self, connected: socket.socket, host: str, port: int) -> None:
        """Take a connected socket; it is ours from now on. Never fails.

        :param host: the numeric address of the other end.
        """
        try:
            client = client_of(host)
            balancer = self._tools.terms.balancer
            if balancer is not None and balancer(client.address):
                self._passed_on(connected, client, port)
            else:
                self._admit(connected, client, port)
        except Exception as error:  # noqa: BLE001 - the edge: a bug ends this connection alone
            self._bug(connected, error)

    def no_room(self, connected: socket.socket) -> None:
        """Turn a connection away for which there is no descriptor to spare."""
        turn_away(connected, replies.OVERLOADED)

    def trouble(self, reason: str, before: int) -> None:
        """Tell that connections could not be accepted.

        :param before: how many, or how often, since this was told last.
        """
        self._tools.journal.event(
            "connection_refused", peer="", defence="capacity", reason=reason, reference="", before=before
        )

    def stop(self) -> None:
        """Give up what waits."""
        for wait in list(self._waiting):
            wait.close()

    def _admit(self, connected: socket.socket, client: Client, port: int) -> None:
        if self.closed is not None:
            turn_away(connected, self.closed)
            return
        tools = self._tools
        terms, now = tools.terms, tools.clock.seconds()
        visit = terms.gate.admit(client, len(tools.sessions), now)
        if isinstance(visit, Refusal):
            turn_away(connected, visit.reply)
            return
        try:
            connection = InboundConnection(tools, terms, visit, client, port)
            transport = ServerTransport(connected, connection, (client.address, port), self._reactor)
        except BaseException:
            terms.gate.left(visit, 0, now)
            raise
        try:
            connection.makeConnection(transport)
        except BaseException:
            transport.connectionLost(Failure())
            raise

    # behind a balancer

    def _passed_on(self, connected: socket.socket, balancer: Client, port: int) -> None:
        """Read the header, which is there already unless the balancer is slow."""
        reading = HeaderReading(connected)
        try:
            header = reading.read()
            if header is not None:
                self._announced(connected, balancer, port, parse_header(header))
            elif len(self._waiting) >= MOST_WAITING:
                self._faulty(reading, connected, balancer, f"{MOST_WAITING} connections wait for their header already")
            else:
                wait = ProxyWait(reading, connected, self._reactor, self._waited)
                self._waiting[wait] = balancer, port
        except ProxyFault as fault:
            self._faulty(reading, connected, balancer, fault.args[0])

    def _waited(self, wait: ProxyWait, outcome: ProxySource | ProxyFault | None) -> None:
        balancer, port = self._waiting.pop(wait)
        if isinstance(outcome, ProxyFault):
            self._faulty(wait.reading, wait.connected, balancer, outcome.args[0])
            return
        try:
            self._announced(wait.connected, balancer, port, outcome)
        except Exception as error:  # noqa: BLE001 - as in `arrived`
            self._bug(wait.connected, error)

    def _announced(self, connected: socket.socket, balancer: Client, port: int, source: ProxySource | None) -> None:
        """Go on with whom the balancer announced; with itself, when it checks our health."""
        if source is None:
            self._admit(connected, balancer, port)
        else:
            self._admit(connected, client_of(source.address), source.port)

    def _faulty(self, reading: HeaderReading, connected: socket.socket, balancer: Client, reason: str) -> None:
        """Close without a word, as the protocol wants; one that only knocked is no news."""
        if reason:
            evidence = reading.begun[:EVIDENCE_OCTETS]
            self._tools.journal.event("proxy_refused", peer=balancer.address, reason=reason, evidence=evidence)
        connected.close()

    def _bug(self, connected: socket.socket, error: Exception) -> None:
        self._tools.journal.event(
            "bug", where="doorway", session="", error=repr(error), traceback=Failure(error).getTraceback()
        )
        turn_away(connected, replies.INTERNAL_FAULT_CLOSING)


def turn_away(connected: socket.socket, reply: Reply) -> None:
    """Say one reply and close; a client that is gone already is not waited for."""
    with contextlib.suppress(OSError):
        connected.send(reply.encode(), socket.MSG_DONTWAIT)  # not `encoded`: it has a reference of its own
    drain(connected)
    connected.close()
