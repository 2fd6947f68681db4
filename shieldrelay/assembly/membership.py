"""`Membership`: this process as a member of the cluster: the card that it shows, and the roster of those it meets.

Made by `assembly.shield`; outlives reloads. The fingerprint on the card says part by part how the settings look that
all members should have alike; what a node has of its own (names, ports, certificates, disks, sizes) is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import attrs

from shieldrelay import __version__
from shieldrelay.assembly.storage import storage_of
from shieldrelay.cluster.departed import Departed
from shieldrelay.cluster.hub import Card, Hub
from shieldrelay.cluster.roster import Roster
from shieldrelay.config.schema import Configuration
from shieldrelay.ports import Clock, Journal, WallClock

ALIKE = ("smtp", "networks", "shield", "stress", "recipients", "content", "delivery", "domains")
"""Parts of the configuration that all members should have alike."""
_OWN = {"smtp": ("max_sessions", "memory")}
"""What of them a node's size decides."""
_DIGITS = 10


class Membership:
    """One member.

    :param wall: the system's clock itself: whether it is wrong is what others want to know.
    :param stressed: says whether this member itself is under stress.
    :ivar roster: all members.
    :ivar departed: those that are missing.
    :ivar state: as the card shows it, ``up``, ``draining`` or ``leaving``; see `become`.
    """

    def __init__(
        self,
        configuration: Configuration,
        hub: Hub,
        clock: Clock,
        wall: WallClock,
        journal: Journal,
        rnd: Callable[[], float],
        member: str,
        stressed: Callable[[], bool],
    ) -> None:
        self.state = "up"
        self._wall = wall
        self._member = member
        self._stressed = stressed
        self._configuration = configuration
        self._storage = "" if hub.alone else storage_of(configuration.node.spool)
        self._alone = hub.alone
        self._fingerprint = ""
        self.roster = Roster(hub, clock, journal, self.card, rnd)
        self.departed = Departed()
        self.roster.changed.append(lambda: self.departed.see(self.roster.cards, member))
        self.configure(configuration)

    def configure(self, configuration: Configuration) -> None:
        """Show another configuration."""
        self._configuration = configuration
        self._fingerprint = "" if self._alone else fingerprint_of(configuration)
        self.roster.show()

    def become(self, state: str) -> None:
        """Show another state, at once: ``up``, ``draining`` or ``leaving``."""
        self.state = state
        self.roster.show()

    def card(self) -> Card:
        """Write our card."""
        configuration = self._configuration
        cluster = configuration.cluster
        address = cluster.advertise or cluster.listen
        return Card(
            member=self._member,
            node=configuration.node.hostname,
            worker=configuration.worker,
            version=__version__,
            address="" if address is None else str(address),
            fingerprint=self._fingerprint,
            state=self.state,
            stressed=self._stressed(),
            part=configuration.member,
            storage=self._storage,
            at=self._wall(),
        )


def fingerprint_of(configuration: Configuration) -> str:
    """Give a word ``part:hash`` for each part that members should have alike."""
    words = []
    for part in ALIKE:
        plain = _plain(getattr(configuration, part))
        for own in _OWN.get(part, ()):
            del plain[own]
        words.append(f"{part}:{sha256(repr(plain).encode()).hexdigest()[:_DIGITS]}")
    return " ".join(words)


def _plain(value: Any) -> Any:
    """Give a setting's value in a form whose words do not depend on the process."""
    if attrs.has(type(value)):
        return {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value)) if field.eq}
    if isinstance(value, Mapping):
        return sorted((str(key), repr(_plain(one))) for key, one in value.items())
    if isinstance(value, set | frozenset):
        return sorted(repr(_plain(one)) for one in value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
