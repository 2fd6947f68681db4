"""The journal's line of an attempt, written when it has ended. Called by `delivery.lane`."""

from __future__ import annotations

from shieldrelay.mail.outcome import AttemptResult, Fate
from shieldrelay.ports import Attempt, Journal


def tell(journal: Journal, domain: str, attempt: Attempt, result: AttemptResult, use: str, seconds: float) -> bool:
    """Write it; whether somebody still waits.

    :param use: ``inline``, ``backlog`` or ``probe``.
    :param seconds: how long it took.
    """
    outcomes = result.outcomes
    worst = next((outcome for outcome in outcomes if outcome.fate is not Fate.TAKEN), outcomes[0])
    journal.event(
        "attempt",
        message=attempt.message.id,
        domain=domain,
        use=use,
        next_hop=result.next_hop,
        health=result.health.value,
        recipients=len(outcomes),
        taken=sum(outcome.fate is Fate.TAKEN for outcome in outcomes),
        result=worst.fate.value,
        reply=None if worst.reply is None else str(worst.reply),
        reason=worst.reason or result.reason,
        tls=result.tls,
        size=attempt.content.size,
        seconds=round(seconds, 4),
    )
    return worst.fate is not Fate.TAKEN and any(outcome.fate is Fate.TRANSIENT for outcome in outcomes)
