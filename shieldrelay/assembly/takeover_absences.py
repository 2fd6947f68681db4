"""Who has been gone for long enough that its mail may be taken over (R15): arithmetic over what was seen.

Pure; the time is an argument. A member counts as gone only while the hub could say so: whenever it could not, the wait
begins anew for everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

LONGEST_STEP_SECONDS = 60.0
"""Between two looks; after a longer one nobody knows what was meanwhile, and the wait begins anew."""


class Absences:
    """Since when the owners of parts have been gone.

    :param patience: seconds for which one must be gone.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._gone_since: dict[str, float] = {}
        self._looked = float("-inf")

    def look(self, parts: Iterable[str], present: Collection[str] | None, now: float) -> list[str]:
        """Give the parts whose owner has been gone for long enough.

        :param parts: that are in the spool's root, our own not among them.
        :param present: those of live members, as the hub says; ``None`` when it cannot be asked.
        """
        if present is None or now - self._looked > LONGEST_STEP_SECONDS:
            self._gone_since.clear()
        self._looked = now
        if present is None:
            return []
        self._gone_since = {part: self._gone_since.get(part, now) for part in parts if part not in present}
        return [part for part, since in self._gone_since.items() if now - since >= self.patience]
