"""Clients that send recognisable messages and remember what was promised to them.

Plain blocking sockets, so that nothing of the product is on both ends. `Session` is one connection; `Sender` a thread
that sends at full rate until it is stopped, over new and kept connections, and writes down in `Sent` what it was told
of each message. A connection that breaks is an answer too: that message was not acknowledged.
"""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Callable, Sequence

from attrs import frozen

from tests.integration.customer import TOKEN_FIELD
from tests.integration.node import DOMAIN

_LINES = 5000
PATIENCE_SECONDS = 60.0


def _body() -> bytes:
    """Make lines of all kinds: empty, dotted, long, with octets beyond ASCII."""
    chance = random.Random(5321)
    kinds = (b"", b".", b"..", b".leading", b"x" * 70, b"From here", bytes(range(0xA1, 0xFF)), b"y" * 900)
    lines = [chance.choice(kinds) + b"%d" % number * (number % 3) for number in range(_LINES)]
    return b"\r\n".join(lines) + b"\r\n"


BODY = _body()


def content_of(token: str, size: int) -> bytes:
    """Make a message of about ``size`` octets that says its token in a field; the same for the same arguments."""
    header = b"From: <a@sender.test>\r\nTo: <alice@example.test>\r\nSubject: %s\r\n" % token.encode()
    header += TOKEN_FIELD + token.encode() + b"\r\n\r\n"
    return header + BODY[: max(0, size - len(header) - 2)].rstrip(b"\r\n") + b"\r\n"


def digest_of(content: bytes) -> str:
    """Give the digest that `customer.Taken` has of a content that arrived unaltered."""
    return hashlib.sha256(content).hexdigest()


def stuffed(content: bytes) -> bytes:
    """Make a content what DATA takes, its end included."""
    dotted = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if dotted.startswith(b".") else b"") + dotted + b".\r\n"


class Session:
    """One SMTP session.

    :param made: a connection that was made already, elsewhere than to this port of 127.0.0.1.
    :raises OSError: (in every method) the connection failed, ended, or was silent for a minute.
    """

    def __init__(
        self,
        port: int,
        *,
        source: str = "127.0.0.1",
        timeout: float = PATIENCE_SECONDS,
        made: socket.socket | None = None,
    ) -> None:
        self._socket = made or socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self._file = self._socket.makefile("rb")
        try:
            self.greeting = self.reply()
            self.capabilities = self.command(b"EHLO client.sender.test")
        except BaseException:
            self.close()
            raise

    def write(self, octets: bytes) -> None:
        """Write octets as they are."""
        self._socket.sendall(octets)

    def reply(self) -> bytes:
        """Read one reply, all its lines, CRLFs included."""
        lines = [self._line()]
        while lines[-1][3:4] == b"-":
            lines.append(self._line())
        return b"".join(lines)

    def _line(self) -> bytes:
        line = self._file.readline(4096)
        if not line.endswith(b"\n"):
            raise ConnectionError("the session ended")
        return line

    def command(self, line: bytes) -> bytes:
        """Say one command and give its reply."""
        self.write(line + b"\r\n")
        return self.reply()

    def send(
        self, content: bytes, recipients: Sequence[str], reverse_path: str = "a@sender.test"
    ) -> tuple[list[bytes], bytes]:
        """Send one message, its envelope pipelined; give the replies to RCPT, and the last reply.

        When no recipient was accepted the last reply is the one to DATA.
        """
        commands = [f"MAIL FROM:<{reverse_path}> SIZE={len(content)} BODY=8BITMIME"]
        commands += [f"RCPT TO:<{recipient}@{DOMAIN}>" for recipient in recipients]
        self.write("".join(f"{line}\r\n" for line in (*commands, "DATA")).encode())
        mail = self.reply()
        accepted = [self.reply() for _ in recipients]
        data = self.reply()
        if not data.startswith(b"354"):
            return accepted, data if mail.startswith(b"250") else mail
        if not any(one.startswith(b"250") for one in accepted):
            self.write(b".\r\n")
        else:
            self.write(stuffed(content))
        return accepted, self.reply()

    def quit(self) -> None:
        """End in order."""
        self.command(b"QUIT")
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()


def send_one(port: int, token: str, *recipients: str, size: int = 2000, reverse_path: str = "a@sender.test") -> bytes:
    """Send one message over a connection of its own and give the last reply."""
    with Session(port) as session:
        _accepted, last = session.send(content_of(token, size), recipients or ("alice",), reverse_path)
        return last


@frozen
class Sent:
    """What became of one message, as its client knows it.

    :ivar digest: of its content.
    :ivar recipients: those that were answered 250.
    :ivar code: of the last reply; 0 when the connection broke before it came.
    """

    token: str
    digest: str
    recipients: tuple[str, ...]
    code: int

    @property
    def acknowledged(self) -> bool:
        """Whether the relay took responsibility for it."""
        return self.code == 250


@frozen
class Mix:
    """What a sender sends: by chance, but for a seed always the same."""

    sizes: tuple[int, ...] = (4096,) * 12 + (1000, 20_000, 100_000, 300_000)
    recipients: tuple[tuple[str, ...], ...] = (("alice",),) * 10 + (
        ("alice", "bob"),
        ("bob", "carol", "postmaster"),
        ("alice", "nobody"),
        ("alice", "shy"),
        ("shy",),
        ("bob", "ghost"),
    )
    per_connection: tuple[int, ...] = (1, 1, 5, 50)


class Sender(threading.Thread):
    """Sends until it is told to stop.

    :param counted: called after each message with what became of it.
    :ivar sent: everything it sent, complete once the thread has ended.
    """

    def __init__(self, name: str, port: int, mix: Mix, seed: int, counted: Callable[[Sent], object] = bool) -> None:
        super().__init__(name=name, daemon=True)
        self._port = port
        self._mix = mix
        self._chance = random.Random(seed)
        self._counted = counted
        self._ending = threading.Event()
        self.sent: list[Sent] = []

    def end(self) -> None:
        """Let it end after the message at hand."""
        self._ending.set()

    def run(self) -> None:
        """Send."""
        while not self._ending.is_set():
            try:
                with self._connect() as session:
                    self._converse(session)
            except OSError:
                self._ending.wait(0.02)

    def _connect(self) -> Session:
        """Open a session."""
        return Session(self._port)

    def _converse(self, session: Session) -> None:
        for _ in range(self._chance.choice(self._mix.per_connection)):
            if self._ending.is_set() or not self._send(session):
                return
        session.quit()

    def _send(self, session: Session) -> bool:
        """Send one message; false when the session is over."""
        token = f"{self.name}-{len(self.sent)}"
        recipients = self._chance.choice(self._mix.recipients)
        content = content_of(token, self._chance.choice(self._mix.sizes))
        reverse_path = f"{self._chance.randrange(50)}@sender.test"
        try:
            replies, last = session.send(content, recipients, reverse_path)
        except OSError:
            self._note(Sent(token, digest_of(content), (), 0))
            return False
        taken = tuple(one for one, reply in zip(recipients, replies, strict=True) if reply.startswith(b"250"))
        self._note(Sent(token, digest_of(content), taken, int(last[:3])))
        return not last.startswith(b"421")

    def _note(self, sent: Sent) -> None:
        self.sent.append(sent)
        self._counted(sent)
