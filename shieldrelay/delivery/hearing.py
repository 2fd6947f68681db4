"""The site's plugins heard about one session before its contents; `delivery.intake` owns one where a plugin sees that.

It asks, and has the intake answer when the plugins have: at once, or late. Knows no reply but the one that nobody
hears: where the session ended meanwhile, nothing of it goes on. Never fails.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from shieldrelay.content.inspected import Inspected
from shieldrelay.content.steps import Seen
from shieldrelay.delivery.intake_tools import EarlyStages
from shieldrelay.delivery.transaction import Transaction
from shieldrelay.mail.address import Mailbox, ReversePath
from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Content, Visit
from shieldrelay.smtp import replies

Heard = Refusal | Deferred[Refusal | None] | None
Answer = Callable[..., Reply | Deferred[Reply]]
"""Is called with the refusal, or ``None``, and then with what else was given."""


def inspected(
    transaction: Transaction, content: Content, address: str, name: str, *, known_good: bool
) -> Inspected:
    """Give a complete message as plugins see it.

    :param address: the client's; ``name``: the confirmed one of it, or ``""``.
    """
    first, origin = transaction.messages[0], transaction.origin
    return Inspected(
        first.id, origin.session, address, origin.helo, transaction.mail.reverse_path, transaction.recipients,
        first.domain, content, known_good, name,
    )  # fmt: skip


class Hearing:
    """One session.

    :param session: the session's id.
    :param address: the client's.
    """

    __slots__ = ("_address", "_pending", "_session", "_stages", "_visit")

    def __init__(self, stages: EarlyStages, session: str, visit: Visit, address: str) -> None:
        self._stages = stages
        self._session = session
        self._visit = visit
        self._address = address
        self._pending: Deferred[Refusal | None] | None = None

    def sender(self, path: ReversePath, origin: Origin, answer: Answer, *rest: object) -> Reply | Deferred[Reply]:
        """Hear about MAIL, and answer it."""
        return self._heard(self._stages.mail(self._seen(path, origin)), answer, rest)

    def recipient(
        self, path: ReversePath, origin: Origin, mailbox: Mailbox, domain: str, answer: Answer, *rest: object
    ) -> Reply | Deferred[Reply]:
        """Hear about RCPT, and answer it."""
        return self._heard(self._stages.recipient(self._seen(path, origin, mailbox, domain)), answer, rest)

    def drop(self) -> None:
        """Give up what is pending: the session is over."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()

    def _seen(self, path: ReversePath, origin: Origin, recipient: Mailbox | None = None, domain: str = "") -> Seen:
        known_good = self._visit.known_good
        return Seen(self._session, self._address, origin.helo, path, origin.tls, recipient, domain, known_good)

    def _heard(self, heard: Heard, answer: Answer, rest: tuple[object, ...]) -> Reply | Deferred[Reply]:
        if not isinstance(heard, Deferred):
            return answer(heard, *rest)
        self._pending = heard

        def late(refusal: Refusal | None) -> Reply | Deferred[Reply]:
            if self._pending is None:
                return replies.SHUTTING_DOWN
            self._pending = None
            return answer(refusal, *rest)

        return heard.addCallback(late)
