"""From counts to a score, and from a score to what a source may do. Pure arithmetic; cannot fail.

A score is the share of what speaks against a source in all that is known of it, damped by a doubt: 100 is never
reached, and one bad message of a hundred is one in a hundred. Used by `shield.reputation` and what belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from attrs import frozen

from shieldrelay.shield.reputation_kinds import (
    CONNECTIONS,
    CONTENT,
    HAM,
    REFUSED,
    SPAM,
    TAKEN,
    UNKNOWN,
    VIOLATIONS,
)
from shieldrelay.shield.reputation_settings import ReputationSettings, Weights

CEILING = 95.0
"""What is done beyond this score counts no more: it would only take longer to be forgotten."""
_NEARLY = 0.5
"""Counts fade while they grow: five connections in a day are not quite five."""


class Band(IntEnum):
    """What a source may do; the more the worse."""

    CLEAN = 0
    THROTTLE = 1
    """So many messages an hour, each answered late."""
    TEMPFAIL = 2
    """A few messages an hour; the others are asked to come later."""
    REJECT = 3
    """Connections are refused, for now."""

    @property
    def better(self) -> Band:
        """One step towards clean."""
        return Band(max(0, self - 1))


@frozen
class Counts:
    """What a row of counts comes to.

    :ivar score: 0 to 100.
    :ivar signals: kinds of evidence that weigh enough to be signals, in words.
    :ivar enough: whether there is enough of it to act upon.
    """

    score: float
    signals: tuple[str, ...]
    enough: bool


_IN_WORDS = (
    (REFUSED, "refused by next hops"),
    (UNKNOWN, "unknown recipients"),
    (VIOLATIONS, "violations"),
    (CONTENT, "content"),
    (SPAM, "reports of spam"),
)


def weighed(totals: Sequence[float], weights: Weights) -> tuple[float, float]:
    """Give what speaks for a source, and what against it, in messages taken."""
    bad = (
        totals[REFUSED] * weights.refused
        + totals[UNKNOWN] * weights.unknown
        + totals[VIOLATIONS]
        + totals[CONTENT] * weights.content
        + totals[SPAM] * weights.spam
    )
    return totals[TAKEN] + weights.ham * totals[HAM], bad


def score(totals: Sequence[float], settings: ReputationSettings, faded: float = 1.0) -> float:
    """Give the score of a row.

    :param faded: what the counts are to be multiplied by: 0.5 after one half-life.
    """
    good, bad = weighed(totals, settings.weights)
    return 100.0 * bad * faded / ((good + bad) * faded + settings.doubt) if bad > 0.0 else 0.0


def room(totals: Sequence[float], field: int, settings: ReputationSettings) -> float:
    """Give how much more of one kind of evidence counts: up to the ceiling, or until it is a signal for days."""
    weight = _weights(settings.weights)[field - REFUSED]
    good, bad = weighed(totals, settings.weights)
    below = CEILING * (good + settings.doubt) / (100.0 - CEILING) - bad
    return max(below, 2.0 * settings.signal - totals[field] * weight) / weight if weight else 0.0


def judged(totals: Sequence[float], settings: ReputationSettings, faded: float = 1.0) -> Counts:
    """Give what a row comes to."""
    against = _against(totals, settings.weights)
    signals = tuple(words for words, weight in against if weight * faded >= settings.signal)
    return Counts(score(totals, settings, faded), signals, enough(totals, settings, faded))


def enough(totals: Sequence[float], settings: ReputationSettings, faded: float = 1.0) -> bool:
    """Whether there is enough evidence to act upon."""
    if totals[CONNECTIONS] * faded > settings.connections - _NEARLY:
        return True
    return (totals[TAKEN] + totals[REFUSED] + totals[CONTENT]) * faded > settings.messages - _NEARLY


def band_of(score: float, signals: int, settings: ReputationSettings) -> Band:
    """Give the band of a score; the worst one only with a second signal."""
    if score < settings.throttle:
        return Band.CLEAN
    if score < settings.tempfail:
        return Band.THROTTLE
    return Band.TEMPFAIL if score < settings.reject or signals < 2 else Band.REJECT


def together(one: float, other: float) -> float:
    """Give the score of two that know nothing of each other."""
    return 100.0 - (100.0 - one) * (100.0 - other) / 100.0


def listed_score(weight: int, settings: ReputationSettings) -> float:
    """Give the score of what lists and feeds say together."""
    if weight < settings.threshold:
        return 0.0
    return min(CEILING, settings.listed * weight / settings.threshold)


def _against(totals: Sequence[float], weights: Weights) -> tuple[tuple[str, float], ...]:
    each_weight = zip(_IN_WORDS, _weights(weights), strict=True)
    return tuple((words, totals[field] * weight) for (field, words), weight in each_weight)


def _weights(weights: Weights) -> tuple[float, ...]:
    """Give the weights of what speaks against a source, in the order of the fields."""
    return weights.refused, weights.unknown, 1.0, weights.content, weights.spam
