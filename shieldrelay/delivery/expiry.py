"""When delivery is given up (RFC 5321 §4.5.4.1, R7).

The lifetime counts only time in which the next hop was up: a week's outage takes nothing from a message's week. The
intervals come from the durable ledger of down-times; here is only the sum. Wall-clock seconds, no clock, no spool.
Called by ``delivery.queue`` before a message is tried again or given up. Cannot fail.
"""

from __future__ import annotations

LIFETIME_SECONDS = 7 * 86400.0
"""The default lifetime, of time in which the next hop was up."""
HARD_LIFETIME_SECONDS = 30 * 86400.0
"""The default end of every message, however long the outage."""


def expires_at(arrived_wall: float, lifetime: float, hard_lifetime: float, overlap: float) -> float:
    """Give the wall-clock time at which a message is given up.

    While the next hop is down the overlap grows as fast as the time, so the result moves ahead of the message until
    `hard_lifetime` ends it.

    :param arrived_wall: when the message was accepted.
    :param lifetime: seconds of up-time it may wait.
    :param hard_lifetime: seconds it may wait in all; ends it even where the lifetime is set longer.
    :param overlap: seconds since its arrival in which the next hop was down, from the ledger.
    """
    return arrived_wall + min(lifetime + max(overlap, 0.0), hard_lifetime)
