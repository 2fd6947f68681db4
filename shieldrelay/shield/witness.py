"""What next hops say of recipients, put into the memory of the defences (R19, R20).

Every attempt is told here, the one that a client waits for and those from the spool. A message that was taken makes a
source's good name; recipients that were refused for good are recipients that do not exist, whatever the list says.
Called by `delivery`, through `ports.Witness`. Pure but for the clock that it is given; cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.client import client_of
from shieldrelay.mail.envelope import Message
from shieldrelay.mail.reply import Reply
from shieldrelay.shield.admission import Defences


class Witness:
    """Remembers.

    :param seconds: gives the reactor's time.
    :param hashed: as the gate's.
    :param acts: says whether the harvest of a protected domain acts, or only observes (R27).
    """

    def __init__(
        self,
        defences: Defences,
        seconds: Callable[[], float],
        hashed: Callable[[str, bytes], int],
        acts: Callable[[str], bool],
    ) -> None:
        self._defences = defences
        self._seconds = seconds
        self._hashed = hashed
        self._acts = acts

    def attempted(self, message: Message, taken: int, refused: Sequence[tuple[Mailbox, Reply]], policy: int) -> None:
        """Note what one attempt came to."""
        if message.origin is None:
            return
        defences, now = self._defences, self._seconds()
        client = client_of(message.origin.address)
        day = defences.calendar.day(now)
        if taken:
            defences.history.delivered(client, 1, day, now)
            defences.reputation.taken(client, 1, now, defences.calendar.wall(now))
        if policy:
            defences.reputation.refused(client, policy, now)
        if refused:
            harvest = defences.harvest if self._acts(message.domain) else defences.harvest_observed
            names = [self._hashed(message.domain, mailbox.local_key) for mailbox, _ in refused]
            acquaintance = defences.history.acquaintance(client, day, now)
            harvest.refused(client, acquaintance, message.domain, names, now)
            defences.history.asked(client, 0, len(names), now)
