"""Pictures of what each defence knows of a client. Changes nothing. Used by `assembly.pictures_sources`."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.admin.picture_sources import DefencePicture
from shieldrelay.assembly import shield_terms
from shieldrelay.assembly.house import House
from shieldrelay.mail.client import Client
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.analysis import Analysis
from shieldrelay.shield.connections import Connections
from shieldrelay.shield.connections_kinds import CONNECTIONS
from shieldrelay.shield.harvest import Harvest, Level
from shieldrelay.shield.harvest_kinds import ABANDONED, COMMANDS, OFFENCES, SILENT, SLOW, UNTIL
from shieldrelay.shield.mode import Mode

_LEAST = 0.05


@frozen
class Box:
    """A source that is cut off.

    :ivar until: reactor seconds.
    :ivar why: with what is still known of the reason, which fades.
    """

    until: float
    why: str


def all_of(house: House, client: Client, acquaintance: Acquaintance, now: float) -> tuple[DefencePicture, ...]:
    """Give every defence's picture."""
    shield = house.shield.defences
    modes = shield_terms.modes(house.configuration)
    observed = shield.harvest_observed.explain(client, now)
    pictures = [
        _connections(house, client, acquaintance, now, modes.connections),
        _harvest(house, client, acquaintance, now, modes.harvest),
        *([DefencePicture("harvest", Mode.OBSERVE.value, told=tuple(observed))] if observed else []),
        DefencePicture(
            "greeting", shield.greeting.settings.mode.value, told=tuple(shield.greeting.explain(client, now))
        ),
        _analysis(shield.examination.analysis, client, now),
        DefencePicture(
            "reputation",
            modes.reputation.value,
            told=shield.reputation.explain(client, acquaintance, now, shield.calendar.wall(now)),
        ),
        DefencePicture(
            "lawful",
            shield.lawful.settings.mode.value,
            told=shield.lawful.explain(client, now, house.shield.lookups.reverse(client)),
        ),
        DefencePicture("history", told=shield.history.explain(client, shield.calendar.day(now), now)[1:]),
    ]
    return tuple(pictures)


def _analysis(analysis: Analysis, client: Client, now: float) -> DefencePicture:
    return DefencePicture(
        "analysis",
        analysis.settings.mode.value,
        refuses=analysis.connect(client, now) or "",
        told=analysis.explain(client, now),
    )


def box_of(harvest: Harvest, source: bytes, now: float, domain: str | None = None) -> Box | None:
    """Give the box that a source is in.

    :param domain: of a known-good source, whose boxes are each domain's own.
    """
    sources, pairs = harvest.tables[0], harvest.tables[1]
    table, key = (sources, source) if domain is None else (pairs, b"%b@%b" % (source, domain.encode()))
    row = table.get(key, now)
    if row is None or table.total(row, UNTIL) <= now:
        return None
    said = [
        f"{table.total(row, field):.1f} {words}"
        for field, words in (
            (SLOW, "unknown recipients told of in 24 hours"),
            (SILENT, "asked for and not told"),
            (ABANDONED, "granted without a message"),
        )
        if table.total(row, field) >= _LEAST
    ]
    times = table.total(row, OFFENCES)
    again = f" for the {times:.0f}th time" if times > 3 else ("", "", " for the second time", " for the third time")[
        int(times)
    ]
    said.append(f"cut off{again}, {table.total(row, COMMANDS):.0f} RCPTs since")
    return Box(table.total(row, UNTIL), ", ".join(said))


def connections_of(connections: Connections, source: bytes, now: float) -> float:
    """Give the connections of a source in the last minute, about."""
    table = connections.tables[0]
    row = table.get(source, now)
    return 0.0 if row is None else table.total(row, CONNECTIONS)


def _connections(
    house: House, client: Client, acquaintance: Acquaintance, now: float, mode: Mode
) -> DefencePicture:
    shield = house.shield.defences
    shed = shield.connections.would_shed(client, acquaintance, len(house.sessions), now)
    spent = shield.connections.spent(client, acquaintance, now)
    reason, until = ("" if shed is None else shed.reason), None
    if spent:
        reason = reason or spent[0].reason
        until = shield.calendar.wall(now + max(each.seconds for each in spent))
    told = shield.connections.explain(client, acquaintance, now)
    return DefencePicture("connections", mode.value, "" if mode is Mode.OFF else reason, until, told)


def _harvest(
    house: House, client: Client, acquaintance: Acquaintance, now: float, mode: Mode
) -> DefencePicture:
    shield = house.shield.defences
    box = box_of(shield.harvest, client.source, now)
    told = shield.harvest.explain(client, now)
    if acquaintance is not Acquaintance.KNOWN_GOOD:
        told += [
            f"{each.name} is shielded: strangers are answered alike until they ask again after {each.patience:.0f} s"
            for each in shield.harvest.domains(now)
            if each.level is Level.SHIELD
        ]
    if box is None or mode is Mode.OFF:
        return DefencePicture("harvest", mode.value, told=tuple(told))
    refused = shield.harvest.connect(client, now) is not None
    words = "cut off, connections are refused" if refused else "cut off, every recipient is answered alike"
    return DefencePicture("harvest", mode.value, words, shield.calendar.wall(box.until), tuple(told))
