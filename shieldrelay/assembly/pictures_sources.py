"""Pictures of sources: why an address is treated as it is, in words and figures. Changes nothing.

The order of `outlook` is that of `shield.admission` and `shield.gate`. Used by `assembly.steering_sources`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from attrs import frozen

from shieldrelay.admin.picture_sources import EntryPicture, RefusalPicture, SourcePicture, WorstPicture
from shieldrelay.assembly import pictures_defences as defences
from shieldrelay.assembly import shield_terms
from shieldrelay.assembly.house import House
from shieldrelay.assembly.pictures_steps import CONNECT, Case, ill_reputed, steps, turned_away
from shieldrelay.cluster.entry import Entry, source_text
from shieldrelay.cluster.hub import ChangeKind
from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.connections import Shed
from shieldrelay.shield.connections_kinds import CONNECTIONS, MESSAGES, OCTETS, RECIPIENTS
from shieldrelay.shield.harvest import Level
from shieldrelay.shield.mode import Mode

_VERBS = {ChangeKind.ALLOW: "allowed", ChangeKind.DENY: "denied", ChangeKind.BAN: "banned"}
_FIELDS = {"connections": CONNECTIONS, "octets": OCTETS}


@frozen
class Outlook:
    """What a client meets now.

    :ivar now: a word of `SourcePicture.now`.
    :ivar until: seconds since the epoch.
    """

    now: str
    why: str = ""
    until: float | None = None


def source(house: House, client: Client) -> SourcePicture:
    """Explain a client."""
    shield, now = house.shield.defences, house.shield.seconds()
    acquaintance = _acquaintance(house, client, now)
    said = house.shield.register.standing(client, shield.calendar.wall(now))
    seen = outlook(house, client)
    allowed = said is not None and said.kind is ChangeKind.ALLOW
    delay = 0.0 if allowed else shield.greeting.delay(client, acquaintance, now, stressed=shield.stress.on)
    return SourcePicture(
        address=client.address,
        source=source_text(client.source),
        network=_network_text(client),
        acquaintance=acquaintance.value,
        now=seen.now,
        why=seen.why,
        until=seen.until,
        entry=None if said is None else entry(said),
        greeting_delay=delay,
        sessions=shield.connections.open_here(client.source),
        stressed=shield.stress.on,
        defences=defences.all_of(house, client, acquaintance, now),
        refusals=_refusals(house, client, now),
        steps=steps(Case(house, client, acquaintance, said, now)),
    )


def outlook(house: House, client: Client) -> Outlook:
    """Say what a connection meets now, and what is asked on it."""
    shield, now = house.shield.defences, house.shield.seconds()
    said = house.shield.register.standing(client, shield.calendar.wall(now))
    if said is not None and said.kind is not ChangeKind.ALLOW:
        return Outlook("refused for good" if said.kind is ChangeKind.DENY else "refused", _said(said), said.until)
    acquaintance = _acquaintance(house, client, now)
    allowed = said is not None
    case = Case(house, client, acquaintance, said, now)
    unlawful = turned_away(case)
    if unlawful is not None:
        return Outlook("refused", f"{unlawful.defence}: {unlawful.why}", unlawful.until)
    harvests = not allowed and shield_terms.modes(house.configuration).harvest is Mode.ENFORCE
    boxed = defences.box_of(shield.harvest, client.source, now) if harvests else None
    if boxed is not None and shield.harvest.connect(client, now) is not None:
        return Outlook("refused", f"harvesting: {boxed.why}", shield.calendar.wall(boxed.until))
    named = ill_reputed(case)
    if named is not None and named.stage == CONNECT:
        return Outlook("refused", f"{named.defence}: {named.why}")
    refused = _shed(house, client, acquaintance, now, allowed=allowed)
    if refused is not None:
        return refused
    if said is not None:
        return Outlook("served", _said(said), said.until)
    if boxed is not None:
        return Outlook("answered alike", f"harvesting: {boxed.why}", shield.calendar.wall(boxed.until))
    alike = _alike(house, client, acquaintance, now) if harvests else None
    if alike is None and named is not None:
        return Outlook("slowed", f"answered 450: {named.defence}: {named.why}")
    return alike or _slowed(house, client, acquaintance, now) or Outlook("served")


def worst(house: House, source: bytes) -> WorstPicture:
    """Give a source's line."""
    shield, now = house.shield.defences, house.shield.seconds()
    seen = outlook(house, client_of_source(source))
    return WorstPicture(
        source=source_text(source),
        state=seen.now,
        why=seen.why,
        until=seen.until,
        sessions=shield.connections.open_here(source),
        connections=round(defences.connections_of(shield.connections, source, now), 1),
    )


