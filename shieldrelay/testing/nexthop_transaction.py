"""The mail transaction of a `ScriptedNextHop`: envelope and content as they came. Pure."""

from __future__ import annotations

from attrs import define, field

from shieldrelay.testing.nexthop_conduct import unstuffed
from shieldrelay.testing.nexthop_record import ConnectionRecord, StoredMessage


@define
class Transaction:
    """What one transaction has so far.

    :ivar reverse_path: ``None`` while there was no MAIL that was answered 2yz.
    :ivar recipients: mailbox and parameters of each RCPT that was answered 2yz.
    """

    reverse_path: bytes | None = None
    mail_parameters: tuple[bytes, ...] = ()
    recipients: list[tuple[bytes, tuple[bytes, ...]]] = field(factory=list)
    _content: bytearray = field(factory=lambda: bytearray(b"\r\n"))
    _searched: int = 0

    @property
    def content_octets(self) -> int:
        """Octets of content so far, stuffed, without what follows it."""
        return len(self._content) - 2

    def add_content(self, octets: bytes) -> tuple[bytes, bytes] | None:
        """Take octets.

        :return: all content, still stuffed, and the octets behind the final dot, once that is here.
        """
        self._content += octets
        end = self._content.find(b"\r\n.\r\n", self._searched)
        self._searched = max(0, len(self._content) - 4)
        if end < 0:
            return None
        return bytes(self._content[2 : end + 2]), bytes(self._content[end + 5 :])

    def stored(self, connection: ConnectionRecord, stuffed: bytes) -> StoredMessage:
        """Give the message as it is remembered."""
        return StoredMessage(
            connection=connection.number,
            transaction=connection.transactions - 1,
            reverse_path=self.reverse_path or b"",
            mail_parameters=self.mail_parameters,
            recipients=tuple(mailbox for mailbox, _ in self.recipients),
            recipient_parameters=tuple(parameters for _, parameters in self.recipients),
            content=unstuffed(stuffed),
            tls=connection.tls is not None,
        )
