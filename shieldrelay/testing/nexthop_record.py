"""What a `ScriptedNextHop` remembers of its connections and messages. Values that tests read."""

from __future__ import annotations

from attrs import define, field, frozen


@frozen
class StoredMessage:
    """One message that arrived whole.

    :ivar connection: number of the connection it came over, from 0.
    :ivar transaction: number of the transaction on that connection, from 0.
    :ivar reverse_path: between the angle brackets of MAIL; ``b""`` for the null reverse-path.
    :ivar mail_parameters: as they came, in order, such as ``b"SIZE=120"``.
    :ivar recipients: those that were answered 2yz, between their angle brackets, in order.
    :ivar recipient_parameters: aligned with `recipients`.
    :ivar content: the octets as un-stuffed, CRLF before the final dot included.
    :ivar tls: whether the connection was encrypted.
    """

    connection: int
    transaction: int
    reverse_path: bytes
    mail_parameters: tuple[bytes, ...]
    recipients: tuple[bytes, ...]
    recipient_parameters: tuple[tuple[bytes, ...], ...]
    content: bytes
    tls: bool


@define
class ConnectionRecord:
    """One connection.

    :ivar number: from 0, in the order of arrival.
    :ivar peer: the client's address and port.
    :ivar commands: every command line without its CRLF, in order.
    :ivar helo: the argument of the last EHLO or HELO.
    :ivar extended: whether that was EHLO.
    :ivar tls: protocol version once encrypted.
    :ivar sni: the server name that the client asked for.
    :ivar client_certificate: whether the client showed one.
    :ivar user: who it authenticated as.
    :ivar transactions: MAIL commands answered 2yz.
    :ivar messages: messages taken.
    :ivar quit: whether QUIT was said.
    :ivar open: whether the connection still stands.
    """

    number: int
    peer: str = ""
    commands: list[bytes] = field(factory=list)
    helo: bytes = b""
    extended: bool = False
    tls: str | None = None
    sni: bytes | None = None
    client_certificate: bool = False
    user: bytes | None = None
    transactions: int = 0
    messages: int = 0
    quit: bool = False
    open: bool = True

    @property
    def verbs(self) -> list[bytes]:
        """The commands' first words, in capitals."""
        return [command.split(b" ", 1)[0].upper() for command in self.commands]
