"""What is counted about harvesting, and how members share it: declarations only.

Every number fades by itself or is a moment; nothing here needs a timer. Used by ``shield.harvest*``; the tables are
registered with the exchange by `assembly`.
"""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.cluster.kinds import Field, Kind, Merge

MINUTES, HOUR, DAY = 600.0, 3600.0, 86400.0
"""Half-lives in seconds; the first is ten minutes."""

(
    FAST, SLOW, EVIDENCE, SILENT, LISTED, OPEN, ABANDONED, FREED, PENDING, REPEATED, RECENT, PROVEN, OFFENCES, UNTIL,
    OFFENDED, COMMANDS, PAROLED,
) = range(17)  # fmt: skip
"""The fields of a source, and of a known-good source at one domain."""

_ONE, _TWO, _SOME = 0.75, 1.5, 4.0
"""What a source is suspected for is news to all from the first, what everybody does when it is more than a little."""

_LADDER = (
    Field("fast", MINUTES, quiet=_ONE),  # unknown ones answered truthfully
    Field("slow", DAY, quiet=_ONE),  # the same
    Field("evidence", MINUTES, quiet=_ONE),  # what it added to domains' evidence
    Field("silent", DAY, quiet=_ONE),  # unknown ones asked for and answered like all others
    Field("listed", DAY, quiet=_SOME),  # distinct valid ones asked for
    Field("open", HOUR, lease=True, quiet=_SOME),  # granted, no message yet
    Field("abandoned", DAY, quiet=_ONE),  # granted, no message came
    Field("freed", DAY, quiet=_ONE),  # unknown ones that patience was answered with
    Field("pending", DAY, quiet=_SOME),  # first asks remembered
    Field("repeated", MINUTES, quiet=_SOME),  # asked again under a shield
    Field("recent", MINUTES, quiet=_SOME),  # granted
    Field("proven", 30 * DAY, quiet=_SOME),  # granted, and a message came
    Field("offences", merge=Merge.MAX),
    Field("until", merge=Merge.MAX, moment=True),  # the end of the box
    Field("offended", merge=Merge.MAX, moment=True),  # the last cut
    Field("commands", quiet=_SOME),  # RCPTs since the cut
    Field("paroled", merge=Merge.MAX, moment=True),  # the end of the box after which one more was allowed
)


def danger(totals: Sequence[float]) -> float:
    """Order rows of the ladder: the more offences and suspicion, the worse."""
    return 100.0 * totals[OFFENCES] + totals[FAST] + totals[SLOW] + totals[SILENT] + totals[ABANDONED]


SOURCES = Kind(
    "harvest.source", _LADDER, lifetime=7 * DAY, names=64, octets=48 << 20, families=True, danger=danger, kept=True
)
"""By source (R16): strangers and neighbours, over all domains."""
PAIRS = Kind("harvest.pair", _LADDER, lifetime=60 * DAY, names=64, octets=16 << 20, danger=danger, kept=True)
"""By source and domain: sources with a good name, whose budget is each domain's own (R19)."""

WAITING = 0
ASKING = Kind(
    "harvest.asking",
    # faded soon, should its client have gone away, and hardly within the time that an answer waits
    (Field("waiting", 10.0, lease=True),),
    lifetime=60.0,
    octets=4 << 20,
    families=True,
)
"""By source: unknown ones asked for that wait for their answer."""

NETWORK_FAST, NETWORK_SLOW, NETWORK_EVIDENCE, NETWORK_FREED = range(4)
NETWORKS = Kind(
    "harvest.network",
    tuple(
        Field(name, half_life, quiet=_ONE)
        for name, half_life in (("fast", MINUTES), ("slow", DAY), ("evidence", MINUTES), ("freed", DAY))
    ),
    lifetime=2 * DAY,
    octets=8 << 20,
    families=True,
)
"""By /24 or /56: only slows down."""

(
    STRONG, LASTING, UNFOLLOWED, RETRIED, COUNTED, FREED_UNKNOWN, FREED_LISTED, HOT, SHIELDED, RELIEF, RATE, LEARNT,
    HOUR_BEGAN, HOUR_COUNTED,
) = range(14)  # fmt: skip
"""The fields of a domain."""
DOMAINS = Kind(
    "harvest.domain",
    (
        Field("strong", MINUTES, quiet=_TWO),  # evidence: D
        Field("lasting", 6 * HOUR, quiet=_TWO),  # evidence: S
        Field("unfollowed", MINUTES, lease=True, quiet=_SOME),  # granted to sources without a good name, no message yet
        Field("retried", MINUTES, quiet=_TWO),  # asked again under the shield: H
        Field("counted", quiet=_SOME),  # evidence ever, for the baseline
        Field("freed_unknown", HOUR, quiet=_TWO),  # unknown ones told to the patient at this step
        Field("freed_listed", HOUR, quiet=_TWO),  # valid ones granted to the patient at this step
        Field("hot", merge=Merge.MAX, moment=True),  # last over the threshold
        Field("shielded", merge=Merge.MAX, moment=True),  # last time under the shield
        Field("relief", merge=Merge.MAX, moment=True),  # when patience is back at its first step
        Field("rate", merge=Merge.MAX),  # the baseline, per second
        Field("learnt", merge=Merge.MAX),  # seconds for which it has been learnt
        Field("hour_began", merge=Merge.MAX, moment=True),  # of the baseline
        Field("hour_counted", merge=Merge.MAX),  # ``counted`` at that moment
    ),
    lifetime=30 * DAY,
    octets=8 << 20,
    kept=True,
)
"""By protected domain."""

FIRST_ASKED = 0
PENDINGS = Kind(
    "harvest.pending",
    (Field("first", merge=Merge.MIN, moment=True),),
    lifetime=DAY,
    octets=8 << 20,
)
"""By sender and recipient, not by address: a pool may retry from another."""
