"""One protected domain's way: its next hops, its lane and its backlog, made of its configuration.

A `DomainWay` outlives reloads as long as nothing of its domain changed; a change makes a new lane over the same
backlog, so that nothing in the spool is read again and no attempt under way is broken off.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, frozen
from twisted.internet.defer import Deferred, gatherResults

from shieldrelay.assembly import translation
from shieldrelay.assembly.fellowship import Fellowship
from shieldrelay.assembly.outages import Outages
from shieldrelay.config.delivery import Delivery
from shieldrelay.config.domain import Domain
from shieldrelay.config.schema import Configuration
from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.lane import Lane
from shieldrelay.delivery.queue import Queue
from shieldrelay.delivery.schedule import Randomness
from shieldrelay.ports import Journal, Resolver, WallClock, Witness
from shieldrelay.spool.maildir import Spool
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.outbound import PooledNextHop
from shieldrelay.wire.outbound_settings import Reactor
from shieldrelay.wire.tls_client import ClientContexts, ClientTls


@frozen
class WayTools:
    """What every domain's way is made with; the same for the life of the process.

    :ivar fellowship: of the lanes with those of other members; ``None`` when there can be none.
    """

    reactor: Reactor
    resolver: Resolver
    deadlines: Deadlines
    spool: Spool
    outages: Outages
    aftermath: Aftermath
    witness: Witness
    wall: WallClock
    rnd: Randomness
    journal: Journal
    fellowship: Fellowship | None


class WayOutages:
    """What one way tells of its next hops' down-times; a way that was replaced tells nothing any more.

    Its last attempts may fail when the way after it works, and would leave an outage in the ledger that nobody ends.
    """

    def __init__(self, outages: Outages) -> None:
        self._outages = outages
        self._retired = False

    def retire(self) -> None:
        """Tell nothing any more."""
        self._retired = True

    def down(self, domain: str, seconds_ago: float) -> None:
        """An outage began, so many seconds ago."""
        if not self._retired:
            self._outages.down(domain, seconds_ago)

    def up(self, domain: str, seconds_ago: float = 0.0) -> None:
        """It is over, since so many seconds."""
        if not self._retired:
            self._outages.up(domain, seconds_ago)


@frozen
class Hop:
    """One next hop with the TLS that it gets."""

    next_hop: PooledNextHop
    tls: ClientTls


@define(eq=False)
class DomainWay:
    """One protected domain.

    :ivar made_of: the configuration it was made of.
    :ivar former: the lane to other servers that its own replaced.
    """

    name: str
    made_of: tuple[Domain, Delivery]
    hops: tuple[Hop, ...]
    lane: Lane
    queue: Queue
    outages: WayOutages
    former: Lane | None = None

    @property
    def suspicious(self) -> bool:
        """Whether refusals of recipients are doubted now (R5)."""
        guard = self.lane.machines.guard
        return guard is not None and guard.holds_back

    @property
    def announced_size(self) -> int | None:
        """The least SIZE that the next hops announced last (RFC 1870, R9), ``None`` when none did."""
        sizes = [hop.next_hop.size_limit for hop in self.hops if hop.next_hop.size_limit]
        return min(sizes, default=None)

    def close(self) -> Deferred[list[None]]:
        """Start nothing more, and close the next hops' connections once they are idle."""
        self.lane.stop()
        return gatherResults([hop.next_hop.stop() for hop in self.hops])


class WayMaker:
    """Makes ways."""

    def __init__(self, tools: WayTools) -> None:
        self._tools = tools

    def make(
        self, configuration: Configuration, domain: Domain, contexts: ClientContexts, before: DomainWay | None
    ) -> DomainWay:
        """Make a domain's way; nothing of it runs yet.

        :param before: the way that it replaces, whose backlog it takes over.
        :raises CertificateFault: (or SecretFault) when a file of the domain cannot be used.
        """
        hops = self._hops(configuration, domain, contexts)
        outages = WayOutages(self._tools.outages)
        lane = self._lane(configuration, domain, [hop.next_hop for hop in hops], outages)
        if before is None:
            queue = self._queue(configuration, domain, lane)
        else:
            queue = before.queue
        return DomainWay(domain.domain, (domain, configuration.delivery), tuple(hops), lane, queue, outages)

    def renew(
        self, configuration: Configuration, domain: Domain, contexts: ClientContexts, before: DomainWay | None
    ) -> DomainWay:
        """Give a domain's way under a new configuration: the one before when nothing of it changed.

        A domain whose settings name files is made anew in any case, for they may hold something else now.
        """
        if before is None or before.made_of != (domain, configuration.delivery):
            return self.make(configuration, domain, contexts, before)
        if not (domain.next_hop_tls_ca or domain.next_hop_certificate or domain.next_hop_auth):
            return before
        return self.make(configuration, domain, contexts, before)

    def replace(self, way: DomainWay, before: DomainWay | None) -> None:
        """Let a new way begin where its domain stands.

        Towards the same servers its breaker and what else the lane knew go on. Towards others it begins anew, but for
        an outage in the ledger, which lasts until one of them is seen to work: they are tried at once.
        """
        if before is not None and before.made_of == way.made_of:
            way.lane.go_on_from(before.lane)
            return
        if before is not None:
            before.outages.retire()
            way.former = before.lane
        since = self._tools.outages.down_since(way.name)
        if since is not None:
            way.lane.resume_outage(max(0.0, self._tools.wall() - since))
            way.lane.probe_now()

    def bind(self, way: DomainWay, configuration: Configuration) -> None:
        """Let a way's lane serve its backlog from now on."""
        way.queue.serve(way.lane, translation.schedule(configuration), translation.lifetimes(configuration))
        way.lane.backlog_due = way.queue.has_due
        way.lane.changed = way.queue.pump
        way.lane.watch.waits = lambda: way.queue.window.total
        fellowship = self._tools.fellowship
        if fellowship is not None and not way.lane.joined:
            fellowship.join(way.lane, way.former)
        way.former = None

    def _hops(self, configuration: Configuration, domain: Domain, contexts: ClientContexts) -> list[Hop]:
        tools = self._tools
        settings = translation.outbound(configuration, domain)
        wanted = translation.client_tls(configuration, domain)
        hops = []
        for server in (server for group in domain.next_hops for server in group):
            tls = ClientTls(wanted, contexts)
            next_hop = PooledNextHop(
                tools.reactor,
                server.host,
                server.port,
                resolver=tools.resolver,
                settings=settings,
                deadlines=tools.deadlines,
                journal=tools.journal,
                tls=tls,
            )
            hops.append(Hop(next_hop, tls))
        return hops

    def _lane(
        self, configuration: Configuration, domain: Domain, hops: Sequence[PooledNextHop], outages: WayOutages
    ) -> Lane:
        tools = self._tools
        lane = Lane(
            domain.domain,
            hops,
            translation.machines(configuration, domain),
            outages,
            slot_wait=configuration.delivery.slot_wait,
            clock=tools.reactor,
            journal=tools.journal,
        )
        lane.witness = tools.witness
        return lane

    def _queue(self, configuration: Configuration, domain: Domain, lane: Lane) -> Queue:
        tools = self._tools
        return Queue(
            domain.domain,
            tools.spool,
            lane,
            tools.aftermath,
            tools.outages.of(domain.domain),
            schedule=translation.schedule(configuration),
            lifetimes=translation.lifetimes(configuration),
            clock=tools.reactor,
            wall=tools.wall,
            rnd=tools.rnd,
            journal=tools.journal,
        )
