"""The lanes of one node among those of the other members: `delivery.fellows`, bound to the shared view (R4, R6, R30).

What a lane finds out of its servers becomes a decision of the cluster, and what others decide is brought to the lane;
connections, rates and the right to probe are stakes; the successes of a ramp are a row of a shared table, one for each
ramp. Made when the hub can have other members; a node that is alone has none. Cannot fail: what others say of domains
that are not protected here concerns nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from shieldrelay.cluster.change import Change, ChangeKind, Realm
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.kinds import Field, Kind
from shieldrelay.cluster.stakes import Stakes
from shieldrelay.cluster.table import Table
from shieldrelay.delivery.fellows import Fellows
from shieldrelay.delivery.lane import Lane
from shieldrelay.ports import Clock, WallClock

RAMPS = Kind("next_hop_ramp", (Field("successes"),), lifetime=3600.0, octets=1 << 20)
"""How many attempts the servers of a domain answered since they came back, by domain and return."""

SHORTEST_DRILL_SECONDS = 1.0
"""The end of a drill is told as one that ends soon: of what is over already nobody is told."""


class Fellowship:
    """All lanes of one node.

    :param ramps: of kind `RAMPS`, and shared.
    :param wall: a `Timepiece`.
    :param name: what the others call this member.
    :param lane_of: gives the lane that serves a domain now.
    """

    def __init__(
        self,
        decisions: Decisions,
        stakes: Stakes,
        ramps: Table,
        clock: Clock,
        wall: WallClock,
        name: str,
        lane_of: Callable[[str], Lane | None],
    ) -> None:
        self.decisions = decisions
        self.ramps = ramps
        self.clock = clock
        self.wall = wall
        self.name = name
        self._stakes = stakes
        self._lane_of = lane_of
        self._speaking = False
        decisions.on(Realm.NEXT_HOP, self._hear)

    def join(self, lane: Lane, before: Lane | None = None) -> None:
        """Let a lane share its servers with the others' from now on, and tell it what they have found.

        :param before: see `Lane.join`.
        """
        domain = lane.domain.encode("ascii")
        lane.join(
            Fellows(
                _Voice(self, lane, domain),
                self._stakes.stake(b"hop:" + domain),
                self._stakes.stake(b"rate:" + domain) if lane.machines.pace.limited else None,
                self._stakes.stake(b"probe:" + domain),
            ),
            before,
        )
        latest = self.decisions.latest(Realm.NEXT_HOP, domain)
        if latest is not None and not latest.is_over(self.wall()):
            self._tell(lane, latest)

    def say(self, kind: ChangeKind, domain: bytes, until: float | None, reason: str) -> Change:
        """Tell the other members, and not ourselves."""
        self._speaking = True
        try:
            return self.decisions.decide(kind, domain, until, reason, self.name)
        finally:
            self._speaking = False

    def _hear(self, change: Change) -> None:
        """Bring another member's word to its lane."""
        if self._speaking:
            return
        lane = self._lane_of(change.subject.decode("ascii", "replace"))
        if lane is not None and lane.joined:
            self._tell(lane, change)

    def _tell(self, lane: Lane, change: Change) -> None:
        now = self.wall()
        ago = max(0.0, now - change.at)
        if change.kind is ChangeKind.UP:
            lane.watch.hear_up(ago, change.by)
        elif change.kind is ChangeKind.CONTRADICTED:
            lane.watch.hear_contradiction(ago, change.by)
        elif change.kind is ChangeKind.DOWN:
            drill = None if change.until is None else max(0.0, change.until - now)
            lane.watch.hear_down(ago, change.reason, change.by, drill)


class _Voice:
    """Tells the others what one lane found out; `delivery.fellows.Voice`."""

    def __init__(self, fellowship: Fellowship, lane: Lane, domain: bytes) -> None:
        self._fellowship = fellowship
        self._lane = lane
        self._domain = domain
        self._ramp = b""

    def down(self, reason: str, seconds: float | None = None) -> None:
        """Tell that the server is down."""
        fellowship = self._fellowship
        until = None if seconds is None else fellowship.wall() + max(SHORTEST_DRILL_SECONDS, seconds)
        fellowship.say(ChangeKind.DOWN, self._domain, until, reason)

    def up(self) -> None:
        """Tell that it answers again."""
        self._fellowship.say(ChangeKind.UP, self._domain, None, "its probe was answered")

    def contradict(self) -> None:
        """Tell that it never stopped answering here."""
        self._fellowship.say(ChangeKind.CONTRADICTED, self._domain, None, "it answers here")

    def ramp_begins(self) -> None:
        """Count from 0: in a row whose key is made of the word that began the ramp, which all members know."""
        change = self._fellowship.decisions.latest(Realm.NEXT_HOP, self._domain)
        self._ramp = b"" if change is None else sha256(b"%s %s" % (self._domain, change.id.encode())).digest()[:16]

    def succeeded(self) -> None:
        """Count one."""
        if self._ramp:
            ramps = self._fellowship.ramps
            ramps.add(ramps.row(self._ramp, self._fellowship.clock.seconds()), 0, 1.0)

    def others_succeeded(self) -> int:
        """Give what the others have."""
        row = self._fellowship.ramps.get(self._ramp, self._fellowship.clock.seconds()) if self._ramp else None
        return 0 if row is None else int(row.others[0])
