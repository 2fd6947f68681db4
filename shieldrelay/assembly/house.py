"""The long-lived objects of a node, as the assembly's own parts see them: a table, and what is asked of all of it."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define, field

from shieldrelay.assembly.capacity import Capacity
from shieldrelay.assembly.front import Front
from shieldrelay.assembly.lists import RecipientLists
from shieldrelay.assembly.outages import Outages
from shieldrelay.assembly.peers import Peers
from shieldrelay.assembly.reputation import NodeReputation
from shieldrelay.assembly.shield import NodeFacts, Shield
from shieldrelay.assembly.terms import Surroundings, Terms
from shieldrelay.assembly.ways import DomainWay, WayMaker
from shieldrelay.config.schema import Configuration
from shieldrelay.delivery.notice_queue import NoticeQueue
from shieldrelay.delivery.notices import Notices
from shieldrelay.journal import Journal
from shieldrelay.ports import WallClock
from shieldrelay.spool.maildir import Spool
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.inbound_tools import InboundTools
from shieldrelay.wire.listeners import Listeners
from shieldrelay.wire.threads import Threads
from shieldrelay.wire.tls_server import ServerTls


class Watch(Protocol):
    """Who watches the node: `assembly.watch.NodeWatch`."""

    def configured(self) -> None:
        """Go by the configuration in force."""

    def besides(self) -> list[str]:
        """Give what is wrong and shows nowhere else in the node's picture, a line each."""


class Trace(Protocol):
    """The index of the journal: `assembly.trace.NodeTrace`."""

    def adopt(self) -> None:
        """Go by the configuration in force."""


@define(eq=False)
class House:
    """One node.

    :ivar configuration: in force.
    :ivar ways: by protected domain.
    :ivar sessions: the deadlines of clients; ``connections`` those of next hops.
    :ivar inbound: what new sessions begin with; its ``terms`` change with the configuration.
    :ivar peers: the other nodes; ``None`` when there are none to talk to.
    :ivar front: where people and programs come in; ``None`` in one of several processes.
    :ivar watch: who watches it; made with the service.
    :ivar trace: the index of its journal; made with the service.
    :ivar retired: ways that a reload replaced and that still have attempts under way.
    :ivar orphans: domains that are not protected any more, with mail in the spool when that was noticed.
    """

    reactor: Any
    wall: WallClock
    journal: Journal
    configuration: Configuration
    threads: Threads
    spool: Spool
    shield: Shield
    reputation: NodeReputation
    recipients: RecipientLists
    outages: Outages
    capacity: Capacity
    notices: Notices
    notice_queue: NoticeQueue
    way_maker: WayMaker
    ways: dict[str, DomainWay]
    surroundings: Surroundings
    tls: ServerTls
    sessions: Deadlines
    connections: Deadlines
    inbound: InboundTools
    listeners: Listeners
    terms: Terms
    peers: Peers | None = None
    front: Front | None = None
    watch: Watch | None = None
    trace: Trace | None = None
    retired: list[DomainWay] = field(factory=list)
    orphans: set[str] = field(factory=set)

    def all_ways(self) -> list[DomainWay]:
        """Give every way on which something may be under way."""
        return [*self.ways.values(), *self.retired]

    def facts(self) -> NodeFacts:
        """Say what the node has in hand, for the watch over stress."""
        transactions = sum(1 for one in self.sessions.everyone() if getattr(one, "in_transaction", False))
        budget = self.surroundings.budget
        return NodeFacts(len(self.sessions), transactions, budget.used, budget.limit)

    def tell_certificates(self) -> None:
        """Tell the journal which certificates are in force, and what is wrong with them."""
        lines = self.tls.describe()
        for shown, line in zip(self.tls.shown, lines, strict=False):
            expires, names = round(shown.expires), list(shown.names)
            self.journal.event("certificate", file=shown.source, names=names, expires=expires, reason=line)
        for warning in lines[len(self.tls.shown) :]:
            self.journal.event("certificate", reason=warning)

    def orphaned(self, domain: str) -> None:
        """Note a domain that is not protected any more, and raise the alarm if mail of it is in the spool."""
        waiting = self.spool.count(domain).entries
        if waiting:
            self.orphans.add(domain)
            reason = f"{waiting} messages are spooled for a domain that is not configured"
            self.journal.event("alarm", alarm="orphaned mail", domain=domain, reason=reason)
