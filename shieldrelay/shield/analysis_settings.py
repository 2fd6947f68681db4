"""The declared numbers of the analysis of connections. Values only; `assembly` builds them from the configuration."""

from __future__ import annotations

from attrs import field, frozen

from shieldrelay.shield.mode import Mode


@frozen
class AnalysisSettings:
    """Thresholds in points of the score, times in seconds.

    :ivar slow: from here on answers to MAIL wait.
    :ivar refuse: from here on what weighs anything ends its session, and the source is refused at connect for a while.
    :ivar ban: here a ban is called for.
    :ivar pause: how long an answer waits at the threshold; longer in proportion to the score, up to ``pause_most``.
    :ivar refuse_for: how long a source is refused at connect.
    :ivar ban_for: how long the first ban lasts; each further one twice as long, up to ``ban_most``.
    :ivar remembered: seconds after a ban in which the next one is longer.
    :ivar own_names: what we are called, in lower case.
    :ivar own_addresses: where we listen, as text.
    """

    mode: Mode = Mode.ENFORCE
    slow: float = 10.0
    refuse: float = 40.0
    ban: float = 100.0
    pause: float = 2.0
    pause_most: float = 10.0
    refuse_for: float = 600.0
    ban_for: float = 1800.0
    ban_most: float = 86400.0
    remembered: float = 7 * 86400.0
    own_names: frozenset[str] = field(default=frozenset(), eq=False)
    own_addresses: frozenset[str] = field(default=frozenset(), eq=False)
