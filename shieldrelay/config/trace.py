"""Settings of the trace, ``[trace]``: for how long and in how much room lines of the journal can be found.

Declarations only. Single domains may say less (`config.domain`).
"""

from __future__ import annotations

from enum import Enum

from shieldrelay.config.kinds import Choice, Maybe
from shieldrelay.config.quantities import Duration, Octets
from shieldrelay.config.setting import section, setting


class Addresses(Enum):
    """How addresses stand in the index."""

    PLAIN = "plain"
    VEILED = "veiled"


KEEP = Duration("1d", "3650d")


@section
class Trace:
    """The index of the journal, which `shieldrelayctl trace` searches; kept by a process of its own."""

    keep: float | None = setting(
        Maybe(KEEP),
        default=None,
        example="14d",
        help="How long lines of the journal can be found. Without it: there is no index.",
    )
    size: int = setting(
        Octets("64MiB", "64TiB"),
        default="10GiB",
        help="What the index may take, below [node] state; the oldest goes first. Ten million lines take 1 GiB.",
    )
    free: int = setting(
        Octets("0B", "64TiB"),
        default="1GiB",
        help="What the index leaves free on its disk: below it the oldest goes, and then nothing is added.",
    )
    behind: int = setting(
        Octets("1MiB", "1TiB"),
        default="256MiB",
        help="So much of the journal behind, the index takes samples of whole stories, to come up again.",
    )
    addresses: Addresses = setting(
        Choice(Addresses),
        default="plain",
        help=(
            "veiled: local-parts are kept as keyed hashes, and found by who searches for the address. It holds for "
            "lines that are about no protected domain, and for domains that say nothing themselves. The journal is not "
            "changed."
        ),
    )
