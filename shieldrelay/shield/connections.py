"""Admission by what a source does, and how much of the node it holds (D9, R16, R19, R23).

Counts open sessions, connections, messages, recipients, TLS handshakes and octets of every source, holds them against
the limits that its past earns it, and keeps every source and network to its share of the slots. A network is slowed
for what its strangers do together, never refused. What is refused is not counted: who knocks faster than it may is
served at the rate that it may have. Pure judgement; the time is an argument. Asked by `shield.gate`, which applies the
mode and tells the journal. Cannot fail; a full table forgets those who were seen least lately, never an open session.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

from shieldrelay.cluster.table import Row, Table
from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.connections_ceilings import Ceilings, Classes, Plan, most
from shieldrelay.shield.connections_kinds import (
    CONNECTIONS,
    COUNTED,
    HALF,
    HANDSHAKES,
    MARKS,
    MESSAGES,
    MOST_MARKS,
    NETWORKS,
    OCTETS,
    PERIODS,
    RECIPIENTS,
    SESSIONS,
    SOURCES,
)
from shieldrelay.shield.connections_open import OpenSessions
from shieldrelay.shield.connections_settings import ConnectionsSettings, SourceClass

_MARKED_FROM = 0.5
_RATES = tuple(field for field, period in enumerate(PERIODS) if period is not None)


@frozen
class Shed:
    """Why a connection is not admitted.

    :ivar counter: which limit, one of few words, for counting.
    :ivar reason: with the value and the limit.
    :ivar capacity: the node has no slot left, so that neither the allow-list (R18) nor observing lets it in.
    """

    counter: str
    reason: str
    capacity: bool = False


@frozen
class Spent:
    """A rate that is used up, for pictures.

    :ivar field: of `connections_kinds`.
    :ivar seconds: until there is room again, if nothing more is done.
    """

    field: int
    reason: str
    seconds: float


@frozen
class Busy:
    """What one source does, for pictures.

    :ivar open_here: its sessions on this node.
    :ivar counts: over all members, by field of `connections_kinds`.
    """

    source: bytes
    open_here: int
    counts: tuple[float, ...]


class Connections:
    """Judges connections and what is done on them.

    :ivar stressed: whether the limits under stress hold; whoever observes stress sets it.
    :ivar tables: what members share.
    """

    def __init__(self, settings: ConnectionsSettings, classes: Sequence[SourceClass] = ()) -> None:
        self.stressed = False
        self._sources = Table(SOURCES)
        self._networks = Table(NETWORKS)
        self._marks = Table(MARKS)
        self.tables = (self._sources, self._networks, self._marks)
        self._open = OpenSessions()
        self._members = 1
        self.reconfigure(settings, classes)

    def reconfigure(self, settings: ConnectionsSettings, classes: Sequence[SourceClass] = ()) -> None:
        """Take other settings; what is open and counted stays."""
        self.settings = settings
        self._slots = settings.slots
        self._open_to_all = settings.slots - int(settings.slots * settings.reserve)
        self._classes = (
            (Classes(settings, classes, stressed=False), Classes(settings, classes, stressed=True)) if classes else None
        )
        self._plan()

    def alone_of(self, members: int) -> None:
        """Divide the limits by the members that cannot be seen any more (R30).

        :param members: how many there were, this one among them; 1 when all are seen.
        """
        if members != self._members:
            self._members = members
            self._plan()

    @property
    def slots_open_to_all(self) -> int:
        """Slots that need no good name: what stress is measured by."""
        return self._open_to_all

    def admit(
        self, client: Client, acquaintance: Acquaintance, sessions: int, now: float, *, allowed: bool = False
    ) -> Shed | None:
        """Judge a connection, and count it when it may come in.

        :param sessions: open on this node, this one not counted.
        :param allowed: the operator's list lets it pass: only the slots and their shares hold.
        """
        ceilings = self._ceilings(client, acquaintance, now)
        row = self._sources.get(client.source, now)
        shed = self._shed(client, ceilings, row, acquaintance, sessions, allowed=allowed)
        if shed is None:
            self._enter(client, ceilings, self._sources.row(client.source, now) if row is None else row, now)
        return shed

    def enter(self, client: Client, acquaintance: Acquaintance, now: float) -> None:
        """Count a connection that comes in although `admit` was against it: limits are observed only (R27)."""
        row = self._sources.row(client.source, now)
        self._enter(client, self._ceilings(client, acquaintance, now), row, now)

    def left(self, client: Client, octets: int, now: float) -> None:
        """Count the end of a connection that came in.

        :param octets: received on it.
        """
        row = self._sources.row(client.source, now)
        self._sources.put(row, SESSIONS, float(self._open.leave(client)))
        self._sources.add(row, OCTETS, octets)
        network = self._networks.get(client.network, now)
        if network is not None:
            self._networks.add(network, OCTETS, octets)

    def message(self, client: Client, acquaintance: Acquaintance, now: float) -> str | None:
        """Count a MAIL command, or say why there may be none now."""
        return self._one_more(MESSAGES, client, acquaintance, now)

    def recipient(self, client: Client, acquaintance: Acquaintance, now: float) -> str | None:
        """Count a RCPT command, or say why there may be none now."""
        return self._one_more(RECIPIENTS, client, acquaintance, now)

    def handshake(self, client: Client, acquaintance: Acquaintance, now: float) -> str | None:
        """Count a TLS handshake, or say why there may be none now."""
        return self._one_more(HANDSHAKES, client, acquaintance, now)

    def slowed(self, client: Client, acquaintance: Acquaintance, now: float) -> str | None:
        """Say why a client is to be slowed by ``settings.network_pause`` for what its network does (R16).

        ``None`` for known-good sources and those of a class.
        """
        row = self._networks.get(client.network, now)
        if row is None or not self._ceilings(client, acquaintance, now).in_network:
            return None
        for field in _RATES:
            count = row.own[field] + row.others[field]
            if count > self._network_most[field]:
                return _over(field, count, self._network_most[field], "its network", stressed=False)
        return None

    def class_recipients(self, client: Client) -> float:
        """Give the recipients that the class of a source may ask for in five minutes; 0 when it is in none (R23)."""
        if self._classes is None:
            return 0.0
        ceilings = self._classes[self.stressed].of(client.source)
        return 0.0 if ceilings is None else ceilings.most[RECIPIENTS]

    def mark(self, client: Client, now: float) -> None:
        """Give a source a bad mark: it did what no lawful client does."""
        row = self._marks.row(client.source, now)
        self._marks.add(row, 0, 1.0)
        self._marks.cap(row, 0, MOST_MARKS)

    def marked(self, source: bytes, now: float) -> bool:
        """Whether a source has a bad mark still; one holds for six hours, twice as many for six hours more."""
        row = self._marks.get(source, now)
        return row is not None and row.own[0] + row.others[0] >= _MARKED_FROM

    def release(self, source: bytes, now: float) -> None:
        """Forgive a source what it did; its open sessions go on. Each member is told by the change log (R30)."""
        for table, fields in ((self._sources, _RATES), (self._marks, (0,))):
            row = table.get(source, now)
            if row is not None:
                for field in fields:
                    table.put(row, field, 0.0)

    def explain(self, client: Client, acquaintance: Acquaintance, now: float) -> tuple[str, ...]:
        """Say in clauses what is counted of a client and what holds for it."""
        ceilings = self._ceilings(client, acquaintance, now)
        clauses = [f"limits of {ceilings.whose}" + (" under stress" if self.stressed else "")]
        counts = self._counts(self._sources.get(client.source, now), client.source)
        clauses += [_counted(field, count, ceilings.most[field]) for field, count in enumerate(counts)]
        clauses.append(f"{self._open.count(client.source)} of {ceilings.source_slots} slots of this node for a source")
        clauses.append(f"{self._open.fullest_network(client)} of {ceilings.network_slots} slots for its network")
        slowed = self.slowed(client, acquaintance, now)
        return (*clauses, f"slowed: {slowed}") if slowed is not None else tuple(clauses)

    def would_shed(
        self, client: Client, acquaintance: Acquaintance, sessions: int, now: float, *, allowed: bool = False
    ) -> Shed | None:
        """Say why a connection would not come in, as `admit` does, and count nothing."""
        row = self._sources.get(client.source, now)
        return self._shed(
            client, self._ceilings(client, acquaintance, now), row, acquaintance, sessions, allowed=allowed
        )

    def spent(self, client: Client, acquaintance: Acquaintance, now: float) -> tuple[Spent, ...]:
        """Give the rates of a client that are used up now."""
        row = self._sources.get(client.source, now)
        if row is None:
            return ()
        ceilings = self._ceilings(client, acquaintance, now)
        found = []
        for field in _RATES:
            count, limit = row.own[field] + row.others[field], ceilings.most[field]
            room = limit if field == OCTETS else limit - HALF
            if count > room:
                seconds = (PERIODS[field] or 0.0) * math.log(count / room)
                reason = _over(field, count, limit, ceilings.whose, stressed=self.stressed)
                found.append(Spent(field, reason, seconds))
        return tuple(found)

    def open_here(self, source: bytes) -> int:
        """Give the sessions of a source on this node."""
        return self._open.count(source)

    def busiest(self, now: float, count: int) -> tuple[Busy, ...]:
        """Give the sources with the most open sessions here, most first."""
        ordered = sorted(self._open.sources(), key=lambda item: item[1], reverse=True)[:count]
        return tuple(
            Busy(source, here, self._counts(self._sources.get(source, now), source)) for source, here in ordered
        )

    def _plan(self) -> None:
        settings = self.settings
        self._normal = Plan(settings, settings.normal, self._members)
        self._stress = Plan(settings, settings.stressed, self._members)
        self._network_most = most(settings.network)

    def _ceilings(self, client: Client, acquaintance: Acquaintance, now: float) -> Ceilings:
        if self._classes is not None:
            ceilings = self._classes[self.stressed].of(client.source)
            if ceilings is not None:
                return ceilings
        plan = self._stress if self.stressed else self._normal
        if self.marked(client.source, now):
            return plan.marked
        return plan.by_acquaintance[acquaintance]

    def _shed(
        self,
        client: Client,
        ceilings: Ceilings,
        row: Row | None,
        acquaintance: Acquaintance,
        sessions: int,
        *,
        allowed: bool,
    ) -> Shed | None:
        shed = self._no_slot(client, ceilings, acquaintance, sessions, allowed=allowed)
        if shed is None and not allowed:
            shed = self._too_many(client, ceilings, row) or (self._too_often(ceilings, row) if row else None)
        return shed

    def _no_slot(
        self, client: Client, ceilings: Ceilings, acquaintance: Acquaintance, sessions: int, *, allowed: bool
    ) -> Shed | None:
        if sessions >= self._slots:
            return Shed("slots", f"{sessions} sessions on this node, limit {self._slots}", capacity=True)
        if sessions >= self._open_to_all and acquaintance is not Acquaintance.KNOWN_GOOD and not allowed:
            kept = self._slots - self._open_to_all
            return Shed("reserve", f"{sessions} of {self._slots} slots taken, {kept} are kept for known-good sources")
        here = self._open.count(client.source)
        if here >= ceilings.source_slots:
            return Shed("source share", f"{here} slots of this node, limit {ceilings.source_slots} for one source")
        here = self._open.fullest_network(client)
        if here >= ceilings.network_slots:
            return Shed("network share", f"{here} slots of this node, limit {ceilings.network_slots} for one network")
        return None

    def _too_many(self, client: Client, ceilings: Ceilings, row: Row | None) -> Shed | None:
        """Hold a source against its sessions, here and elsewhere."""
        sessions = self._open.count(client.source) + (row.others[SESSIONS] if row else 0.0)
        limit = ceilings.most[SESSIONS]
        if sessions < limit:
            return None
        return Shed("sessions", _over(SESSIONS, sessions + 1, limit, ceilings.whose, stressed=self.stressed))

    def _too_often(self, ceilings: Ceilings, row: Row) -> Shed | None:
        """Hold a source against the rates that are judged when it connects."""
        own, others, limits = row.own, row.others, ceilings.most
        count = own[CONNECTIONS] + others[CONNECTIONS]
        if count > limits[CONNECTIONS] - HALF:
            reason = _over(CONNECTIONS, count + 1, limits[CONNECTIONS], ceilings.whose, stressed=self.stressed)
            return Shed("connections", reason)
        count = own[OCTETS] + others[OCTETS]
        if count > limits[OCTETS]:
            return Shed("octets", _over(OCTETS, count, limits[OCTETS], ceilings.whose, stressed=self.stressed))
        return None

    def _enter(self, client: Client, ceilings: Ceilings, row: Row, now: float) -> None:
        self._sources.put(row, SESSIONS, float(self._open.enter(client)))
        self._sources.add(row, CONNECTIONS, 1.0)
        if ceilings.in_network:
            self._networks.add(self._networks.row(client.network, now), CONNECTIONS, 1.0)

    def _one_more(self, field: int, client: Client, acquaintance: Acquaintance, now: float) -> str | None:
        ceilings = self._ceilings(client, acquaintance, now)
        row = self._sources.row(client.source, now)
        count = row.own[field] + row.others[field]
        if count > ceilings.most[field] - HALF:
            return _over(field, count + 1, ceilings.most[field], ceilings.whose, stressed=self.stressed)
        self._sources.add(row, field, 1.0)
        if ceilings.in_network:
            self._networks.add(self._networks.row(client.network, now), field, 1.0)
        return None

    def _counts(self, row: Row | None, source: bytes) -> tuple[float, ...]:
        """Give what is counted of a source; its sessions as they are here and as the others tell."""
        here = float(self._open.count(source))
        if row is None:
            return (here, *(0.0 for _ in _RATES))
        return (here + row.others[SESSIONS], *(row.own[field] + row.others[field] for field in _RATES))


def _counted(field: int, count: float, limit: float) -> str:
    return f"{_figure(count)} {COUNTED[field]}, limit {limit:.0f}"


def _over(field: int, count: float, limit: float, whose: str, *, stressed: bool) -> str:
    return f"{_figure(count)} {COUNTED[field]}, limit {limit:.0f} for {whose}{' under stress' if stressed else ''}"


def _figure(count: float) -> str:
    """Write a count that fades: with some digits behind the point while that is worth reading."""
    return f"{count:.4g}" if count < 1000.0 else f"{count:.0f}"
