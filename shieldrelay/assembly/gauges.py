"""What is measured when somebody asks for metrics: samples, from the house's objects. Changes nothing.

Used by `assembly.watch`. A node of thousands of domains gives some ten lines for each.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from shieldrelay import __version__
from shieldrelay.assembly import pictures_lists
from shieldrelay.assembly.house import House
from shieldrelay.assembly.shield import descriptors_open
from shieldrelay.assembly.ways import DomainWay
from shieldrelay.cluster.exchange import HubState
from shieldrelay.config.domain import Domain
from shieldrelay.delivery.guard import Suspicion
from shieldrelay.metrics.exposition import Sample
from shieldrelay.recipients.freshness import Freshness
from shieldrelay.shield.harvest import Level as HarvestLevel
from shieldrelay.spool.headroom import Level
from shieldrelay.spool.name import NOTICES
from shieldrelay.wire.inbound import InboundConnection
from shieldrelay.wire.lookups import Load

_SPOOL = {Level.OK: 0, Level.WARN: 1, Level.REFUSE: 2}
_HUB = {HubState.LOCAL: 0, HubState.SHARED: 1, HubState.DEGRADED: 2}
_HARVEST = {HarvestLevel.CALM: 0, HarvestLevel.WARY: 1, HarvestLevel.SHIELD: 2}
_PAGE_OCTETS = os.sysconf("SC_PAGE_SIZE")


def samples(house: House, started: float) -> Iterator[Sample]:
    """Give all of them.

    :param started: when the process started, seconds since the epoch.
    """
    yield Sample("build_info", 1, (__version__,))
    yield Sample("start_time_seconds", started)
    yield from process()
    yield from _incoming(house)
    yield from _spool(house)
    yield from _shared(house)
    yield from _lookups(house.shield.lookups.load())
    wall, lists = house.wall(), house.recipients.lists
    levels = {one.name: one.level for one in house.shield.defences.harvest.domains(house.shield.seconds())}
    for domain in house.configuration.domains:
        way = house.ways.get(domain.domain)
        if way is None:
            continue
        yield from _way(way, wall)
        level = levels.get(domain.domain, HarvestLevel.CALM)
        yield Sample("harvest_shield_level", _HARVEST[level], (domain.domain,))
        yield from _list(house, domain, lists.directory.size(domain.domain), wall)
    yield Sample("queue_notices", house.spool.count(NOTICES).entries)


def process() -> Iterator[Sample]:
    """Give what the system says of this process."""
    with Path("/proc/self/statm").open("rb") as opened:
        resident = int(opened.read().split()[1])
    yield Sample("process_resident_memory_bytes", resident * _PAGE_OCTETS)
    yield Sample("process_cpu_seconds_total", time.process_time())
    yield Sample("process_open_fds", descriptors_open())
    yield Sample("process_max_fds", resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _incoming(house: House) -> Iterator[Sample]:
    sessions = [one for one in house.sessions.everyone() if isinstance(one, InboundConnection)]
    yield Sample("smtp_sessions", len(sessions))
    yield Sample("smtp_sessions_in_transaction", sum(one.in_transaction for one in sessions))
    yield Sample("smtp_connections_accepted_total", house.listeners.accepted)
    yield Sample("content_memory_bytes", house.surroundings.budget.used)
    yield Sample("content_memory_limit_bytes", house.surroundings.budget.limit)
    yield Sample("stress", house.shield.defences.stress.on)
    yield Sample("journal_lines_lost_total", house.journal.lost)
    yield Sample("tls_certificate_expiry_timestamp_seconds", house.tls.expires)


def _spool(house: House) -> Iterator[Sample]:
    space = house.capacity.space
    yield Sample("spool_state", _SPOOL[house.capacity.headroom.level])
    if space is not None:
        yield Sample("spool_free_bytes", space.octets_free)
        yield Sample("spool_free_inodes", space.inodes_free)


def _shared(house: House) -> Iterator[Sample]:
    exchange = house.shield.exchange
    yield Sample("hub_state", _HUB[exchange.state])
    yield Sample("cluster_members", exchange.members)
    yield Sample("hub_nonsense_total", exchange.nonsense)
    yield Sample("clock_skew_seconds", house.shield.membership.roster.skew)


def _lookups(load: Load) -> Iterator[Sample]:
    yield Sample("lookups_under_way", load.under_way)
    yield Sample("lookup_questions_total", load.questions)
    yield Sample("lookup_senders_skipped_total", load.skipped)
    yield Sample("lookup_senders_late_total", load.late)
    yield Sample("spf_turned_away_total", load.turned_away)


def _way(way: DomainWay, wall: float) -> Iterator[Sample]:
    name, window, machines = (way.name,), way.queue.window, way.lane.machines
    oldest = window.oldest()
    yield Sample("queue_messages", window.total, name)
    yield Sample("queue_bytes", window.octets, name)
    yield Sample("queue_oldest_seconds", 0 if oldest is None else max(0.0, wall - oldest.arrived), name)
    yield Sample("queue_in_flight", way.lane.slots.used, name)
    yield Sample("next_hop_up", machines.breaker.passes, name)
    yield Sample("next_hop_connections", sum(hop.next_hop.connections for hop in way.hops), name)
    guard = machines.guard
    yield Sample("bounce_guard_holding", guard is not None and guard.suspicion is Suspicion.HOLDING, name)


def _list(house: House, domain: Domain, listed: int | None, wall: float) -> Iterator[Sample]:
    name = domain.domain
    if listed is not None:
        yield Sample("recipients_listed", listed, (name,))
    if domain.recipients.anyone:
        return
    try:
        freshness, confirmed = house.recipients.lists.freshness(name, wall)
    except KeyError:  # a reload is taking the domain away
        return
    yield Sample("recipients_state", 1, (name, pictures_lists.state(house, domain)))
    if confirmed is not None:
        yield Sample("recipients_confirmed_timestamp_seconds", confirmed, (name,))
        yield Sample("recipients_stale", freshness is not Freshness.FRESH, (name,))
