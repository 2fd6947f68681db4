"""One mail transaction of a session, from MAIL to the reply after its content (RFC 5321 §3.3).

Holds what was said and makes the messages of it, one for each protected domain (R3). Knows no reply, no spool and no
journal. Owned by `delivery.intake`, and outlives its session when the client is gone before the reply. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.envelope import Envelope, Message, Origin, Precedence, Recipient
from shieldrelay.smtp.events import MailRequested


@define(eq=False)
class Transaction:
    """What was said since MAIL.

    :ivar began: when MAIL was answered, on the reactor's clock.
    :ivar precedence: what the client's past earns its messages (R4, R19).
    :ivar domains: the protected domains of its recipients, in the order in which they were first named.
    :ivar messages: one for each of them, once the content was asked for; the first has the id that the client is told.
    """

    mail: MailRequested
    origin: Origin
    began: float
    precedence: Precedence = Precedence.ORDINARY
    domains: list[str] = field(factory=list)
    messages: tuple[Message, ...] = ()
    _recipients: list[tuple[str, Recipient]] = field(factory=list)

    def add(self, domain: str, recipient: Recipient) -> None:
        """Add an accepted recipient.

        :param domain: under which its mail is kept.
        """
        if domain not in self.domains:
            self.domains.append(domain)
        self._recipients.append((domain, recipient))

    def make_messages(self, arrived: float, new_id: Callable[[], str]) -> Message:
        """Make the messages; gives the first.

        :param arrived: seconds since the epoch.
        """
        self.messages = tuple(
            Message(new_id(), arrived, domain, self._envelope(domain), self.origin, self.precedence)
            for domain in self.domains
        )
        return self.messages[0]

    @property
    def only_recipient(self) -> Mailbox | None:
        """The recipient for the trace line, unless that would tell one of another (RFC 5321 §7.2)."""
        return self._recipients[0][1].mailbox if len(self._recipients) == 1 else None

    @property
    def recipients(self) -> tuple[Mailbox, ...]:
        """All recipients."""
        return tuple(recipient.mailbox for _, recipient in self._recipients)

    @property
    def mailboxes(self) -> list[str]:
        """All recipients, for the journal."""
        return [str(recipient.mailbox) for _, recipient in self._recipients]

    def _envelope(self, domain: str) -> Envelope:
        mail = self.mail
        recipients = tuple(recipient for where, recipient in self._recipients if where == domain)
        return Envelope(mail.reverse_path, recipients, mail.body, mail.smtputf8, mail.ret, mail.envid)

    def told(self) -> dict[str, str | list[str]]:
        """Give what the journal says of the messages: the first one's id and domain, and the ids of any others."""
        first, *others = self.messages
        told: dict[str, str | list[str]] = {"message": first.id, "domain": first.domain}
        if others:
            told["others"] = [each.id for each in others]
        return told
