"""A whole way from a client's octets to those towards a next hop, without a socket: receiver, analysis, sender.

What is asked at which event is what the gate and the intake do.
"""

from __future__ import annotations

from shieldrelay.mail.address import ForwardPath, Mailbox
from shieldrelay.mail.client import Client, client_of
from shieldrelay.mail.envelope import Envelope, Recipient
from shieldrelay.mail.reply import Reply
from shieldrelay.shield.analysis import Analysis, Finding, Step
from shieldrelay.shield.analysis_settings import AnalysisSettings
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import (
    ContentCompleted,
    ContentReceived,
    ContentRequested,
    Event,
    Hello,
    MailRequested,
    RecipientRequested,
    TlsRequested,
    Violation,
)
from shieldrelay.smtp.receiver import Receiver
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.smtp.sender_phases import Phase
from tests.smtp.sender_dialogue import converse, ready_for

ABROAD = client_of("8.8.4.4")
EVERYTHING = (b"PIPELINING", b"SIZE", b"8BITMIME", b"SMTPUTF8", b"DSN")


class Session:
    """One session of a client, and what went on to a next hop that takes everything.

    :ivar findings: of the analysis, in their order.
    :ivar onward: the commands to the next hop.
    :ivar said: all replies.
    """

    def __init__(
        self,
        analysis: Analysis | None = None,
        *,
        client: Client = ABROAD,
        now: float = 1000.0,
        tls: bool = False,
        settings: ReceiverSettings | None = None,
        known_good: bool = False,
    ) -> None:
        self.analysis = analysis or Analysis(AnalysisSettings())
        self.client = client
        self.now = now
        self.known_good = known_good
        self.findings: list[Finding] = []
        self.onward = b""
        self.said = b""
        settings = settings or ReceiverSettings(b"mx.example.test", offer_dsn=True)
        self.receiver = Receiver(settings, tls_available=tls)
        self._mail: MailRequested | None = None
        self._recipients: list[Recipient] = []
        self._content = b""

    @property
    def score(self) -> float:
        """Of the client."""
        return self.analysis.score(self.client, self.now)

    @property
    def kinds(self) -> list[str]:
        """What was found, by name."""
        return [finding.kind.name for finding in self.findings]

    def say(self, *segments: bytes, greeted: bool = True) -> bytes:
        """Send octets, as long as the session goes on; give what was answered."""
        before = len(self.said)
        if greeted and self.receiver.phase.name == "GREETING":
            self.receiver.greet()
        for octets in segments:
            self.receiver.feed(octets)
            while (event := self.receiver.next_event()) is not None:
                self._meet(event)
            self.said += self.receiver.output()
            if self.receiver.phase.name == "HANDSHAKE":
                self.receiver.tls_started()
        return self.said[before:]

    def lines(self, *lines: bytes) -> bytes:
        """Send lines, each when the one before is answered."""
        return self.say(*(line + b"\r\n" for line in lines))

    def message(self, path: bytes = b"a@sender.test", recipient: bytes = b"alice@example.test") -> bytes:
        """Send a whole message; give what was answered to its end."""
        self.lines(b"MAIL FROM:<%b>" % path, b"RCPT TO:<%b>" % recipient, b"DATA")
        return self.lines(b"Subject: x", b"", b"text", b".")

    def _meet(self, event: Event) -> None:
        """Do what the gate and the intake do."""
        receiver = self.receiver
        match event:
            case Violation():
                self._note(self.analysis.violation(
                    self.client, event.kind, event.evidence, self.now, known_good=self.known_good))  # fmt: skip
            case Hello():
                self._note(self.analysis.hello(self.client, event.name, self.now))
            case MailRequested():
                self._mail, self._recipients = event, []
                receiver.answer(
                    self._judged(bytes(event.reverse_path), event.envid, replies.SENDER_OK, replies.SENDER_SYNTAX)
                )
            case RecipientRequested():
                self._rcpt(event)
            case ContentRequested():
                self._content = b""
                receiver.answer(replies.START_CONTENT)
            case ContentReceived():
                self._content += event.block
            case ContentCompleted():
                self._completed(event)
            case TlsRequested():
                receiver.answer(replies.START_TLS)

    def _note(self, finding: Finding | None) -> None:
        if finding is not None:
            self.findings.append(finding)
            if finding.ends_session:
                self.receiver.fail(replies.TRY_LATER_CLOSING)

    def _judged(self, path: bytes, parameter: bytes | None, granted: Reply, refused: Reply) -> Reply:
        finding = self.analysis.path(
            self.client, path, self.now, parameter=parameter, known_good=self.known_good
        )
        if finding is None:
            return granted
        self.findings.append(finding)
        if not finding.acts:
            return granted
        if finding.step >= Step.REFUSE:
            return replies.TRY_LATER_CLOSING
        return refused

    def _rcpt(self, event: RecipientRequested) -> None:
        path: ForwardPath = event.forward_path
        address = (event.orcpt or b"").partition(b";")[2] or None
        reply = self._judged(bytes(path), address, replies.RECIPIENT_OK, replies.RECIPIENT_SYNTAX)
        if reply.is_positive and isinstance(path, Mailbox):
            self._recipients.append(Recipient(path, event.notify, event.orcpt))
        self.receiver.answer(reply)

    def _completed(self, event: ContentCompleted) -> None:
        if event.fault is not None:
            self._note(self.analysis.content(self.client, event.fault, self.now, known_good=self.known_good))
        elif self._mail is not None and self._recipients:
            self._send_on(self._mail)
        self.receiver.answer(event.fault.reply if event.fault is not None else replies.MESSAGE_OK)

    def _send_on(self, mail: MailRequested) -> None:
        """Give the message to a next hop that takes everything, and keep the commands."""
        recipients = tuple(self._recipients)
        envelope = Envelope(mail.reverse_path, recipients, mail.body, mail.smtputf8, mail.ret, mail.envid)
        sender = ready_for(*EVERYTHING)
        sender.begin(envelope, recipients, len(self._content))
        wrote = sender.output()
        wrote += b"".join(converse(sender, *[b"250 2.1.0 Ok\r\n"] * (1 + len(recipients))))
        wrote += b"".join(converse(sender, b"354 go on\r\n"))
        if sender.phase is not Phase.CONTENT:
            raise AssertionError("the next hop got no content")
        self.onward += wrote
