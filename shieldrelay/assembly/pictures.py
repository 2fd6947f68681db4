"""Pictures of a node for its operator: from the house's objects to the values of `admin.picture`. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve
from twisted.internet.defer import Deferred

from shieldrelay import __version__
from shieldrelay.admin.picture import (
    DomainPicture,
    MessagePicture,
    NextHopPicture,
    NodePicture,
    NoticesPicture,
    QueuedPicture,
    RecipientPicture,
    SpoolPicture,
)
from shieldrelay.assembly import pictures_counts, pictures_lists, pictures_shield
from shieldrelay.assembly.house import House
from shieldrelay.assembly.ways import DomainWay, Hop
from shieldrelay.delivery.breaker import State
from shieldrelay.delivery.expiry import expires_at
from shieldrelay.delivery.guard import Suspicion
from shieldrelay.mail.outcome import Fate
from shieldrelay.ports import Content
from shieldrelay.spool.entry import Entry, Record
from shieldrelay.spool.headroom import Level
from shieldrelay.spool.name import NOTICES
from shieldrelay.wire.inbound import InboundConnection

HEADER_OCTETS = 16384
_LEVELS = {Level.OK: "ok", Level.WARN: "low", Level.REFUSE: "refusing"}


def node(house: House, started: float, held: Mapping[str, int]) -> NodePicture:
    """Give the node's picture.

    :param held: messages on hold, by domain.
    """
    shields = pictures_shield.shields(house)
    troubles = house.recipients.lists.troubles()
    sessions = [one for one in house.sessions.everyone() if isinstance(one, InboundConnection)]
    return NodePicture(
        node=house.configuration.node.hostname,
        version=__version__,
        now=house.wall(),
        started=started,
        sessions=len(sessions),
        in_content=sum(one.in_transaction for one in sessions),
        spool=_spool(house),
        notices=_notices(house),
        domains=tuple(
            evolve(
                _domain(house, house.ways[one.domain], held.get(one.domain, 0)),
                **shields.get(one.domain, {}),
                recipients=pictures_lists.state(house, one),
                recipients_trouble=pictures_lists.trouble(house, one, troubles.get(one.domain)),
            )
            for one in house.configuration.domains
            if one.domain in house.ways
        ),
        tls_expires=house.tls.expires,
        tls_names=tuple(name for shown in house.tls.shown for name in shown.names),
        alarms=tuple(_alarms(house)),
        stress=pictures_shield.stress(house),
        hub=pictures_shield.hub(house),
        connections=house.listeners.accepted,
        counts=pictures_counts.counts(house.journal),
    )


def _alarms(house: House) -> list[str]:
    alarms = [f"the spool: {house.capacity.headroom.reason}"] if house.capacity.headroom.reason else []
    for name, way in house.ways.items():
        breaker = way.lane.machines.breaker
        if not breaker.passes:
            alarms.append(f"{name}: its next hops are taken to be down")
        guard = way.lane.machines.guard
        if guard is not None and guard.suspicion is Suspicion.HOLDING:
            alarms.append(f"{name}: suspicious refusals, {guard.reason}")
    for name in sorted(house.orphans - house.ways.keys()):
        waiting = house.spool.count(name).entries
        if waiting:
            alarms.append(f"{name}: {waiting} messages are spooled, and the domain is not configured")
    for name in house.configuration.hidden:
        alarms.append(f"{name}: it was pushed, and a file of the configuration has one of its names, and wins")
    if house.shield.membership.state != "up":
        alarms.append(f"the node is out of service: {house.shield.membership.state}")
    if house.watch is not None:
        alarms += house.watch.besides()
    return alarms


def _spool(house: House) -> SpoolPicture:
    capacity, space = house.capacity, house.capacity.space
    return SpoolPicture(
        house.spool.path,
        _LEVELS[capacity.headroom.level],
        0 if space is None else space.octets_free,
        0 if space is None else space.inodes_free,
        capacity.headroom.reason,
    )


def _notices(house: House) -> NoticesPicture:
    over = house.notices.over_budget
    return NoticesPicture(house.spool.count(NOTICES).entries, house.notices.withheld_count - over, over)


def _domain(house: House, way: DomainWay, held: int) -> DomainPicture:
    machines, window = way.lane.machines, way.queue.window
    breaker, guard = machines.breaker, machines.guard
    oldest = window.oldest()
    since = guard.since if guard is not None and guard.suspicion is Suspicion.HOLDING else None
    return DomainPicture(
        domain=way.name,
        breaker=breaker.state.value,
        since=house.outages.down_since(way.name) or _wall(house, way.lane.since),
        reason=breaker.reason if breaker.state is not State.CLOSED else "",
        drill_until=_wall(house, breaker.probe_at) if breaker.drilling(house.reactor.seconds()) else None,
        queued=window.total,
        held=held,
        octets=window.octets,
        oldest=None if oldest is None else oldest.arrived,
        drain=_drain(house, way) if breaker.passes else None,
        in_flight=way.lane.slots.used,
        ramp_limit=way.lane.limit,
        pace_limit=machines.pace.connections,
        suspicious_since=None if since is None else _wall(house, since),
        next_hops=tuple(_hop(house, way, index, hop) for index, hop in enumerate(way.hops)),
    )


def _drain(house: House, way: DomainWay) -> float | None:
    pace, window = way.lane.machines.pace, way.queue.window
    return way.lane.drain.seconds(
        window.total,
        window.octets,
        house.reactor.seconds(),
        messages_per_second=pace.messages_per_second,
        octets_per_second=pace.octets_per_second,
    )


def _hop(house: House, way: DomainWay, index: int, hop: Hop) -> NextHopPicture:
    down = index in way.lane.machines.route.sitting_out() or not way.lane.machines.breaker.passes
    state = "down" if down else "up" if way.lane.answered else "untried"
    plaintext = hop.tls.plaintext_until(house.reactor.seconds()) is not None
    return NextHopPicture(
        hop.next_hop.name,
        state,
        hop.next_hop.connections,
        "it did not answer the last time" if down and way.lane.machines.breaker.passes else "",
        f"plaintext for a while: {hop.tls.last_failure}" if plaintext else hop.tls.level.value,
    )


def queued(entry: Entry, record: Record | None, state: str) -> QueuedPicture:
    """Give one message of a page; ``record`` is ``None`` when it cannot be read."""
    if record is None:
        return QueuedPicture(entry.id, entry.domain, state, entry.arrived, entry.due, entry.size, name=entry.name)
    envelope = record.message.envelope
    return QueuedPicture(
        entry.id,
        entry.domain,
        state,
        record.message.arrived,
        entry.due,
        entry.size,
        str(envelope.reverse_path),
        tuple(str(recipient.mailbox) for recipient in envelope.recipients),
        record.progress.attempts,
        record.progress.reason,
        entry.name,
    )


def message(house: House, entry: Entry, record: Record, header: bytes, state: str) -> MessagePicture:
    """Give one message in full."""
    envelope, progress, origin = record.message.envelope, record.progress, record.message.origin
    arrived = record.message.arrived
    times = house.configuration.delivery
    overlap = house.outages.overlap(entry.domain, arrived, house.wall())
    return MessagePicture(
        id=entry.id,
        domain=entry.domain,
        state=state,
        arrived=arrived,
        due=entry.due,
        size=entry.size,
        sender=str(envelope.reverse_path),
        recipients=tuple(
            RecipientPicture(str(recipient.mailbox), _recipient_state(progress.settled.get(index)))
            for index, recipient in enumerate(envelope.recipients)
        ),
        expires=expires_at(arrived, times.lifetime, times.hard_lifetime, overlap),
        attempts=progress.attempts,
        last_attempt=progress.last_attempt,
        reason=progress.reason,
        client="" if origin is None else f"{origin.helo} [{origin.address}]",
        header=header.decode("utf-8", "replace"),
    )


def _recipient_state(fate: Fate | None) -> str:
    if fate is None:
        return "waiting"
    return "taken" if fate is Fate.TAKEN else "refused"


async def octets(content: Content) -> bytes:
    """Give all of a content.

    :raises OSError: when it cannot be read.
    """
    reader, blocks = content.open(), list[bytes]()
    try:
        while True:
            read = reader.read()
            block = await read if isinstance(read, Deferred) else read
            if not block:
                return b"".join(blocks)
            blocks.append(block)
    finally:
        reader.close()


async def header(content: Content) -> bytes:
    """Give the beginning of a content's header block.

    :raises OSError: when it cannot be read.
    """
    reader = content.open()
    try:
        read = reader.read()
        block = await read if isinstance(read, Deferred) else read
    finally:
        reader.close()
    return block[:HEADER_OCTETS].partition(b"\r\n\r\n")[0]


def _wall(house: House, monotonic: float) -> float:
    """Give a moment of the reactor's clock as seconds since the epoch."""
    ago: float = house.reactor.seconds() - monotonic
    return house.wall() - ago
