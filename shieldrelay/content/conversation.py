"""What the plugins say of one session before its contents: of the connection, the name, each sender, each recipient.

One for each session of a node where some plugin sees a step before the content; `delivery.intake` owns it. The
connection is asked about until it is let in, and so is a name: whoever was refused is asked about again at the next
MAIL. Never fails.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from shieldrelay.content.steps import EARLY, Seen, Step
from shieldrelay.mail.verdict import Refusal

Ask = Callable[[Seen, Step], "Refusal | Deferred[Refusal | None] | None"]


class Conversation:
    """One session.

    :param ask: asks every plugin that sees a step.
    """

    __slots__ = ("_ask", "_let_in", "_named")

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._let_in = False
        self._named: str | None = None

    def mail(self, seen: Seen) -> Refusal | Deferred[Refusal | None] | None:
        """Judge a sender, and first the connection and the name where that was not done yet.

        :returns: ``None``: nothing against it. A Deferred may be cancelled and fires all the same.
        """
        for at, step in enumerate(EARLY):
            if self._is_known(step, seen):
                continue
            judged = self._ask(seen, step)
            if isinstance(judged, Deferred):
                return Deferred.fromCoroutine(self._go_on(seen, at, judged))
            if judged is not None:
                return judged
            self._passed(step, seen)
        return None

    def recipient(self, seen: Seen) -> Refusal | Deferred[Refusal | None] | None:
        """Judge a recipient."""
        return self._ask(seen, Step.RCPT)

    async def _go_on(self, seen: Seen, at: int, pending: Deferred[Refusal | None]) -> Refusal | None:
        judged = await pending
        while judged is None:
            self._passed(EARLY[at], seen)
            at += 1
            if at == len(EARLY):
                break
            if not self._is_known(EARLY[at], seen):
                asked = self._ask(seen, EARLY[at])
                judged = await asked if isinstance(asked, Deferred) else asked
        return judged

    def _is_known(self, step: Step, seen: Seen) -> bool:
        return (step is Step.CONNECT and self._let_in) or (step is Step.HELO and self._named == seen.helo)

    def _passed(self, step: Step, seen: Seen) -> None:
        if step is Step.CONNECT:
            self._let_in = True
        elif step is Step.HELO:
            self._named = seen.helo
