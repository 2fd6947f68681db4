"""Conversations with a `Sender` for tests: replies in, what it wrote out."""

from __future__ import annotations

from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.envelope import Envelope, Recipient
from shieldrelay.smtp.sender import Sender
from shieldrelay.smtp.sender_events import SenderEvent
from shieldrelay.smtp.sender_opening import Terms
from shieldrelay.smtp.sender_phases import Phase

ALICE = Recipient(parse_mailbox(b"alice@example.com"))
BOB = Recipient(parse_mailbox(b"bob@example.com"))
ENVELOPE = Envelope(parse_mailbox(b"s@sender.example"), (ALICE,))


def events(sender: Sender) -> list[SenderEvent]:
    """Drain the events."""
    drained = []
    while (event := sender.next_event()) is not None:
        drained.append(event)
    return drained


def converse(sender: Sender, *replies: bytes, begin: bool = False, content: bytes = b"") -> list[bytes]:
    """Feed replies one after the other; give what was written after each.

    :param begin: begin a transaction with `ENVELOPE` first; what it writes is left out.
    :param content: what to send when the phase is CONTENT.
    """
    if begin:
        sender.begin(ENVELOPE, ENVELOPE.recipients, len(content))
        sender.output()
    wrote = []
    for reply in replies:
        sender.feed(reply)
        octets = sender.output()
        if content and sender.phase is Phase.CONTENT:
            octets += sender.content(content) + sender.end_of_content()
        wrote.append(octets)
    return wrote


def ready(*keywords: bytes) -> Sender:
    """Open a session with a server that offers PIPELINING and these keywords."""
    return ready_for(b"PIPELINING", *keywords)


def ready_for(*keywords: bytes) -> Sender:
    """Open a session with a server that offers just these keywords."""
    sender = Sender(Terms("relay.example"))
    lines = [b"mx.example", *keywords]
    ehlo = b"".join(b"250%b%b\r\n" % (b"-" if line is not lines[-1] else b" ", line) for line in lines)
    converse(sender, b"220 mx.example ESMTP\r\n", ehlo)
    assert sender.phase is Phase.READY
    events(sender)
    return sender
