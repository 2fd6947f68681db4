"""What the SMTP receiver costs by itself: CPU time per message and per refused recipient, without sockets.

``python -m bench.micro_receiver`` prints microseconds of this process, best of several rounds. The owner does nothing
but answer, so the figures are the protocol's floor under a relay that also judges, delivers and writes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import ContentCompleted, ContentRequested, MailRequested, RecipientRequested
from shieldrelay.smtp.limits import Limits
from shieldrelay.smtp.receiver import Receiver
from shieldrelay.smtp.receiver_settings import ReceiverSettings

_SETTINGS = ReceiverSettings(b"mx.test", limits=Limits(messages=10**6, commands=10**8))
_HEADER = b"Received: from a.test by b.test; x\r\nFrom: a@sender.test\r\nTo: b@example.test\r\nSubject: x\r\n\r\n"
_LINE = b"The quick brown fox jumps over the lazy dog, and then again over the dog.\r\n"


def _drive(receiver: Receiver, octets: bytes, recipient: Reply) -> None:
    """Feed a segment and answer everything."""
    receiver.feed(octets)
    while (event := receiver.next_event()) is not None:
        kind = type(event)
        if kind is RecipientRequested:
            receiver.answer(recipient)
        elif kind is MailRequested:
            receiver.answer(replies.SENDER_OK)
        elif kind is ContentRequested:
            receiver.answer(replies.START_CONTENT)
        elif kind is ContentCompleted:
            receiver.answer(replies.MESSAGE_OK)
    receiver.output()


def _introduced() -> Receiver:
    receiver = Receiver(_SETTINGS, tls_available=False)
    receiver.greet()
    _drive(receiver, b"EHLO client.test\r\n", replies.RECIPIENT_OK)
    return receiver


def _message(size: int, segment: int) -> Callable[[], None]:
    """Give a call that sends one message, each command in a segment of its own."""
    body = _HEADER + _LINE * ((size - len(_HEADER)) // len(_LINE)) + b".\r\n"
    commands = (b"MAIL FROM:<a@sender.test> SIZE=%d\r\n" % size, b"RCPT TO:<user1@example.com>\r\n", b"DATA\r\n")
    segments = (*commands, *(body[at : at + segment] for at in range(0, len(body), segment)))
    receiver = _introduced()

    def send() -> None:
        for each in segments:
            _drive(receiver, each, replies.RECIPIENT_OK)

    return send


def _refusals(count: int) -> Callable[[], None]:
    """Give a call that pipelines unknown recipients in one segment."""
    group = b"".join(b"RCPT TO:<unknown%d@example.com>\r\n" % number for number in range(count))
    receiver = _introduced()
    _drive(receiver, b"MAIL FROM:<a@sender.test>\r\n", replies.RECIPIENT_OK)
    return lambda: _drive(receiver, group, replies.UNKNOWN_RECIPIENT)


def _microseconds(call: Callable[[], None], calls: int, parts: int = 1) -> float:
    """Measure the best of seven rounds."""
    rounds = []
    for _ in range(7):
        begun = process_time()
        for _ in range(calls):
            call()
        rounds.append((process_time() - begun) / calls / parts * 1e6)
    return min(rounds)


def main() -> None:
    """Print one row for each thing measured."""
    print(f"4 KB message, one segment          {_microseconds(_message(4096, 65536), 2000):8.1f} µs")
    print(f"4 KB message, segments of 1 460    {_microseconds(_message(4096, 1460), 2000):8.1f} µs")
    print(f"100 KB message, segments of 65 536 {_microseconds(_message(102400, 65536), 200):8.1f} µs")
    print(f"100 KB message, segments of 16 384 {_microseconds(_message(102400, 16384), 200):8.1f} µs")
    print(f"unknown recipient, 100 pipelined   {_microseconds(_refusals(100), 100, 100):8.1f} µs")


if __name__ == "__main__":
    main()