def entry(one: Entry) -> EntryPicture:
    """Show what is in force for a network."""
    return EntryPicture(
        network=one.text.removesuffix("/128" if ":" in one.text else "/32"),
        kind=one.kind.value,
        since=None if one.configured else one.at,
        until=one.until,
        reason="" if one.configured else one.reason,
        by=one.by,
        configured=one.configured,
    )


def client_of_source(source: bytes) -> Client:
    """Make the client that stands for a source: its address, or the first of its /64."""
    return client_of(str(IPv4Address(source) if len(source) == 4 else IPv6Address(source + bytes(8))))


def _network_text(client: Client) -> str:
    if client.ipv6:
        return f"{IPv6Address(client.network + bytes(9))}/56"
    return f"{IPv4Address(client.network + bytes(1))}/24"


def _said(said: Entry) -> str:
    if said.configured:
        return f"{entry(said).network} is {_VERBS[said.kind]} by the configuration"
    reason = f": {said.reason}" if said.reason else ""
    return f"{entry(said).network} is {_VERBS[said.kind]} by {said.by}{reason}"


def _acquaintance(house: House, client: Client, now: float) -> Acquaintance:
    shield = house.shield.defences
    return shield.history.acquaintance(client, shield.calendar.day(now), now)


def _shed(
    house: House, client: Client, acquaintance: Acquaintance, now: float, *, allowed: bool
) -> Outlook | None:
    """Say why a connection would not come in for what is open and how often it came."""
    shield, sessions = house.shield.defences, len(house.sessions)
    shortage = shield.stress.shortage(sessions)
    if shortage is not None:
        return Outlook("refused", shortage)
    mode = shield_terms.modes(house.configuration).connections
    exempt = allowed or mode is Mode.OFF
    shed = shield.connections.would_shed(client, acquaintance, sessions, now, allowed=exempt)
    if shed is None or not (shed.capacity or mode is Mode.ENFORCE):
        return None
    return Outlook("refused", shed.reason, _over_at(house, client, acquaintance, shed, now))


def _over_at(house: House, client: Client, acquaintance: Acquaintance, shed: Shed, now: float) -> float | None:
    shield = house.shield.defences
    for spent in shield.connections.spent(client, acquaintance, now):
        if spent.field == _FIELDS.get(shed.counter):
            return shield.calendar.wall(now + spent.seconds)
    return None


def _alike(house: House, client: Client, acquaintance: Acquaintance, now: float) -> Outlook | None:
    """Say at which domain a client hears nothing that depends on the recipient."""
    shield = house.shield.defences
    if acquaintance is Acquaintance.KNOWN_GOOD:
        for domain in house.ways:
            boxed = defences.box_of(shield.harvest, client.source, now, domain)
            if boxed is not None:
                return Outlook("answered alike", f"at {domain}: {boxed.why}", shield.calendar.wall(boxed.until))
        return None
    for picture in shield.harvest.domains(now):
        if picture.level is Level.SHIELD and house.terms.gate.harvest_acts(picture.name):
            why = f"{picture.name} is shielded: strangers are answered alike until they ask again"
            return Outlook("answered alike", f"{why} after {picture.patience:.0f} s")
    return None


def _slowed(house: House, client: Client, acquaintance: Acquaintance, now: float) -> Outlook | None:
    """Say which of its commands are put off, and whether its network slows it."""
    shield = house.shield.defences
    if shield_terms.modes(house.configuration).connections is not Mode.ENFORCE:
        return None
    for spent in shield.connections.spent(client, acquaintance, now):
        if spent.field in (MESSAGES, RECIPIENTS):
            return Outlook("slowed", f"answered 450: {spent.reason}", shield.calendar.wall(now + spent.seconds))
    reason = None if shield.stress.on else shield.connections.slowed(client, acquaintance, now)
    if reason is None:
        return None
    return Outlook("slowed", f"by {shield.connections.settings.network_pause:g} s a message: {reason}")


def _refusals(house: House, client: Client, now: float) -> tuple[RefusalPicture, ...]:
    shield = house.shield.defences
    return tuple(
        RefusalPicture(told.reference, defence, shield.calendar.wall(told.at), told.count + 1)
        for defence, told in shield.telling.refusals(client.source)
    )
