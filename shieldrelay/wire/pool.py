"""The connections to one next hop: the idle ones, and new ones to any of its addresses (R11).

Idle connections are taken last in, first out, so that those which are not needed grow old and leave. One that the
server closes while idle is forgotten and says nothing about it. A name is resolved when a connection is made and never
for a message; all addresses are tried in turn, the one that worked last first. `wire.outbound` calls it; a dial that
fails at every address fails with `OpeningFailed`, which says why.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred

from shieldrelay.ports import Journal, Resolver
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.outbound_connection import OpeningFailed, OutboundConnection
from shieldrelay.wire.outbound_settings import OutboundSettings, Reactor, TlsPolicy


class Pool:
    """All connections to one next hop.

    :param host: a name or an IP address, as configured.
    :ivar size_limit: the SIZE in octets that was announced last (RFC 1870), ``None`` when there was none.
    """

    def __init__(
        self,
        reactor: Reactor,
        host: str,
        port: int,
        *,
        resolver: Resolver,
        settings: OutboundSettings,
        tls: TlsPolicy,
        deadlines: Deadlines,
        journal: Journal,
    ) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._resolver = resolver
        self._settings = settings
        self._tls = tls
        self._deadlines = deadlines
        self._journal = journal
        self._idle: list[OutboundConnection] = []
        self._all: set[OutboundConnection] = set()
        self._last_good = ""
        self.size_limit: int | None = None
        self._stopping = False
        self._waiting_for_end: list[Deferred[None]] = []

    def __len__(self) -> int:
        """All connections, those being made included."""
        return len(self._all)

    @property
    def idle(self) -> int:
        """How many connections wait for a message."""
        return len(self._idle)

    def take(self) -> OutboundConnection | None:
        """Take the idle connection that was used last, if there is one."""
        return self._idle.pop() if self._idle else None

    async def dial(self) -> OutboundConnection:
        """Make a new connection, ready for a message.

        :raises OpeningFailed: when no address would have us; the last fault is its ``reply``, all are its ``reason``.
        """
        faults: list[OpeningFailed] = []
        for address in self._in_order(await self._addresses()):
            try:
                connection = await self._open(address)
            except OpeningFailed as fault:
                faults.append(fault)
                self._tell(address, fault)
            else:
                self._last_good = address
                self.size_limit = connection.size_limit
                return connection
        raise OpeningFailed("; ".join(dict.fromkeys(fault.reason for fault in faults)), faults[-1].reply)

    def close_idle(self) -> None:
        """Say QUIT on every idle connection."""
        while self._idle:
            self._idle.pop().quit()

    def shed(self, most: int) -> int:
        """Say QUIT on some idle connections, those first that were idle longest; gives on how many."""
        surplus, self._idle = self._idle[:most], self._idle[most:]
        for connection in surplus:
            connection.quit()
        return len(surplus)

    def stop(self) -> Deferred[None]:
        """Keep no connection any longer; fires when the last one in use is closed."""
        self._stopping = True
        self.close_idle()
        ended: Deferred[None] = Deferred()
        self._waiting_for_end.append(ended)
        self._tell_the_end()
        return ended

    # -- what connections call

    def free(self, connection: OutboundConnection) -> None:
        """Keep it for the next message, unless it has had its share."""
        if self._stopping or connection.messages >= self._settings.messages_per_connection:
            connection.quit()
        else:
            self._idle.append(connection)

    def leaving(self, connection: OutboundConnection) -> None:
        """Offer it to nobody."""
        if connection in self._idle:
            self._idle.remove(connection)

    def closed(self, connection: OutboundConnection) -> None:
        """Forget it."""
        self._deadlines.discard(connection)
        self._all.discard(connection)
        self._tell_the_end()

    # -- how a connection is made

    async def _addresses(self) -> Sequence[str]:
        if isIPAddress(self._host) or isIPv6Address(self._host):
            return (self._host,)
        try:
            addresses = await self._resolver.addresses(self._host)
        except Exception as error:  # whatever a resolver fails with, the next hop cannot be reached
            raise OpeningFailed(f"the name could not be resolved: {error}") from error
        if not addresses:
            raise OpeningFailed("the name has no address")
        return addresses

    def _in_order(self, addresses: Sequence[str]) -> Sequence[str]:
        """Put the address that worked last in front."""
        return sorted(addresses, key=lambda address: address != self._last_good)

    async def _open(self, address: str) -> OutboundConnection:
        """Connect to one address; once more in plaintext when only TLS failed and the policy then allows it (R10)."""
        try:
            return await self._dial_once(address)
        except OpeningFailed as fault:
            if not fault.tls_failed or self._tls.must_have_tls or self._tls.wants_tls(self._reactor.seconds()):
                raise
            self._tell(address, fault)
            return await self._dial_once(address)

    def _dial_once(self, address: str) -> Deferred[OutboundConnection]:
        connection = OutboundConnection(self._reactor, self, self._settings, self._tls, self._host)
        self._all.add(connection)
        self._deadlines.add(connection)
        return connection.dial(address, self._port)

    def _tell(self, address: str, fault: OpeningFailed) -> None:
        words = "" if fault.reply is None else f": {fault.reply}"
        self._journal.event(
            "next_hop_fault", next_hop=f"{self._host}:{self._port} at {address}", reason=fault.reason + words
        )

    def _tell_the_end(self) -> None:
        if self._stopping and not self._all:
            waiting, self._waiting_for_end = self._waiting_for_end, []
            for ended in waiting:
                ended.callback(None)
