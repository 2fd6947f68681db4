"""The opening of a session with a next hop: greeting, EHLO or HELO, STARTTLS, EHLO again, AUTH.

Whatever a next hop refuses here is a fault of the server and never of a message (R5). A machine without I/O: replies
in, octets out; `smtp.sender` owns it until its phase is READY, HANDSHAKE or CLOSED.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from enum import Enum

from attrs import field, frozen

from shieldrelay.mail.reply import Reply
from shieldrelay.smtp.sender_capabilities import PLAIN_SMTP, capabilities
from shieldrelay.smtp.sender_commands import line
from shieldrelay.smtp.sender_context import Handover
from shieldrelay.smtp.sender_phases import Kind, Phase, kind_of

NOT_UNDERSTOOD = frozenset({500, 501, 502, 504})
"""EHLO answered so means a server without extensions: HELO (RFC 5321 §3.2); another 5yz is a refusal."""


class TlsWish(Enum):
    """What to do about STARTTLS."""

    NEVER = "never"
    WHEN_OFFERED = "when offered"
    REQUIRED = "required"


@frozen
class Credentials:
    """Name and password for AUTH (RFC 4954); UTF-8."""

    name: str
    password: str = field(repr=False)


@frozen
class Terms:
    """What we bring to the opening.

    :ivar hostname: our name for EHLO, ASCII without control characters: else ValueError.
    :ivar credentials: when given, a session without AUTH is a fault.
    :ivar plaintext_auth: whether AUTH may be used without TLS.
    :ivar handover: what the next hop is told of clients.
    """

    hostname: str = field()
    tls: TlsWish = TlsWish.NEVER
    credentials: Credentials | None = None
    plaintext_auth: bool = False
    handover: Handover = Handover.NONE

    @hostname.validator
    def _sendable(self, _attribute: object, hostname: str) -> None:
        line(b"EHLO " + hostname.encode("ascii"))


class Opening:
    """One opening.

    :ivar phase: HANDSHAKE: begin TLS, then call `secured`; READY: done; CLOSED: failed, see `fault`.
    :ivar fault: why it failed, in our words.
    :ivar tls_refused: STARTTLS was refused with 4yz.
    :ivar capabilities: what the next hop offers, from the last EHLO.
    """

    __slots__ = ("_auth_words", "_secure", "_terms", "capabilities", "fault", "phase", "tls_refused")

    def __init__(self, terms: Terms) -> None:
        self.phase = Phase.GREETING
        self.fault = ""
        self.tls_refused = False
        self.capabilities = PLAIN_SMTP
        self._terms = terms
        self._secure = False
        self._auth_words: list[bytes] = []

    def take(self, reply: Reply) -> bytes:
        """Take the reply that the phase waits for; give what is to be written."""
        row = _TRANSITIONS.get((self.phase, kind_of(reply)))
        if row is None:
            return self._fail(f"{self.phase.value} was {reply.code}")
        return row(self, reply)

    def secured(self) -> bytes:
        """Go on inside TLS: nothing that was offered in plaintext counts (RFC 3207 §4.2)."""
        self._secure = True
        self.capabilities = PLAIN_SMTP
        return self._say_ehlo()

    def again(self, name: bytes) -> bytes:
        """Begin anew on the same connection, behind the greeting that XCLIENT was answered with.

        :param name: the client's; ``b""``: ours.
        """
        self.capabilities = PLAIN_SMTP
        self.phase = Phase.EHLO
        return line(b"EHLO " + name) if name else self._say_ehlo()

    def _fail(self, fault: str) -> bytes:
        self.phase = Phase.CLOSED
        self.fault = fault
        return b""

    def _greeted(self, _reply: Reply) -> bytes:
        return self._say_ehlo()

    def _say_ehlo(self) -> bytes:
        self.phase = Phase.EHLO
        return line(b"EHLO " + self._terms.hostname.encode("ascii"))

    def _ehlo_answered(self, reply: Reply) -> bytes:
        self.capabilities = capabilities(reply)
        return self._after_hello()

    def _ehlo_refused(self, reply: Reply) -> bytes:
        if reply.code not in NOT_UNDERSTOOD:
            return self._fail(f"the reply to EHLO was {reply.code}")
        self.phase = Phase.HELO
        return line(b"HELO " + self._terms.hostname.encode("ascii"))

    def _helo_answered(self, _reply: Reply) -> bytes:
        return self._after_hello()

    def _after_hello(self) -> bytes:
        if not self._secure and self._terms.tls is not TlsWish.NEVER:
            if self.capabilities.starttls:
                self.phase = Phase.STARTTLS
                return line(b"STARTTLS")
            if self._terms.tls is TlsWish.REQUIRED:
                return self._fail("STARTTLS is required and not offered")
        if self._terms.credentials is not None:
            return self._say_auth(self._terms.credentials)
        self.phase = Phase.READY
        return b""

    def _handshake(self, _reply: Reply) -> bytes:
        self.phase = Phase.HANDSHAKE
        return b""

    def _starttls_refused(self, reply: Reply) -> bytes:
        self.tls_refused = self._terms.tls is TlsWish.WHEN_OFFERED
        return self._fail(f"the reply to STARTTLS was {reply.code}")

    def _say_auth(self, credentials: Credentials) -> bytes:
        if not (self._secure or self._terms.plaintext_auth):
            return self._fail("AUTH is configured and the connection has no TLS")
        name, password = credentials.name.encode("utf-8"), credentials.password.encode("utf-8")
        self.phase = Phase.AUTH
        if "PLAIN" in self.capabilities.mechanisms:
            return line(b"AUTH PLAIN " + b64encode(b"\0%b\0%b" % (name, password)))
        if "LOGIN" in self.capabilities.mechanisms:
            self._auth_words = [b64encode(password), b64encode(name)]
            return line(b"AUTH LOGIN")
        return self._fail("AUTH is configured and neither PLAIN nor LOGIN is offered")

    def _auth_continued(self, _reply: Reply) -> bytes:
        if not self._auth_words:
            return self._fail("AUTH asked for more than we have")
        return line(self._auth_words.pop())

    def _authenticated(self, _reply: Reply) -> bytes:
        if self._auth_words:
            return self._fail("AUTH was accepted before it was finished")
        self.phase = Phase.READY
        return b""


_TRANSITIONS: dict[tuple[Phase, Kind], Callable[[Opening, Reply], bytes]] = {
    (Phase.GREETING, Kind.COMPLETED): Opening._greeted,
    (Phase.EHLO, Kind.COMPLETED): Opening._ehlo_answered,
    (Phase.EHLO, Kind.PERMANENT): Opening._ehlo_refused,
    (Phase.HELO, Kind.COMPLETED): Opening._helo_answered,
    (Phase.STARTTLS, Kind.COMPLETED): Opening._handshake,
    # 4yz: "TLS not available due to temporary reason" (RFC 3207 §4); 5yz after the offer is a broken server (R5).
    (Phase.STARTTLS, Kind.TRANSIENT): Opening._starttls_refused,
    (Phase.AUTH, Kind.INTERMEDIATE): Opening._auth_continued,
    (Phase.AUTH, Kind.COMPLETED): Opening._authenticated,
}
"""Whatever is absent is a fault of the server."""
