"""Lawful strangers beside an attack, of three kinds: each message from a server that the node has never seen.

Pure: gives the sessions that are to be played, and takes what they were told.
"""

from __future__ import annotations

import random
from enum import Enum

from attrs import define

from tests.attackers.guessing import Ending, Session, Told

RETRIES = (300.0, 900.0, 1800.0)
"""Seconds between the tries of a mail server; the last one again and again."""
GIVES_UP_SECONDS = 2 * 86400.0


class Kind(Enum):
    """From where a message comes again."""

    SERVER = "one server"
    POOL = "a pool in its /24"
    WIDE_POOL = "a pool over a /16"


@define(eq=False)
class Message:
    """One lawful message on its way.

    :ivar number: unlike any other's.
    :ivar begun: when it was first tried, in seconds.
    :ivar due: when it is tried next.
    :ivar delivered: when it was taken, ``None`` as long as it was not.
    """

    number: int
    kind: Kind
    begun: float
    due: float
    tries: int = 0
    delivered: float | None = None

    @property
    def delay(self) -> float | None:
        """Seconds from the first try until it was taken."""
        return None if self.delivered is None else self.delivered - self.begun

    def session(self, rnd: random.Random) -> Session:
        """Give the next try."""
        recipient = b"user%d" % (self.number * 7 % 2000)
        sender = b"writer%d@lawful%d.test" % (self.number, self.number)
        body = b"Subject: lawful %d\r\n\r\nSome words.\r\n" % self.number
        return Session(self._source(rnd), (recipient,), ending=Ending.MESSAGE, sender=sender, body=body)

    def told(self, told: Told, now: float) -> bool:
        """Note how a try went; says whether the message is on its way still."""
        if told.sent == 250:
            self.delivered = now
            return False
        self.due = now + RETRIES[min(self.tries, len(RETRIES) - 1)]
        self.tries += 1
        return now - self.begun < GIVES_UP_SECONDS

    def _source(self, rnd: random.Random) -> str:
        match self.kind:
            case Kind.SERVER:
                return f"127.100.{self.number % 256}.{1 + self.number // 256}"
            case Kind.POOL:
                return f"127.101.{self.number % 256}.{rnd.randrange(1, 250)}"
            case Kind.WIDE_POOL:
                return f"127.{102 + self.number % 100}.{rnd.randrange(256)}.{rnd.randrange(1, 250)}"


def messages(each: int, begun: float, lasts: float, rnd: random.Random) -> list[Message]:
    """Make so many messages of each kind, spread over a time."""
    made: list[Message] = []
    for kind in Kind:
        for _ in range(each):
            when = begun + rnd.random() * lasts
            made.append(Message(len(made), kind, when, when))
    return made
