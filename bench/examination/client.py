"""An SMTP client that says whatever it is told to, in the segments it is told to. Shares no code with the relay."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

from attrs import define, frozen


@cache
def _trusting() -> ssl.SSLContext:
    """Make a context that trusts anybody, once: to make one takes longer than a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@frozen
class Answer:
    """One reply: its code and its lines without codes."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """All lines in one."""
        return b" ".join(self.lines)

    @property
    def enhanced(self) -> str:
        """The enhanced code, or nothing."""
        word = self.lines[0].split(b" ")[0] if self.lines else b""
        parts = word.split(b".")
        return word.decode() if len(parts) == 3 and all(part.isdigit() for part in parts) else ""


CLOSED = Answer(0, ())
"""The connection ended instead."""


@define(eq=False)
class Client:
    """One connection."""

    connection: socket.socket
    _read: bytes = b""

    @classmethod
    def to(cls, port: int, source: str = "127.0.0.1", seconds: float = 10, receive: int = 0) -> Client:
        """Connect.

        :param source: the loopback address to come from.
        :param receive: octets of the receive buffer, to be a slow reader.
        """
        made = socket.socket()
        if receive:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        made.settimeout(seconds)
        made.bind((source, 0))
        made.connect(("127.0.0.1", port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(made)

    @classmethod
    def introduced(cls, port: int, source: str = "127.0.0.1", seconds: float = 10) -> Client:
        """Connect and say EHLO."""
        client = cls.to(port, source, seconds)
        client.answer()
        client.ask(b"EHLO client.test")
        return client

    def send(self, octets: bytes) -> None:
        """Send in one segment."""
        self.connection.sendall(octets)

    def send_in(self, segments: Iterable[bytes]) -> None:
        """Send in several, each of which has gone before the next is given to the kernel."""
        for segment in segments:
            self.connection.sendall(segment)
            time.sleep(0.002)

    def answer(self) -> Answer:
        """Read one reply; `CLOSED` when the connection ends."""
        lines: list[bytes] = []
        while True:
            line = self._line()
            if line is None:
                return CLOSED
            lines.append(line[4:])
            if line[3:4] != b"-":
                return Answer(int(line[:3]), tuple(lines))

    def answers(self, count: int) -> list[Answer]:
        """Read so many replies."""
        return [self.answer() for _ in range(count)]

    def ask(self, line: bytes) -> Answer:
        """Send one line and read its reply."""
        with suppress(OSError):
            self.send(line + b"\r\n")
        return self.answer()

    def rest(self, seconds: float = 5) -> bytes:
        """Read until the connection ends, at most so long."""
        octets, self._read = self._read, b""
        self.connection.settimeout(seconds)
        with suppress(OSError):
            while piece := self.connection.recv(65536):
                octets += piece
        return octets

    def is_silent(self, seconds: float = 0.2) -> bool:
        """Whether nothing more comes for a while, and the connection stands."""
        if self._read:
            return False
        self.connection.settimeout(seconds)
        try:
            self._read = self.connection.recv(65536)
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            self.connection.settimeout(10)
        return False

    def ended(self, seconds: float) -> float | None:
        """Wait until the connection ends, reading on; give the seconds it took, ``None`` when it did not end."""
        begun = time.monotonic()
        self._read = b""
        while (left := begun + seconds - time.monotonic()) > 0:
            self.connection.settimeout(left)
            try:
                if not self.connection.recv(65536):
                    return time.monotonic() - begun
            except TimeoutError:
                return None
            except OSError:
                return time.monotonic() - begun
        return None

    def secure(self) -> None:
        """Do the TLS handshake, trusting anybody."""
        self.connection = _trusting().wrap_socket(self.connection)

    def begin(self, recipient: bytes = b"alice@example.com", sender: bytes = b"s@client.test") -> Answer:
        """Say MAIL and RCPT; give the last reply."""
        self.ask(b"MAIL FROM:<" + sender + b">")
        return self.ask(b"RCPT TO:<" + recipient + b">")

    def data(self, recipient: bytes = b"alice@example.com") -> Answer:
        """Go up to 354."""
        self.begin(recipient)
        return self.ask(b"DATA")

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self.connection.close()

    def reset(self) -> None:
        """Break the connection with a RST."""
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def _line(self) -> bytes | None:
        while b"\n" not in self._read:
            try:
                piece = self.connection.recv(65536)
            except TimeoutError:
                raise
            except OSError:
                return None
            if not piece:
                return None
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line.rstrip(b"\r")


def lawful(port: int, source: str = "127.0.0.1", seconds: float = 10, token: bytes = b"lawful") -> float:
    """Send one message as a decent client does; give the seconds it took.

    :raises OSError: it could not be done, or not in time; `AssertionError` when it was refused.
    """
    begun = time.monotonic()
    client = Client.to(port, source, seconds)
    try:
        codes = [client.answer().code, client.ask(b"EHLO decent.test").code, client.begin().code]
        codes.append(client.ask(b"DATA").code)
        codes.append(client.ask(b"Subject: " + token + b"\r\n\r\nHello\r\n.").code)
        taken = time.monotonic() - begun
        client.ask(b"QUIT")
    finally:
        client.close()
    if codes != [220, 250, 250, 354, 250]:
        raise AssertionError(f"a lawful message was answered {codes}")
    return taken
