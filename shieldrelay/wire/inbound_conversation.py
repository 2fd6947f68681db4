"""What the events of one session mean: the receiver's questions go to the gate and the intake, their answers back.

No transport and no time of its own: `wire.inbound` owns both, hands the events over one by one, and waits where an
answer is not there yet. A refusal of the gate that ends the session is journalled here with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from shieldrelay.delivery.intake import Intake
from shieldrelay.mail.client import Client
from shieldrelay.mail.envelope import Origin
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.ports import Visit
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import (
    ContentCompleted,
    ContentReceived,
    ContentRequested,
    Event,
    Hello,
    MailRequested,
    QuitRequested,
    RecipientRequested,
    TlsRequested,
    TransactionReset,
    Violation,
)
from shieldrelay.smtp.receiver import Receiver
from shieldrelay.wire.inbound_tools import InboundTools, SessionTerms

QUIT = "quit"
"""How a session ended that its client ended in order."""


class Conversation:
    """One session's meaning.

    :param terms: those under which the connection was admitted.
    :ivar tls: how the session is encrypted, in words; ``None`` in the clear.
    :ivar ended: why the session ended, the first reason; empty as long as it goes on.
    :ivar talked_early: the client did not wait for the greeting.
    """

    __slots__ = (
        "_gate", "_hello", "_port", "_tools", "client", "ended", "intake", "receiver", "talked_early", "tls", "visit",
    )  # fmt: skip

    def __init__(self, tools: InboundTools, terms: SessionTerms, visit: Visit, client: Client, port: int) -> None:
        self._tools = tools
        self._gate = terms.gate
        self._port = port
        self.client = client
        self.visit = visit
        self.receiver = Receiver(terms.receiver_settings(client.address), tls_available=tools.tls is not None)
        self.intake = Intake(terms.intake, visit.reference, visit, client)
        self._hello: Hello | None = None
        self.tls: str | None = None
        self.ended = ""
        self.talked_early = False

    def meet(self, event: Event) -> Deferred[Any] | None:
        """Act on one event.

        :returns: ``None`` when that is done; else what fires when it is, and until then nothing further may be met.
        """
        return _MEANINGS[type(event)](self, event)

    def greet(self, now: float) -> None:
        """Greet a client, which may have had to wait for it."""
        if self.visit.greeting_delay and not self.talked_early:
            self._gate.greeted(self.visit, now)
        self.receiver.greet()

    def encrypted(self, how: str | None) -> None:
        """Begin anew within TLS (RFC 3207 §4.2)."""
        self.tls = how
        self._hello = None
        self.intake.reset()
        self.receiver.tls_started()

    def leave(self, received: int, began: float, now: float) -> None:
        """End: what was not finished is dropped, the journal and the gate are told.

        :param received: octets.
        :param began: when the connection was admitted.
        """
        self.receiver.eof()
        try:
            self.intake.reset()
        finally:
            self._gate.left(self.visit, received, now)
        hello, counters = self._hello, self.receiver.counters
        self._tools.journal.event(
            "session",
            session=self.visit.reference,
            peer=self.client.address,
            port=self._port,
            helo="" if hello is None else hello.name,
            tls=self.tls,
            seconds=round(now - began, 3),
            end=self.ended or "lost",
            commands=counters.commands,
            errors=counters.errors,
            messages=self.intake.accepted,
            refused=self.intake.refused,
            received=received,
        )

    # what the events mean

    def _on_hello(self, event: Hello) -> None:
        self._hello = event
        refusal = self._gate.hello(self.visit, event.name, self._tools.clock.seconds())
        if refusal is not None:
            self._refuse("hello", refusal)

    def _on_mail(self, event: MailRequested) -> Deferred[Any] | None:
        return self._say(self.intake.mail(event, self._origin(event)))

    def _on_recipient(self, event: RecipientRequested) -> Deferred[Any] | None:
        return self._say(self.intake.recipient(event))

    def _on_content_requested(self, _event: ContentRequested) -> None:
        self.receiver.content_rules = self.intake.content_rules()
        self.receiver.answer(self.intake.content_requested())

    def _on_content(self, event: ContentReceived) -> Deferred[Any] | None:
        return self.intake.content(event.block)

    def _on_completed(self, event: ContentCompleted) -> Deferred[Any] | None:
        return self._say(self.intake.completed(event))

    def _on_reset(self, _event: TransactionReset) -> None:
        self.intake.reset()

    def _on_tls(self, _event: TlsRequested) -> None:
        refusal = self._gate.handshake(self.visit, self._tools.clock.seconds())
        if refusal is None:
            self.receiver.answer(replies.START_TLS)
        else:
            self._tell("starttls", refusal)
            self.receiver.answer(refusal.reply)

    def _on_quit(self, _event: QuitRequested) -> None:
        self.ended = self.ended or QUIT

    def _on_violation(self, event: Violation) -> None:
        gate, kind, now = self._gate, event.kind, self._tools.clock.seconds()
        self._tools.journal.event(
            "violation",
            session=self.visit.reference,
            peer=self.client.address,
            kind=kind.value,
            evidence=event.evidence,
        )
        refusal = gate.violation(self.visit, kind, event.evidence, now)
        if kind is ViolationKind.EARLY_TALK:
            self.talked_early = True
            refusal = gate.talked_early(self.visit, now) or refusal
        if refusal is not None:
            self._refuse("violation", refusal)

    # its parts

    def _refuse(self, stage: str, refusal: Refusal) -> None:
        """End the session with a refusal."""
        self._tell(stage, refusal)
        self.ended = self.ended or refusal.reason
        self.receiver.fail(refusal.reply)

    def _say(self, answer: Reply | Deferred[Reply]) -> Deferred[Any] | None:
        """Give an answer to the receiver, now or when it is there."""
        if isinstance(answer, Deferred):
            return answer.addCallback(self.receiver.answer)
        self.receiver.answer(answer)
        return None

    def _tell(self, stage: str, refusal: Refusal) -> None:
        self._tools.journal.event(
            "refused",
            session=self.visit.reference,
            peer=self.client.address,
            stage=stage,
            code=refusal.reply.code,
            status=refusal.reply.status,
            defence=refusal.defence,
            reason=refusal.reason,
            reverse_path="",
            recipient="",
        )

    def _origin(self, event: MailRequested) -> Origin:
        hello = self._hello
        return Origin(
            self.client.address,
            self._port,
            "" if hello is None else hello.name.decode("latin-1"),
            _protocol(hello is not None and hello.extended, self.tls is not None, event.smtputf8),
            self.tls,
            self.visit.reference,
        )


def _protocol(extended: bool, tls: bool, utf8: bool) -> str:
    """Give the ``with`` word of the trace line (RFC 3848, RFC 6531 §4.3)."""
    name = "UTF8SMTP" if utf8 else "ESMTP" if extended else "SMTP"
    return name + "S" if tls and name != "SMTP" else name


_MEANINGS: dict[type[Event], Callable[[Conversation, Any], Deferred[Any] | None]] = {
    Hello: Conversation._on_hello,
    MailRequested: Conversation._on_mail,
    RecipientRequested: Conversation._on_recipient,
    ContentRequested: Conversation._on_content_requested,
    ContentReceived: Conversation._on_content,
    ContentCompleted: Conversation._on_completed,
    TransactionReset: Conversation._on_reset,
    TlsRequested: Conversation._on_tls,
    QuitRequested: Conversation._on_quit,
    Violation: Conversation._on_violation,
}
