"""What a check was asked and how long it took, for the journal. Arithmetic; the time is an argument."""

from __future__ import annotations

from shieldrelay.content.answers import Accept, Annotate, Refuse

PERIOD_SECONDS = 60.0
"""As often as a check's counts are told at most."""


class Tally:
    """Counts of one check since they were last told.

    :ivar began: seconds of the clock.
    :ivar seconds: that answers took, in sum.
    :ivar longest: the longest of them.
    """

    __slots__ = ("accepted", "annotated", "asked", "began", "failed", "longest", "refused", "seconds")

    def __init__(self, now: float) -> None:
        self._begin(now)

    def _begin(self, now: float) -> None:
        self.began = now
        self.asked = self.accepted = self.annotated = self.refused = self.failed = 0
        self.seconds = self.longest = 0.0

    def note(self, answer: object, took: float) -> None:
        """Count one answer; whatever is none is a failure."""
        self.asked += 1
        self.seconds += took
        self.longest = max(self.longest, took)
        if isinstance(answer, Accept):
            self.accepted += 1
        elif isinstance(answer, Annotate):
            self.annotated += 1
        elif isinstance(answer, Refuse):
            self.refused += 1
        else:
            self.failed += 1

    def due(self, now: float) -> dict[str, object] | None:
        """Give what is to be told, once a period, and begin anew."""
        if now - self.began < PERIOD_SECONDS:
            return None
        fields: dict[str, object] = {
            "asked": self.asked, "accepted": self.accepted, "annotated": self.annotated, "refused": self.refused,
            "failed": self.failed, "seconds": round(self.seconds, 4), "longest": round(self.longest, 4),
            "period": round(now - self.began, 1),
        }  # fmt: skip
        self._begin(now)
        return fields
