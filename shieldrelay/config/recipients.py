"""Settings of ``[recipients]``: how lists of recipients are kept, for all domains. Declarations only."""

from __future__ import annotations

from shieldrelay.config.kinds import Count, Flag
from shieldrelay.config.quantities import Duration, Octets, Share
from shieldrelay.config.setting import section, setting, subsection

REFRESH = Duration("10s", "30d")
OBSERVE = Duration("0s", "365d")
SHRINK = Share(0, 100)
AGE = Duration("1m", "365d")


@section
class Imports:
    """What reading one list from its source may cost; beyond that the import fails and the list in force stays."""

    at_once: int = setting(Count(1, 64), default=2, help="Imports at once, each in a process of its own.")
    octets: int = setting(
        Octets("1KiB", "1TiB"), default="512MiB", help="Octets of a list, as unpacked, before and after."
    )
    entries: int = setting(Count(1, 100_000_000), default=5_000_000, help="Recipients of a list.")
    timeout: float = setting(Duration("1s", "1d"), default="15m", help="The longest import.")
    idle_timeout: float = setting(
        Duration("1s", "1h"), default="60s", help="The longest silence of a server; for its connection too."
    )
    memory: int = setting(Octets("64MiB", "1TiB"), default="512MiB", help="Memory of an import's process.")


@section
class Recipients:
    """The lists of who exists, as versions: a new one is checked before it takes the place of the old (D7)."""

    refresh: float = setting(REFRESH, default="1h", help="How often a list is read again from its source.")
    stale_after: float = setting(
        AGE, default="24h", help="How long after its last confirmation by its source a list counts as stale: a warning."
    )
    old_after: float = setting(AGE, default="7d", help="The same, as old: an alarm.")
    enforce_old: bool = setting(
        Flag(),
        default=True,
        help="Whether an old list still refuses. If not, recipients that it does not have are taken and journalled.",
    )
    shrink_guard: float = setting(
        SHRINK,
        default="20%",
        help=(
            "Share of the recipients that a new version may lack before it is refused; an empty one always is. "
            "100%: any share."
        ),
    )
    shrink_least: int = setting(
        Count(0, 100_000_000), default=10, help="Recipients that may be missing whatever the share is."
    )
    faults: int = setting(
        Count(0, 1_000_000), default=20, help="Lines that may be no recipients before a new version is refused."
    )
    fault_share: float = setting(
        Share(0, 100), default="1%", help="The same, as a share of all lines; both must be kept."
    )
    patterns: int = setting(
        Count(0, 1000), default=100, help="Entries of a list that may be patterns, such as sales-*."
    )
    keep: int = setting(Count(1, 100), default=3, help="Versions of a list that are kept, the one in force included.")
    observe_first: float = setting(
        OBSERVE,
        default="3d",
        help=(
            "How long the first list from a directory or a URL only observes: who is not on it is taken, and "
            "journalled as would have been refused (R27). Lists in files that you name refuse at once."
        ),
    )
    imports: Imports = subsection(Imports, factory=Imports, help="")
