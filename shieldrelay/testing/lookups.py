"""Look-ups that know every sender at once, for tests of what stands before them (``wire.lookups.Lookups``)."""

from __future__ import annotations

from shieldrelay.mail.address import Mailbox, ReversePath
from shieldrelay.mail.client import Client
from shieldrelay.mail.evidence import NO_REVERSE, Reach, Reverse, Sender, SpfResult
from shieldrelay.wire.lookup_dossier import Dossier


class KnownSenders:
    """Says of every sender what a test told it, and that it is lawful of all others.

    :ivar senders: by domain.
    :ivar reverses: by address.
    :ivar slow: whether answers wait for `answer`.
    """

    def __init__(self) -> None:
        self.senders: dict[str, Sender] = {}
        self.reverses: dict[str, Reverse] = {}
        self.slow = False
        self._open: list[tuple[Dossier, Sender]] = []

    def begin(self, client: Client) -> None:
        """Know the client's name already."""

    def reverse(self, client: Client) -> Reverse:
        """Give the client's name."""
        return self.reverses.get(client.address, NO_REVERSE)

    def sender(self, client: Client, reverse_path: ReversePath, helo: str) -> Dossier:
        """Give a sender, complete unless they are slow."""
        domain = reverse_path.domain_key if isinstance(reverse_path, Mailbox) else ""
        lawful = Sender(domain, Reach.EXCHANGER if domain else Reach.NULL_PATH, "", SpfResult.NONE)
        dossier = Dossier(domain)
        dossier.expect(2, None)
        self._open.append((dossier, self.senders.get(domain, lawful)))
        if not self.slow:
            self.answer()
        return dossier

    def answer(self) -> None:
        """Complete all that wait."""
        waiting, self._open = self._open, []
        for dossier, sender in waiting:
            dossier.reached(sender.reach, sender.detail, float("inf"))
            dossier.spf(sender.spf, float("inf"))

    def late(self) -> None:
        """Let the budget of all that wait be over."""
        waiting, self._open = self._open, []
        for dossier, _ in waiting:
            dossier.late()
