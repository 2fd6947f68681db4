"""The declared limits of the defence against directory harvest, with their defaults (``[shield.harvest]``).

Values only: no counting, no time. Built by `assembly.translation` from the configuration; a reload gives
`shield.harvest.Harvest` another one. The figures come from the simulation in ``bench/harvest``.
"""

from __future__ import annotations

from attrs import field, frozen

from shieldrelay.shield.acquaintance import Acquaintance


@frozen
class ByAcquaintance:
    """One number for each kind of source."""

    good: float
    half: float
    stranger: float

    def of(self, acquaintance: Acquaintance) -> float:
        """Give the number for one kind."""
        if acquaintance is Acquaintance.KNOWN_GOOD:
            return self.good
        return self.half if acquaintance is Acquaintance.NEIGHBOUR else self.stranger


@frozen
class Budget:
    """What one kind of source may do; all numbers of distinct recipients.

    :ivar fast: unknown ones answered truthfully, halved every 10 minutes.
    :ivar slow: the same, halved every 24 hours.
    :ivar open: granted ones whose message has not come yet.
    :ivar abandoned: granted ones whose message never came, halved every 24 hours.
    :ivar network_fast: of the whole network, before its sources need patience.
    :ivar network_slow: likewise.
    """

    fast: float
    slow: float
    open: float
    abandoned: float
    network_fast: float
    network_slow: float


@frozen
class HarvestSettings:
    """All of it; times in seconds, everything else in distinct recipients unless it says otherwise.

    :ivar allowance: see `Budget.fast`; a stranger's is 1 while the domain is wary, a known-good source's is halved
        while it is wary and quartered while it is shielded.
    :ivar allowance_slow: see `Budget.slow`.
    :ivar open_recipients: see `Budget.open`; each unknown recipient divides it by ``open_divisor``, down to 1.
    :ivar abandoned_recipients: see `Budget.abandoned`.
    :ivar network: see `Budget.network_fast`; a tired network only waits, it is never boxed (R16).
    :ivar network_slow: see `Budget.network_slow`.
    :ivar good_share: unknown share above which a known-good source is cut at a third of its allowance.
    :ivar proven: recipients of messages to a domain before history earned elsewhere counts there (R19).
    :ivar box: how long a source is cut; doubled with each offence.
    :ivar box_slow: likewise, when the slow count did it.
    :ivar box_max: the longest.
    :ivar uniform_commands: RCPTs of a session answered alike before it is closed.
    :ivar refuse_after: RCPTs since the cut after which connections are refused.
    :ivar tarpit: how much longer each answer to a suspect takes per unknown recipient.
    :ivar tarpit_most: the longest.
    :ivar shield_floor: evidence at which a domain without noise is shielded.
    :ivar shield_z: how many standard deviations above its noise.
    :ivar wary_floor: likewise, for the level below.
    :ivar wary_z: likewise.
    :ivar slow_floor: evidence of the slow count at which it is shielded.
    :ivar slow_z: likewise.
    :ivar hold: how long the shield stays up after the last hit.
    :ivar convalescence: how long a domain stays wary after a shield.
    :ivar patience: how old a retry must be before it is answered truthfully, step by step.
    :ivar patience_half: the same for a neighbour whose network is clean.
    :ivar step_after: unknown ones released at a step before the next.
    :ivar releases_source: unknown ones that a source is told by retrying, in 24 hours.
    :ivar releases_network: likewise, a network.
    :ivar pending_per_source: first asks of a source that are remembered, in 24 hours.
    """

    allowance: ByAcquaintance = ByAcquaintance(12, 3, 2)
    allowance_slow: ByAcquaintance = ByAcquaintance(50, 8, 4)
    open_recipients: ByAcquaintance = ByAcquaintance(1000, 50, 15)
    open_divisor: float = 5.0
    abandoned_recipients: ByAcquaintance = ByAcquaintance(60, 24, 12)
    network: ByAcquaintance = ByAcquaintance(60, 12, 6)
    network_slow: ByAcquaintance = ByAcquaintance(300, 40, 16)
    good_share: float = 0.4
    proven: float = 5.0
    box: float = 1800.0
    box_slow: float = 21600.0
    box_max: float = 86400.0
    uniform_commands: int = 3
    refuse_after: int = 10
    tarpit: float = 2.0
    tarpit_most: float = 10.0
    shield_floor: float = 10.0
    shield_z: float = 6.0
    wary_floor: float = 5.0
    wary_z: float = 3.0
    slow_floor: float = 40.0
    slow_z: float = 4.0
    hold: float = 900.0
    convalescence: float = 21600.0
    patience: tuple[float, ...] = (300.0, 1800.0, 7200.0, 14400.0)
    patience_half: float = 60.0
    step_after: int = 3
    releases_source: float = 1.0
    releases_network: float = 2.0
    pending_per_source: float = 10.0
    budgets: dict[Acquaintance, Budget] = field(init=False, repr=False, eq=False)

    @budgets.default
    def _by_acquaintance(self) -> dict[Acquaintance, Budget]:
        """Turn the tables, so that one look-up gives all that one source is held against."""
        columns = (self.allowance, self.allowance_slow, self.open_recipients, self.abandoned_recipients,
                   self.network, self.network_slow)  # fmt: skip
        return {each: Budget(*(column.of(each) for column in columns)) for each in Acquaintance}
