"""What is looked at every few seconds since no event tells it: certificates, attacks under way, addresses of nodes.

Used by `assembly.watch`. Changes nothing but the board.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence

from shieldrelay.alarms.board import Board
from shieldrelay.alarms.rules import End
from shieldrelay.assembly.house import House
from shieldrelay.config.hosts import IpNetwork
from shieldrelay.shield.harvest import Level

_DAY = 86400.0


def look(house: House, board: Board) -> None:
    """Look at all of it."""
    _certificate(house, board)
    _attacks(house, board)
    _nodes(house, board)


def _certificate(house: House, board: Board) -> None:
    expires = house.tls.expires
    left = expires - house.wall()
    if left > house.configuration.alarms.certificate:
        board.end(End("certificate", "", "it was renewed"))
    elif not board.is_open("certificate", ""):
        day = time.strftime("%Y-%m-%d", time.gmtime(expires))
        board.open("certificate", "", f"it ends on {day}, in {left / _DAY:.0f} days" if left > 0 else f"it ended {day}")


def _attacks(house: House, board: Board) -> None:
    """Say how bad an attack is at its worst."""
    for one in house.shield.defences.harvest.domains(house.shield.seconds()):
        if one.level is Level.SHIELD:
            board.worst("attack", one.name, one.evidence, "{:.0f} unknown recipients in 10 minutes")


def _nodes(house: House, board: Board) -> None:
    allowed = house.configuration.alarms.nodes
    seen = set()
    for card in house.shield.membership.roster.cards if allowed else ():
        about = card.node + (f" worker {card.worker}" if card.worker else "")
        if _is_outside(card.address, allowed):
            seen.add(about)
            if not board.is_open("member_unnamed", about):
                board.open("member_unnamed", about, f"{card.address} is in none of [alarms] nodes")
    for alarm in board.opened():
        if alarm.kind == "member_unnamed" and alarm.about not in seen:
            board.end(End("member_unnamed", alarm.about, "it is let in now, or gone"))


def _is_outside(address: str, allowed: Sequence[IpNetwork]) -> bool:
    """Whether a member's address is an IP address, and none of those that are let in."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not any(parsed in network for network in allowed)
