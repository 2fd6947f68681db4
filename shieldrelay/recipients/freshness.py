"""How old a list is, by its source's last word. Pure."""

from __future__ import annotations

from enum import Enum

from shieldrelay.recipients.settings import ListKind, ListSettings


class Freshness(Enum):
    """When the source last confirmed a list."""

    FRESH = "fresh"
    STALE = "stale"
    """A warning: imports have failed for a day or so."""
    OLD = "old"
    """An alarm: for a week."""


def freshness(settings: ListSettings, confirmed_at: float, now: float) -> Freshness:
    """Tell how fresh a list is; only what is fetched ages.

    :param confirmed_at: seconds since the epoch, as ``now``; one that lies ahead is fresh.
    """
    if settings.kind is not ListKind.FETCHED:
        return Freshness.FRESH
    age = now - confirmed_at
    if age >= settings.old_after:
        return Freshness.OLD
    return Freshness.STALE if age >= settings.stale_after else Freshness.FRESH


def next_change(settings: ListSettings, confirmed_at: float, now: float) -> float | None:
    """Give the time at which a list becomes less fresh, seconds since the epoch."""
    if settings.kind is not ListKind.FETCHED:
        return None
    return min(
        (at for at in (confirmed_at + settings.stale_after, confirmed_at + settings.old_after) if at > now),
        default=None,
    )
