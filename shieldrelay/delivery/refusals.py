"""Recipients that a next hop refused for good although the client had to be told 250 (R2).

Remembered for an hour, so that the next RCPT for one is refused in its own session and draws no notice. Compared as
recipients are by default, without regard to case. Bounded in octets: the oldest is forgotten first, and forgetting
costs one notice. Time is an argument, monotonic. Filled by ``delivery.aftermath``, asked by `shield.gate`; not to be
asked while the bounce guard doubts the domain's refusals, and what was refused before it did is forgotten. Cannot fail.
"""

from __future__ import annotations

from attrs import frozen

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.reply import EnhancedCode

LIFETIME_SECONDS = 3600.0
"""How long a refusal is remembered."""
CAP_OCTETS = 4 * 1024 * 1024
"""What all refusals may take in memory, by the estimate below."""
_ENTRY_OCTETS = 400
"""Key, value and their places in the dictionary, besides the address itself; measured, rounded up."""


@frozen
class PastRefusal:
    """One remembered refusal; ``settlement.in_our_words`` makes the reply of it.

    :ivar code: the reply code, 5yz.
    :ivar status: the enhanced code.
    :ivar until: monotonic seconds.
    """

    code: int
    status: EnhancedCode
    until: float


class RefusedRecipients:
    """The memory of one node, over all its domains.

    :param lifetime: seconds.
    :param cap_octets: what it may take in memory.
    """

    __slots__ = ("_cap", "_entries", "_lifetime", "octets")

    def __init__(self, lifetime: float = LIFETIME_SECONDS, cap_octets: int = CAP_OCTETS) -> None:
        self._entries: dict[tuple[str, bytes], PastRefusal] = {}
        self._lifetime = lifetime
        self._cap = cap_octets
        self.octets = 0

    def __len__(self) -> int:
        return len(self._entries)

    def remember(self, mailbox: Mailbox, code: int, status: EnhancedCode, now: float) -> None:
        """Remember that this recipient was refused for good, with the codes that a sender may see (R11)."""
        key = _key(mailbox)
        self._drop(key)
        self._entries[key] = PastRefusal(code, status, now + self._lifetime)
        self.octets += _cost(key)
        while self.octets > self._cap:
            self._drop(next(iter(self._entries)))

    def recall(self, mailbox: Mailbox, now: float) -> PastRefusal | None:
        """Give the refusal that still holds for this recipient."""
        if not self._entries:
            return None
        key = _key(mailbox)
        refusal = self._entries.get(key)
        if refusal is not None and refusal.until <= now:
            self._drop(key)
            return None
        return refusal

    def forget_domain(self, domain: str) -> None:
        """Forget all of one domain: its refusals turned out suspicious.

        :param domain: in its comparison form.
        """
        for key in [key for key in self._entries if key[0] == domain]:
            self._drop(key)

    def _drop(self, key: tuple[str, bytes]) -> None:
        if self._entries.pop(key, None) is not None:
            self.octets -= _cost(key)


def _key(mailbox: Mailbox) -> tuple[str, bytes]:
    return mailbox.domain_key, mailbox.local_key


def _cost(key: tuple[str, bytes]) -> int:
    return _ENTRY_OCTETS + len(key[0]) + len(key[1])
