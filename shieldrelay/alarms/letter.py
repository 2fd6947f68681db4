"""Mail that the node writes by itself to its operators: alarms, and a domain's week.

Composed here, stored where failure notices are, and sent as they are: from the null reverse-path, so that nothing is
ever answered to it and it cannot loop. Nothing here can fail but by the spool's OSError. What composes is imported with
the first letter: most nodes write none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.dsn import notice_envelope
from shieldrelay.mail.envelope import Message, Origin
from shieldrelay.ports import Content, Journal, WallClock
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.name import NOTICES

SUBJECT_CHARACTERS = 200


class LetterStore(Protocol):
    """The spool as far as letters are stored: ``spool.maildir.Spool``."""

    def store(self, message: Message, content: Content, *, due: float) -> Deferred[Entry]:
        """Fire when it is durable; fails with OSError or MemoryError, and then nothing is left."""


@frozen
class Letter:
    """One letter.

    :ivar html: the same again; ``""``: there is none.
    """

    subject: str
    text: str
    html: str = ""


class Letters:
    """Sends letters.

    :param sender: what the From: field says.
    :param protected: the protected domain by which ``notices = "next_hop"`` finds a way for a recipient.
    :param stored: called after each store, so that the queue looks at once.
    """

    def __init__(
        self,
        *,
        hostname: str,
        sender: Callable[[], str],
        protected: Callable[[Mailbox], str],
        spool: LetterStore,
        wall: WallClock,
        new_id: Callable[[], str],
        stored: Callable[[], object],
        journal: Journal,
    ) -> None:
        self._hostname = hostname
        self._sender = sender
        self._protected = protected
        self._spool = spool
        self._wall = wall
        self._new_id = new_id
        self._stored = stored
        self._journal = journal

    async def send(self, to: Mailbox, letter: Letter) -> None:
        """Have a letter sent; returns when it is durable.

        :raises OSError: (or MemoryError) it could not be stored.
        """
        id, now = self._new_id(), self._wall()
        octets = self._composed(id, now, to, letter)
        origin = Origin("127.0.0.1", 0, self._protected(to), session=id)
        message = Message(id, now, NOTICES, notice_envelope(to, octets), origin)
        await self._spool.store(message, MemoryContent((octets,), ascii_header=to.is_ascii), due=now)
        self._journal.event("letter_stored", message=id, to=str(to), subject=letter.subject)
        self._stored()

    def _composed(self, id: str, now: float, to: Mailbox, letter: Letter) -> bytes:
        from email.message import EmailMessage
        from email.policy import SMTP

        made = EmailMessage(policy=SMTP.clone(utf8=not to.is_ascii))
        made["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        made["From"] = self._sender()
        made["To"] = str(to)
        made["Subject"] = _line(letter.subject)
        made["Message-ID"] = f"<{id}@{self._hostname}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(_plain(letter.text), cte="quoted-printable")
        if letter.html:
            made.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        return made.as_bytes()


def _line(text: str) -> str:
    """Give one printable line."""
    return "".join(each if each.isprintable() else "?" for each in text)[:SUBJECT_CHARACTERS]


def _plain(text: str) -> str:
    """Leave of text what is printable, and its line ends."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text) + "\n"
