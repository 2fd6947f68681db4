"""What senders did in the past, and what it earns them (R19).

Per source, per network, and per sender domain whose SPF passed: messages that next hops took, on which days, how many
recipients were unknown, and when something was done that no lawful client does. Days are wall-clock days counted from
the epoch, ``now`` reactor seconds; both are arguments. Pure judgement, asked by `shield.gate` at every connection;
its tables are shared and snapshotted (R31). Cannot fail: a full table forgets first who sent mail on one day only.

Only who sent mail, or did a heavy wrong, has a row: a botnet that asks for recipients pushes nobody's good name out.
"""

from __future__ import annotations

from shieldrelay.cluster.table import Row, Table
from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.history_kinds import ASKED, DOMAINS, NETWORKS, SECOND, SOURCES, UNKNOWN, VIOLATION
from shieldrelay.shield.history_record import (
    is_bad,
    messages_of,
    missing,
    note_mail,
    proves_good,
    recent_days,
    unknown_share,
)

GOOD_NEIGHBOURS = 3
"""Sources with mail on two days or more that make a network's history one of several sources."""


class History:
    """Remembers.

    :ivar tables: what members share and what is snapshotted.
    """

    def __init__(self) -> None:
        self._sources = Table(SOURCES)
        self._networks = Table(NETWORKS)
        self._domains = Table(DOMAINS)
        self.tables = (self._sources, self._networks, self._domains)

    def acquaintance(self, client: Client, day: int, now: float) -> Acquaintance:
        """Say what a client's past earns it."""
        row = self._sources.get(client.source, now)
        if row is not None:
            if proves_good(row, day):
                return Acquaintance.KNOWN_GOOD
            if is_bad(row, day):
                return Acquaintance.STRANGER
        network = self._networks.get(client.network, now)
        if network is not None and len(network.names or ()) >= GOOD_NEIGHBOURS and proves_good(network, day):
            return Acquaintance.NEIGHBOUR
        return Acquaintance.STRANGER

    def domain_acquaintance(self, domain: str, day: int, now: float) -> Acquaintance:
        """Say what the past of a sender domain earns it; only when SPF passed for this client and this domain.

        :param domain: in its comparison form.
        """
        row = self._domains.get(domain.encode(), now)
        good = row is not None and proves_good(row, day)
        return Acquaintance.KNOWN_GOOD if good else Acquaintance.STRANGER

    def delivered(self, client: Client, messages: int, day: int, now: float) -> None:
        """Note messages of a client that next hops took."""
        source = self._sources.row(client.source, now)
        note_mail(self._sources, source, messages, day)
        network = self._networks.row(client.network, now)
        note_mail(self._networks, network, messages, day)
        if source.own[SECOND]:
            self._sources.hold_dear(source)
            self._networks.hold_dear(network)
            self._networks.name(network, int.from_bytes(client.source, "big"))

    def domain_delivered(self, domain: str, messages: int, day: int, now: float) -> None:
        """Note messages of a sender domain whose SPF passed."""
        row = self._domains.row(domain.encode(), now)
        note_mail(self._domains, row, messages, day)
        if row.own[SECOND]:
            self._domains.hold_dear(row)

    def asked(self, client: Client, asked: int, unknown: int, now: float) -> None:
        """Note recipients that a client asked for, and how many of them do not exist.

        Of a client that never sent mail nothing is kept: that is the business of `shield.harvest`.
        """
        for table, key in ((self._sources, client.source), (self._networks, client.network)):
            self._asked(table, key, asked, unknown, now)

    def domain_asked(self, domain: str, asked: int, unknown: int, now: float) -> None:
        """Note recipients that a sender domain whose SPF passed asked for."""
        self._asked(self._domains, domain.encode(), asked, unknown, now)

    def heavy_violation(self, client: Client, day: int, now: float) -> None:
        """Note what no lawful client does: the source's good name is gone for 60 days, and its network's."""
        self._sources.put(self._sources.row(client.source, now), VIOLATION, float(day))
        network = self._networks.get(client.network, now)
        if network is not None:
            self._networks.put(network, VIOLATION, float(day))

    def release(self, source: bytes, now: float) -> None:
        """Forgive a source its violation and its unknown recipients; each member is told by the change log (R30)."""
        row = self._sources.get(source, now)
        if row is not None:
            for field in (VIOLATION, ASKED, UNKNOWN):
                self._sources.put(row, field, 0.0)

    def explain(self, client: Client, day: int, now: float) -> tuple[str, ...]:
        """Say in clauses what is remembered of a client, and what it earns it."""
        clauses = [self.acquaintance(client, day, now).value]
        row = self._sources.get(client.source, now)
        clauses += ["the source has no history"] if row is None else _told("the source", row, day)
        row = self._networks.get(client.network, now)
        if row is not None:
            clauses += _told("its network", row, day)
            names = len(row.names or ())
            if names < GOOD_NEIGHBOURS:
                clauses.append(f"its network: {names} sources with mail on two days, {GOOD_NEIGHBOURS} are wanted")
        return tuple(clauses)

    def _asked(self, table: Table, key: bytes, asked: int, unknown: int, now: float) -> None:
        row = table.get(key, now)
        if row is not None:
            table.add(row, ASKED, asked)
            if unknown:
                table.add(row, UNKNOWN, unknown)


def _told(who: str, row: Row, day: int) -> list[str]:
    days = recent_days(row, day)
    when = f", last {day - days[0]:.0f} days ago" if days else ""
    clause = f"{who}: {messages_of(row, day):.0f} messages taken{when}, {unknown_share(row):.1%} of recipients unknown"
    return [clause, *(f"{who}: {each}" for each in missing(row, day))]
