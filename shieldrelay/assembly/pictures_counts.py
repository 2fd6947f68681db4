"""What has happened since the start, as the journal counts it. Changes nothing. Used by `assembly.pictures`."""

from __future__ import annotations

from collections.abc import Mapping

from shieldrelay.admin.picture import CountsPicture
from shieldrelay.journal import Journal

_REFUSALS = ("connection_refused", "refused")
OTHER = "other"
"""What a refusal counts under that names no defence."""


def counts(journal: Journal) -> CountsPicture:
    """Give the counts."""
    told = journal.counts
    answered = _by_label(told, "transaction")
    accepted = answered.get("accepted", 0)
    return CountsPicture(
        accepted=accepted,
        turned_down=sum(answered.values()) - accepted,
        delivered=_by_label(told, "attempt").get("taken", 0),
        deferred=journal.counted("spooled") + journal.counted("deferred"),
        expired=journal.counted("expired"),
        refused=_by_label(told, *_REFUSALS),
        observed=_by_label(told, "would_refuse"),
    )


def _by_label(counts: Mapping[tuple[str, str], int], *names: str) -> dict[str, int]:
    """Add up some events by their labels."""
    found: dict[str, int] = {}
    for (name, label), count in counts.items():
        if name in names:
            found[label or OTHER] = found.get(label or OTHER, 0) + count
    return found
