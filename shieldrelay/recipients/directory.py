"""The Valid Address List of every protected domain, asked once for each recipient.

An answer takes a microsecond or a few and cannot fail. A domain's list is replaced whole, between two answers, by
`Lists`; whoever asks sees the old one or the new one. Knows no file and no SMTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from shieldrelay.mail.address import Mailbox
from shieldrelay.recipients.standing import Standing


class Roll(Protocol):
    """One domain's list: `Roster`, `Anyone`, or a `Listing`."""

    @property
    def enforced(self) -> bool:
        """Whether who is not listed is refused (R27)."""

    @property
    def count(self) -> int | None:
        """How many exist; ``None`` when anyone does."""

    def standing(self, mailbox: Mailbox) -> Standing:
        """Tell how a mailbox of this domain stands."""


class Directory:
    """Who exists.

    :param rolls: by every name of every protected domain, as `Mailbox.domain_key` spells it.
    """

    def __init__(self, rolls: Mapping[str, Roll]) -> None:
        self._rolls: dict[str, Roll] = dict(rolls)

    def lookup(self, mailbox: Mailbox) -> Standing:
        """Tell how a mailbox stands."""
        roll = self._rolls.get(mailbox.domain_key)
        return Standing.NOT_OURS if roll is None else roll.standing(mailbox)

    def enforced(self, name: str) -> bool:
        """Whether a domain's list is enforced (R27).

        If not, who is unknown is taken all the same, and the journal says what would have been refused.

        :param name: a name of a protected domain.
        """
        roll = self._rolls.get(name)
        return roll is None or roll.enforced

    def size(self, name: str) -> int | None:
        """Count the listed recipients of a domain; ``None`` when anyone is taken, or the domain is not ours."""
        roll = self._rolls.get(name)
        return None if roll is None else roll.count

    def put(self, rolls: Mapping[str, Roll]) -> None:
        """Replace some lists."""
        self._rolls.update(rolls)

    def replace(self, rolls: Mapping[str, Roll]) -> None:
        """Put other lists of other domains in the place of all, at once."""
        self._rolls = dict(rolls)
