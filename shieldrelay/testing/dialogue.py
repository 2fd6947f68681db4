r"""A player of dialogue scripts against the sans-io SMTP receiver, and the owner that answers its questions.

A script is text, one line a step::

    # prose
    set offer_dsn limits.recipients=100 rules.message_size=2000 tls whole
    S: 220 mx.test ESMTP
    C: EHLO client.test
    S: 250-mx.test
    S: ...                          any further lines
    A: RCPT 550 5.1.1 No such recipient here
    C: MAIL FROM:<a@sender.test>
    C: RCPT TO:<nobody@example.test>
    S: 250 2.1.0 Sender ok
    S: 550 5.1.1 ...                the rest of the line is not looked at
    V: SEQUENCE                     this violation was told
    M: Subject: x\r\n\r\nhi\r\n     the content so far
    R:                              a transaction was reset
    T:                              the TLS handshake takes place
    X:                              the session closes

``C:`` lines that follow each other go out in one segment, each with its CRLF; ``c:`` has none. ``\r \n \\ \xNN`` are
escapes, ``\x41*5000`` at the end of a line repeats what is in ``{}``: ``{\x41}*5000``. ``A:`` replaces the next
answer to that command (MAIL, RCPT, DATA, BDAT, END, STARTTLS). A script that does not say ``whole`` is good for any
segmentation.

`play` raises `DialogueFailed`, naming the line. For tests of this project and of whoever extends it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve, field, frozen

from shieldrelay.mail.reply import Reply
from shieldrelay.smtp import replies
from shieldrelay.smtp.events import (
    ContentCompleted,
    ContentReceived,
    ContentRequested,
    Event,
    MailRequested,
    RecipientRequested,
    TlsRequested,
    TransactionReset,
    Violation,
)
from shieldrelay.smtp.receiver import Receiver
from shieldrelay.smtp.receiver_settings import ReceiverSettings

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|[rnt\\])")
_REPEAT = re.compile(rb"\{(.*?)\}\*(\d+)", re.DOTALL)
_PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
_WORDS = {MailRequested: "MAIL", RecipientRequested: "RCPT", ContentCompleted: "END", TlsRequested: "STARTTLS"}

Cut = Callable[[bytes], Iterator[bytes]]
"""Cuts what is sent into segments."""


class DialogueFailed(AssertionError):
    """The session did not go as the script says."""


class Owner:
    """Who owns a receiver: answers every question at once, with yes unless told otherwise, and keeps what it is told.

    :ivar answers: replies to be given instead, by command, first come first.
    :ivar events: all events in their order.
    :ivar content: what came of the current message.
    """

    def __init__(self, settings: ReceiverSettings, *, tls_available: bool = False) -> None:
        self.receiver = Receiver(settings, tls_available=tls_available)
        self.answers: dict[str, deque[Reply]] = {}
        self.events: list[Event] = []
        self.content = b""
        self.output = b""
        self.receiver.greet()

    def send(self, *segments: bytes) -> bytes:
        """Feed segments, answer what is asked, give what was said since the last call."""
        for segment in segments:
            self.receiver.feed(segment)
            self.pump()
        said, self.output = self.output + self.receiver.output(), b""
        return said

    def pump(self) -> None:
        """Take events until there are none."""
        while (event := self.receiver.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, ContentRequested):
                self.content = b""
            elif isinstance(event, ContentReceived):
                self.content += event.block
            if event.wants_answer:
                self.receiver.answer(self._answer(event))

    def _answer(self, event: Event) -> Reply:
        word = _WORDS.get(type(event)) or ("BDAT" if isinstance(event, ContentRequested) and event.chunking else "DATA")
        prepared = self.answers.get(word)
        if prepared:
            return prepared.popleft()
        if isinstance(event, ContentCompleted):
            return replies.MESSAGE_OK if event.fault is None else event.fault.reply
        return {
            "MAIL": replies.SENDER_OK,
            "RCPT": replies.RECIPIENT_OK,
            "STARTTLS": replies.START_TLS,
        }.get(word, replies.START_CONTENT)

    def violations(self) -> list[str]:
        """Name the violations told so far."""
        return [event.kind.name for event in self.events if isinstance(event, Violation)]


@frozen
class Script:
    """A parsed script.

    :ivar steps: line number, letter and text of each step.
    :ivar whole: it is about segments, and is played as it stands only.
    """

    settings: ReceiverSettings
    tls: bool
    whole: bool
    steps: tuple[tuple[int, str, bytes], ...] = field(repr=False)


def parse(text: str) -> Script:
    """Parse a script.

    :raises ValueError: a line is no step.
    """
    settings = ReceiverSettings(b"mx.test")
    flags: set[str] = set()
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("set "):
            for word in line.split()[1:]:
                flags.add(word)
                settings = _set(settings, word)
        elif line[1:2] == ":" and line[0] in "CcSAVMRTX":
            steps.append((number, line[0], _unescape(line[2:].removeprefix(" ").encode("utf-8"))))
        else:
            raise ValueError(f"line {number} is no step")
    return Script(settings, "tls" in flags, "whole" in flags, tuple(steps))


def _set(settings: ReceiverSettings, word: str) -> ReceiverSettings:
    """Apply one word of a ``set`` line."""
    name, equals, value = word.partition("=")
    if name in ("tls", "whole"):
        return settings
    group, dot, limit = name.partition(".")
    if dot:
        return evolve(settings, **{group: evolve(getattr(settings, group), **{limit: int(value)})})
    changed: dict[str, Any] = {name: int(value) if equals else True}
    return evolve(settings, **changed)


def _unescape(text: bytes) -> bytes:
    plain = _ESCAPE.sub(lambda found: _PLAIN.get(found[1]) or bytes([int(found[1][1:], 16)]), text)
    return _REPEAT.sub(lambda found: found[1] * int(found[2]), plain)


def in_one(octets: bytes) -> Iterator[bytes]:
    """Send it as one segment."""
    yield octets


def one_by_one(octets: bytes) -> Iterator[bytes]:
    """Send every octet as a segment of its own."""
    return (octets[at : at + 1] for at in range(len(octets)))


def play(script: Script, cut: Cut = in_one) -> Owner:
    """Play a script; give the owner as it is at the end.

    :raises DialogueFailed: something was said, told or left out that the script does not say.
    """
    return _Play(script, cut).run()


class _Play:
    """One performance."""

    def __init__(self, script: Script, cut: Cut) -> None:
        self._script = script
        self._cut = cut
        self._owner = Owner(script.settings, tls_available=script.tls)
        self._to_send = b""
        self._said = deque(self._owner.send().splitlines())
        self._seen = 0
        self._number = 0

    def run(self) -> Owner:
        for number, letter, text in self._script.steps:
            self._number = number
            if letter in "Cc":
                self._expect(not self._said, f"{self._said and self._said[0]!r} was said and not expected")
                self._to_send += text + (b"\r\n" if letter == "C" else b"")
                continue
            if letter != "A":
                self._flush()
            getattr(self, "_step_" + letter.lower())(text)
        self._flush()
        self._expect(not self._said, f"{self._said and self._said[0]!r} was said and not expected")
        return self._owner

    def _expect(self, true: bool, words: str) -> None:
        if not true:
            raise DialogueFailed(f"line {self._number}: {words}")

    def _flush(self) -> None:
        to_send, self._to_send = self._to_send, b""
        if to_send:
            self._said.extend(self._owner.send(*self._cut(to_send)).split(b"\r\n")[:-1])

    def _step_s(self, text: bytes) -> None:
        if text == b"...":
            self._said.clear()
            return
        self._expect(bool(self._said), f"{text!r} was not said, nothing was")
        said = self._said.popleft()
        same = said.startswith(text[:-3]) if text.endswith(b"...") else said == text
        self._expect(same, f"{text!r} was expected, {said!r} was said")

    def _step_a(self, text: bytes) -> None:
        word, code, *words = text.decode("ascii").split(" ")
        enhanced = tuple(map(int, words.pop(0).split("."))) if words and words[0][1:2] == "." else None
        reply = Reply(int(code), enhanced, (" ".join(words),))  # type: ignore[arg-type]
        self._owner.answers.setdefault(word, deque()).append(reply)

    def _step_v(self, text: bytes) -> None:
        told = self._owner.violations()
        self._expect(text.decode() in told[self._seen :], f"{text!r} was not told, but {told[self._seen :]}")
        self._seen += told[self._seen :].index(text.decode()) + 1

    def _step_m(self, text: bytes) -> None:
        self._expect(self._owner.content == text, f"the content is {self._owner.content[:200]!r}")

    def _step_r(self, _text: bytes) -> None:
        reset = [event for event in self._owner.events if isinstance(event, TransactionReset)]
        self._expect(bool(reset), "no transaction was reset")
        self._owner.events = [event for event in self._owner.events if not isinstance(event, TransactionReset)]

    def _step_t(self, _text: bytes) -> None:
        self._owner.receiver.tls_started()

    def _step_x(self, _text: bytes) -> None:
        self._expect(self._owner.receiver.closing, "the session goes on")
