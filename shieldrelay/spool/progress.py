"""What attempts to deliver a spooled message came to so far: the part of a record that changes (R12).

It lies in a small sidecar that is replaced as a whole. Losing one costs a duplicate delivery, never a message:
`decode_progress` answers ``None`` to whatever it cannot read. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from shieldrelay.mail.outcome import Fate

_VERSION = 1
_REASON_CHARACTERS = 1000


def _copied(settled: Mapping[int, Fate]) -> Mapping[int, Fate]:
    return dict(settled)


def _clipped(reason: str) -> str:
    return reason[:_REASON_CHARACTERS]


@frozen
class Progress:
    """How far the delivery of one message is.

    :ivar settled: what became for good of recipients, by their index in the envelope; nobody else is done. Only
        `Fate.TAKEN`, `Fate.REFUSED` and `Fate.CONTENT_REFUSED` settle.
    :ivar attempts: how many attempts there were.
    :ivar reason: why the last one did not settle everybody, in our words; clipped to 1 000 characters.
    :ivar first_failure: when the first attempt failed, seconds since the epoch.
    :ivar last_attempt: when the last attempt ended, seconds since the epoch.
    """

    settled: Mapping[int, Fate] = field(factory=dict, converter=_copied)
    attempts: int = 0
    reason: str = field(default="", converter=_clipped)
    first_failure: float | None = None
    last_attempt: float | None = None

    @settled.validator
    def _final(self, _attribute: object, settled: Mapping[int, Fate]) -> None:
        if any(index < 0 or fate is Fate.TRANSIENT for index, fate in settled.items()):
            raise ValueError("only recipients of the envelope are settled, and never as transient")

    def waiting(self, recipients: int) -> tuple[int, ...]:
        """Give the indexes of those, of so many recipients, who still want the message."""
        return tuple(index for index in range(recipients) if index not in self.settled)

    def settle(self, outcomes: Mapping[int, Fate]) -> Progress:
        """Add what became of recipients; transient fates are left out."""
        final = {index: fate for index, fate in outcomes.items() if fate is not Fate.TRANSIENT}
        return evolve(self, settled={**self.settled, **final})

    def failed(self, now: float, reason: str) -> Progress:
        """Count one attempt that did not settle everybody."""
        first = now if self.first_failure is None else self.first_failure
        return evolve(self, attempts=self.attempts + 1, reason=reason, first_failure=first, last_attempt=now)


NO_PROGRESS = Progress()


def as_document(progress: Progress) -> dict[str, Any]:
    """Give it as JSON-ready values."""
    return {
        "version": _VERSION,
        "settled": {str(index): fate.value for index, fate in progress.settled.items()},
        "attempts": progress.attempts,
        "reason": progress.reason,
        "first_failure": progress.first_failure,
        "last_attempt": progress.last_attempt,
    }


def from_document(document: object) -> Progress | None:
    """Give the progress that `as_document` was given, ``None`` when it is anything else."""
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        return None
    try:
        return Progress(
            {int(index): Fate(fate) for index, fate in document["settled"].items()},
            int(document["attempts"]),
            str(document["reason"]),
            _seconds(document["first_failure"]),
            _seconds(document["last_attempt"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def encode_progress(progress: Progress) -> bytes:
    """Give the sidecar's octets: one line of ASCII JSON."""
    return json.dumps(as_document(progress)).encode("ascii") + b"\n"


def decode_progress(octets: bytes) -> Progress | None:
    """Read a sidecar; ``None`` when it is torn, foreign, or of another version."""
    try:
        return from_document(json.loads(octets))
    except (ValueError, RecursionError):
        return None


def _seconds(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
