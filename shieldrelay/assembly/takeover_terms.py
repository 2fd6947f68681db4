"""Of what a node's takeovers are made (R15): who is present, and which parts are those of workers that it had."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from shieldrelay.assembly.house import House
from shieldrelay.assembly.takeover import Takeover
from shieldrelay.cluster.exchange import HubState
from shieldrelay.config.schema import Configuration


def takeover_of(house: House) -> Takeover:
    """Make a node's takeovers; nothing runs yet."""
    exchange = house.shield.exchange
    takeover = Takeover(
        house.spool,
        house.outages,
        house.notice_queue,
        lambda: house.ways,
        present=present_parts(house),
        stakes=None if exchange.state is HubState.LOCAL else exchange.stakes,
        former=former_worker(house.configuration),
        patience=house.configuration.cluster.takeover,
        clock=house.reactor,
        wall=house.wall,
        journal=house.journal,
    )
    house.capacity.taken = takeover.taken
    return takeover


def present_parts(house: House) -> Callable[[], Collection[str] | None]:
    """Give the parts of all members that live; ``None`` while that cannot be known, or this node is on its way out."""
    exchange, membership = house.shield.exchange, house.shield.membership

    def present() -> Collection[str] | None:
        if exchange.state is not HubState.SHARED or membership.roster.met_since is None or membership.state != "up":
            return None
        return {card.part for card in membership.roster.cards}

    return present


def former_worker(configuration: Configuration) -> Callable[[str], bool]:
    """Tell the parts of workers that the node has no more; its first process, or its only one, has them.

    :param configuration: this process's (`config.workers.as_worker`).
    """
    if configuration.worker > 1:
        return lambda _part: False
    numbered = re.compile(re.escape(configuration.member) + r"\.([1-9][0-9]{0,3})\Z")

    def is_former(part: str) -> bool:
        match = numbered.match(part)
        return match is not None and int(match[1]) > max(1, configuration.workers)

    return is_former
