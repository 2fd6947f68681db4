"""One connection of a `ScriptedNextHop`: a small SMTP server that does as it is told and watches the client's manners.

Knows the hop that it belongs to, which keeps the script and the records, and the SMTP commands; the loop below them is
`Conversation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IHandshakeListener
from zope.interface import implementer

from shieldrelay.testing.nexthop_auth import AuthExchange
from shieldrelay.testing.nexthop_conduct import PATH, content_faults, line_faults, parameter_faults
from shieldrelay.testing.nexthop_conversation import UNJUDGED, Conversation, nothing
from shieldrelay.testing.nexthop_record import ConnectionRecord, StoredMessage
from shieldrelay.testing.nexthop_script import Act, End, Step
from shieldrelay.testing.nexthop_transaction import Transaction

if TYPE_CHECKING:
    from shieldrelay.testing.nexthop import ScriptedNextHop


@implementer(IHandshakeListener)
class NextHopSession(Conversation):
    """The server's side of one connection."""

    def __init__(self, hop: ScriptedNextHop, record: ConnectionRecord) -> None:
        super().__init__(hop, record)
        self._take = self._take_command
        self._exchange = AuthExchange(b"")
        self._transaction = Transaction()

    def connectionMade(self) -> None:
        """Greet."""
        self.record.peer = str(self.transport and self.transport.getPeer())
        self._perform(Step.GREETING, f"220 {self.hop.name} ESMTP")

    def handshakeCompleted(self) -> None:
        """Note what was agreed."""
        connection = self.transport.getHandle()
        self.record.tls = connection.get_protocol_version_name()
        self.record.sni = connection.get_servername()
        self.record.client_certificate = connection.get_peer_certificate(as_cryptography=True) is not None
        self.hop.progress()

    def _take_command(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        self.record.commands.append(line)
        for fault in line_faults(line, verb, self._offered):
            self._blame(fault)
        if self._buffer:
            self._blame_impatience(verb)
        self._waiting_on = verb
        _COMMANDS.get(verb, NextHopSession._unknown)(self, argument)
        self.hop.progress()
        return True

    # -- the commands

    def _unknown(self, argument: bytes) -> None:
        self._blame("unknown command %r" % self.record.commands[-1][:80])
        self._reply("500 5.5.1 unknown command")

    def _ehlo(self, argument: bytes) -> None:
        extensions = [word for word in self.hop.extensions if self._still_makes_sense(word)]
        self._perform(Step.EHLO, "\n".join(self._capabilities(extensions)), lambda act: self._hello(argument, act))

    def _helo(self, argument: bytes) -> None:
        self._perform(Step.HELO, f"250 {self.hop.name}", lambda act: self._hello(argument, act, extended=False))

    def _still_makes_sense(self, extension: str) -> bool:
        return extension != "STARTTLS" or self._can_encrypt()

    def _capabilities(self, extensions: list[str]) -> list[str]:
        words = [self.hop.name, *extensions]
        return [f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"]

    def _hello(self, argument: bytes, act: Act, extended: bool = True) -> None:
        if act.code != 250:
            return
        if not argument:
            self._blame("EHLO or HELO without an argument")
        self._transaction = Transaction()
        self.record.helo, self.record.extended = argument, extended
        lines = act.reply.split(b"\r\n")[1:-1] if extended else []
        self._offered = frozenset(line[4:].split(b" ")[0].upper() for line in lines)

    def _starttls(self, argument: bytes) -> None:
        if argument or b"STARTTLS" not in self._offered:
            self._blame("STARTTLS that was not offered, or with an argument")
        decent = "220 2.0.0 go ahead" if self._can_encrypt() else "454 4.7.0 no TLS here"
        self._perform(Step.STARTTLS, decent, self._start_tls)

    def _can_encrypt(self) -> bool:
        return self.record.tls is None and (self.hop.tls is not None or self.hop.script.has(Step.HANDSHAKE))

    def _start_tls(self, act: Act) -> None:
        if act.code != 220:
            return
        if self._buffer:
            self._blame("plaintext behind STARTTLS: %r" % self._buffer[:80])
            self._buffer = b""
        self._transaction = Transaction()
        self._offered, self.record.helo = frozenset(), b""
        if self.hop.script.has(Step.HANDSHAKE):
            self._take = self._refuse_handshake
        else:
            self.transport.startTLS(self.hop.tls)

    def _refuse_handshake(self) -> bool:
        self._buffer, self._waiting_on = b"", UNJUDGED
        self._take = self._swallow
        self._perform(Step.HANDSHAKE, "500 not today")
        return True

    def _swallow(self) -> bool:
        self._buffer = b""
        return False

    def _auth(self, argument: bytes) -> None:
        mechanism, _, initial = argument.partition(b" ")
        if b"AUTH" not in self._offered:
            self._blame("AUTH that was not offered")
        self._exchange = AuthExchange(mechanism)
        if not self._exchange.known:
            self._reply("504 5.5.4 no such mechanism")
        elif initial:
            self._credential(initial)
        else:
            self._prompt_or_judge()

    def _take_credential(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        self._take, self._waiting_on = self._take_command, b"AUTH"
        self._credential(line)
        return True

    def _credential(self, encoded: bytes) -> None:
        try:
            self._exchange.add(encoded)
        except ValueError:
            self._blame("credentials that are not base64: %r" % encoded[:80])
            self._reply("501 5.5.2 not base64")
        else:
            self._prompt_or_judge()

    def _prompt_or_judge(self) -> None:
        prompt = self._exchange.prompt
        if prompt is not None:
            self._take = self._take_credential
            self._answer(Act(b"334 " + prompt + b"\r\n"), nothing)
            return
        user, password = self._exchange.credentials
        known = bool(user) and self.hop.credentials.get(user) == password
        decent = "235 2.7.0 welcome" if known else "535 5.7.8 who are you"
        self._perform(Step.AUTH, decent, lambda act: self._authenticated(user, act))

    def _authenticated(self, user: bytes, act: Act) -> None:
        if act.code == 235:
            self.record.user = user

    def _mail(self, argument: bytes) -> None:
        mailbox, parameters = self._path(argument)
        if not self.record.helo:
            self._blame("MAIL before EHLO or HELO")
        if self._transaction.reverse_path is not None:
            self._blame("MAIL within a transaction")
            self._reply("503 5.5.1 one at a time")
            return
        self._perform(
            Step.MAIL,
            "250 2.1.0 sender heard",
            lambda act: self._mail_answered(mailbox, parameters, act),
            mailbox=mailbox,
            parameters=parameters,
        )

    def _mail_answered(self, mailbox: bytes, parameters: tuple[bytes, ...], act: Act) -> None:
        if act.code // 100 == 2:
            self._transaction.reverse_path, self._transaction.mail_parameters = mailbox, parameters
            self.record.transactions += 1

    def _rcpt(self, argument: bytes) -> None:
        mailbox, parameters = self._path(argument)
        if self._transaction.reverse_path is None:
            self._reply("503 5.5.1 MAIL first")
            return
        self._perform(
            Step.RCPT,
            "250 2.1.5 recipient heard",
            lambda act: self._rcpt_answered(mailbox, parameters, act),
            mailbox=mailbox,
            parameters=parameters,
        )

    def _rcpt_answered(self, mailbox: bytes, parameters: tuple[bytes, ...], act: Act) -> None:
        if act.code // 100 == 2:
            self._transaction.recipients.append((mailbox, parameters))

    def _path(self, argument: bytes) -> tuple[bytes, tuple[bytes, ...]]:
        match = PATH.match(argument)
        if match is None:
            self._blame("not a path: %r" % argument[:80])
            return argument, ()
        parameters = tuple((match[2] or b"").split())
        for fault in parameter_faults(parameters, self._offered):
            self._blame(fault)
        return match[1], parameters

    def _data(self, argument: bytes) -> None:
        if self._transaction.reverse_path is None:
            self._reply("503 5.5.1 MAIL first")
            return
        decent = "354 go on" if self._transaction.recipients else "554 5.5.1 no valid recipients"
        self._perform(Step.DATA, decent, self._data_answered)

    def _data_answered(self, act: Act) -> None:
        if act.code == 354:
            self._take = self._take_midst if self.hop.script.has(Step.MIDST) else self._take_content

    def _take_midst(self) -> bool:
        if len(self._buffer) < self.hop.midst_octets:
            return False
        self._take, self._waiting_on = self._take_content, UNJUDGED
        self._perform(Step.MIDST, Act())
        return True

    def _take_content(self) -> bool:
        whole = self._transaction.add_content(self._buffer)
        self._buffer = b""
        if whole is None:
            return False
        stuffed, self._buffer = whole
        self._take = self._take_command
        if self._buffer:
            self._blame_impatience(b"final dot")
        self._waiting_on = b"final dot"
        self._content_whole(stuffed)
        return True

    def _content_whole(self, stuffed: bytes) -> None:
        transaction, self._transaction = self._transaction, Transaction()
        for fault in content_faults(stuffed):
            self._blame(fault)
        if stuffed and not transaction.recipients:
            self._blame("content though no recipient was accepted")
        message = transaction.stored(self.record, stuffed)
        decent = "250 2.0.0 stored" if message.recipients else "554 5.5.1 no valid recipients"
        self._perform(Step.CONTENT, decent, message=message, decided=lambda act: self._decided(message, act))

    def _decided(self, message: StoredMessage, act: Act) -> None:
        if act.takes:
            self.record.messages += 1
            self.hop.messages.append(message)
        else:
            self.hop.refused.append(message)
        self.hop.progress()

    def _rset(self, argument: bytes) -> None:
        self._transaction = Transaction()
        self._perform(Step.RSET, "250 2.0.0 forgotten")

    def _noop(self, argument: bytes) -> None:
        self._perform(Step.NOOP, "250 2.0.0 nothing done")

    def _quit(self, argument: bytes) -> None:
        self.record.quit = True
        self._perform(Step.QUIT, "221 2.0.0 bye", lambda act: self.end(End.CLOSE))

    # -- the rest


_COMMANDS: dict[bytes, Callable[[NextHopSession, bytes], None]] = {
    b"EHLO": NextHopSession._ehlo,
    b"HELO": NextHopSession._helo,
    b"STARTTLS": NextHopSession._starttls,
    b"AUTH": NextHopSession._auth,
    b"MAIL": NextHopSession._mail,
    b"RCPT": NextHopSession._rcpt,
    b"DATA": NextHopSession._data,
    b"RSET": NextHopSession._rset,
    b"NOOP": NextHopSession._noop,
    b"QUIT": NextHopSession._quit,
}
