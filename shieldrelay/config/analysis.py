"""Settings of ``[shield.analysis]``: what becomes of clients that do what no lawful client does. Declarations only."""

from __future__ import annotations

from shieldrelay.config.kinds import Count
from shieldrelay.config.mode import Mode, mode
from shieldrelay.config.quantities import Duration
from shieldrelay.config.setting import section, setting

_POINTS = Count(1, 100_000)


@section
class Analysis:
    """Violations of the protocol and exploit strings, weighed by source; docs/defence-analysis.md has the weights.

    What is unlawful is refused in any case; here is what it earns its source besides.
    """

    mode: Mode = mode(
        "enforce: refuse exploit strings, slow, refuse and ban. observe: count apart and journal it only. off: do not "
        "look."
    )
    slow: int = setting(_POINTS, default=10, help="Points from which on answers to MAIL wait.")
    refuse: int = setting(
        _POINTS, default=40, help="Points from which on sessions are ended, and the source is refused at connect."
    )
    ban: int = setting(_POINTS, default=100, help="Points at which a source is banned.")
    pause: float = setting(
        Duration("0s", "30s"), default="2s", help="How long an answer waits at slow; longer in proportion to points."
    )
    pause_most: float = setting(Duration("0s", "60s"), default="10s", help="The longest that an answer waits.")
    refuse_for: float = setting(Duration("1m", "1d"), default="10m", help="How long a source is refused at connect.")
    ban_for: float = setting(
        Duration("1m", "7d"), default="30m", help="How long the first ban lasts; doubled with each, up to ban_most."
    )
    ban_most: float = setting(Duration("1m", "7d"), default="24h", help="The longest ban.")
    remembered: float = setting(
        Duration("1h", "14d"), default="7d", help="How long after a ban the next one is longer."
    )
