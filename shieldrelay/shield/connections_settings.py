"""Limits of connections: every number in one place, those under stress beside the normal ones (D9).

Values only; `assembly` builds them from the configuration. What cannot be is refused with ValueError when it is
built. Used by `shield.connections`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Any

from attrs import Attribute, field, frozen
from attrs.validators import ge

MEBI = 1 << 20


def _share(_instance: object, attribute: Attribute[Any], value: float) -> None:
    if not 0.0 < value <= 1.0:
        raise ValueError(f"{attribute.name} is a share above 0 and at most 1, not {value}")


def _part(_instance: object, attribute: Attribute[Any], value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{attribute.name} is a part from 0 to below 1, not {value}")


@frozen
class Limits:
    """What one source may do, over all members; `connections_kinds` says what a limit in a period means.

    :ivar sessions: open at once.
    :ivar connections: a minute.
    :ivar messages: a minute; MAIL commands that were let in.
    :ivar recipients: in five minutes; RCPT commands that were let in.
    :ivar handshakes: TLS handshakes a minute.
    :ivar octets: received a minute; noted when a session ends, held against the next connection.
    """

    sessions: int = field(default=10, validator=ge(1))
    connections: int = field(default=30, validator=ge(1))
    messages: int = field(default=60, validator=ge(1))
    recipients: int = field(default=100, validator=ge(1))
    handshakes: int = field(default=20, validator=ge(1))
    octets: int = field(default=200 * MEBI, validator=ge(MEBI))


@frozen
class LimitsByStanding:
    """Limits of a source by what its past earns it.

    :ivar marked: of a source with a bad mark, whatever else is known of it.
    """

    known_good: Limits = Limits(50, 300, 600, 3000, 200, 2048 * MEBI)
    neighbour: Limits = Limits(20, 60, 120, 200, 40, 400 * MEBI)
    stranger: Limits = Limits()
    marked: Limits = Limits(1, 6, 6, 20, 4, 50 * MEBI)


UNDER_STRESS = LimitsByStanding(
    neighbour=Limits(5, 30, 60, 100, 20, 200 * MEBI),
    stranger=Limits(3, 10, 20, 50, 10, 100 * MEBI),
    marked=Limits(1, 2, 2, 10, 2, 10 * MEBI),
)
"""Known-good sources keep what they have."""


@frozen
class SourceClass:
    """A network with limits of its own, which is judged all the same (R23).

    :ivar network: every *source* in it has these limits, whatever its past; of IPv6 at most 64 bits count (R16).
    :ivar stressed: under stress; ``None``: the same.
    :ivar share: of the slots, for each of its sources and networks; ``None``: the node's own shares.
    """

    network: IPv4Network | IPv6Network
    limits: Limits
    stressed: Limits | None = None
    share: float | None = field(default=None)

    @share.validator
    def _is_share(self, attribute: Attribute[Any], value: float | None) -> None:
        if value is not None:
            _share(self, attribute, value)


@frozen
class ConnectionsSettings:
    """All of them.

    :ivar slots: sessions on this node at once.
    :ivar source_share: of the slots, for one source; one slot at least.
    :ivar network_share: of the slots, for one /24, /56 or /48; one slot at least.
    :ivar reserve: part of the slots that is kept for known-good sources (R19).
    :ivar network: limits of a /24 or /56, over which strangers from it are slowed, never refused (R16); ``sessions``
        is not used: the share stands for it.
    :ivar network_pause: seconds by which they are slowed.
    """

    slots: int = field(default=10000, validator=ge(1))
    source_share: float = field(default=0.02, validator=_share)
    network_share: float = field(default=0.10, validator=_share)
    reserve: float = field(default=0.25, validator=_part)
    normal: LimitsByStanding = LimitsByStanding()
    stressed: LimitsByStanding = UNDER_STRESS
    network: Limits = Limits(50, 150, 300, 500, 100, 1024 * MEBI)
    network_pause: float = field(default=5.0, validator=ge(0.0))
