"""Lawful senders, each with an address of its own, as a process of its own; the last line is JSON.

``python -m bench.strangers through PORT FIRST SOURCES MESSAGES SESSIONS EACH [DOMAINS BEGIN]``: send messages of 4 KB
as fast as the relay takes them, that many sessions at once, EACH messages a session. Their senders are in so many
domains, one after the other; the first message is that of the number BEGIN, and each number has its domain and source.
``python -m bench.strangers paced PORT FIRST SOURCES RATE SECONDS``: begin that many sessions a second, whatever becomes
of those before, and measure each from its connection to the 250 after its message.

``FIRST`` is where the addresses begin: ``127.FIRST.0.1`` and on, each in a /24 of its own, so that nobody answers for
another. Nobody retries: what is not taken at once counts as failed.
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, repeat

from attrs import define, field

_LINE = b"The quick brown fox jumps over the lazy dog, and then again over the dog.\r\n"
_HEADER = b"From: <s@sender.test>\r\nTo: <user1@example.com>\r\nSubject: lawful\r\n\r\n"
_MESSAGE = _HEADER + _LINE * ((4096 - len(_HEADER)) // len(_LINE)) + b".\r\n"
_HELLO = b"EHLO client.test\r\n"
_ONE = b"MAIL FROM:<s@sender.test>\r\n"
_TRANSACTION = (
    _ONE,
    b"RCPT TO:<user1@example.com>\r\n",
    b"DATA\r\n",
    _MESSAGE,
)
_WANTED = (b"2", b"2", b"3", b"2")
_GIVEN_UP_SECONDS = 30.0


def address(first: int, index: int) -> str:
    """Give the address of one source, each in a /24 of its own."""
    return f"127.{first + index // 256}.{index % 256}.1"


def connection(source: str, port: int) -> socket.socket:
    """Begin a connection from an address."""
    one = socket.socket()
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.setblocking(False)
    one.bind((source, 0))
    one.connect_ex(("127.0.0.1", port))
    return one


@define
class Sender:
    """One session. Its `step` is -2 before the greeting, -1 before EHLO's reply, then the transaction's.

    :ivar mails: its MAIL commands, one after the other.
    """

    socket: socket.socket
    left: int
    begun: float
    mails: Iterator[bytes]
    step: int = -2
    tail: bytes = b""

    def replied(self, line: bytes) -> str | None:
        """Go on after a final reply line; gives what ended the session, ``taken`` or the refusing code."""
        wanted = b"2" if self.step < 0 else _WANTED[self.step]
        if line[:1] != wanted:
            return f"{line[:3].decode('ascii', 'replace')} at {self.step}"
        self.step += 1
        if self.step == len(_TRANSACTION):
            self.left -= 1
            self.step = 0
            if not self.left:
                self.socket.send(b"QUIT\r\n")
                return "taken"
        self.socket.send(_HELLO if self.step < 0 else _TRANSACTION[self.step] if self.step else next(self.mails))
        return None


@define
class Crowd:
    """All senders that are under way, and what became of the others.

    :ivar ended: by what ended it.
    :ivar seconds: of each session that ended well.
    """

    port: int
    poll: select.epoll = field(factory=select.epoll)
    senders: dict[int, Sender] = field(factory=dict)
    ended: Counter[str] = field(factory=Counter)
    seconds: list[float] = field(factory=list)
    taken: int = 0

    def begin(self, source: str, messages: int, mails: Iterator[bytes] | None = None) -> None:
        """Begin one session.

        :param mails: its MAIL commands; without them the sender is always the same.
        """
        one = connection(source, self.port)
        self.senders[one.fileno()] = Sender(one, messages, time.monotonic(), mails or repeat(_ONE))
        self.poll.register(one, select.EPOLLIN)

    def turn(self, seconds: float) -> None:
        """Let every sender go on that can."""
        for number, _ in self.poll.poll(max(0.0, seconds)):
            sender = self.senders[number]
            before = sender.left
            end = _heard(sender)
            self.taken += before - sender.left
            if end is not None:
                self._end(number, sender, end)

    def give_up(self) -> None:
        """End those that nobody answers."""
        for number, sender in list(self.senders.items()):
            self._end(number, sender, "no answer")

    def _end(self, number: int, sender: Sender, end: str) -> None:
        self.ended[end] += 1
        if end == "taken":
            self.seconds.append(time.monotonic() - sender.begun)
        del self.senders[number]
        sender.socket.close()


def _heard(sender: Sender) -> str | None:
    try:
        octets = sender.socket.recv(65536)
    except OSError:
        return "lost"
    if not octets:
        return "closed"
    *lines, sender.tail = (sender.tail + octets).split(b"\r\n")
    for line in lines:
        if line[3:4] == b" " and (end := sender.replied(line)) is not None:
            return end
    return None


def mails(domains: int, begin: int) -> Iterator[bytes]:
    """Give MAIL commands whose senders are in so many domains, one after the other."""
    return (b"MAIL FROM:<s@d%d.sender.test>\r\n" % (number % domains) for number in count(begin))


def through(
    port: int, first: int, sources: int, messages: int, sessions: int, each: int, domains: int = 0, begin: int = 0
) -> dict[str, object]:
    """Send all messages; the sources take turns, and so do the domains."""
    crowd, begun, started = Crowd(port), time.monotonic(), 0
    while started * each < messages or crowd.senders:
        while len(crowd.senders) < sessions and started * each < messages:
            told = mails(domains, begin + started * each) if domains else None
            crowd.begin(address(first, (begin // each + started) % sources), each, told)
            started += 1
        crowd.turn(1.0)
        if time.monotonic() - begun > 100:
            crowd.give_up()
            break
    return {"taken": crowd.taken, "seconds": time.monotonic() - begun, "ended": crowd.ended}


def paced(port: int, first: int, sources: int, rate: float, seconds: float) -> dict[str, object]:
    """Begin sessions at a steady rate and give their times."""
    crowd, begun, started = Crowd(port), time.monotonic(), 0
    while True:
        now = time.monotonic() - begun
        while started < rate * min(now, seconds):
            crowd.begin(address(first, started % sources), 1)
            started += 1
        if now >= seconds and (not crowd.senders or now > seconds + _GIVEN_UP_SECONDS):
            break
        crowd.turn(min((started + 1) / rate - now, 1.0) if now < seconds else 1.0)
    crowd.give_up()
    times = [1000 * each for each in crowd.seconds] or [0.0]
    return {
        "begun": started,
        "success": 100 * crowd.taken / started,
        "median ms": statistics.median(times),
        "p99 ms": sorted(times)[int(0.99 * (len(times) - 1))],
        "worst ms": max(times),
        "ended": crowd.ended,
    }


def main(words: list[str]) -> None:
    """Run as the command line says."""
    if words[0] == "through":
        print(json.dumps(through(*(int(word) for word in words[1:]))), flush=True)
    elif words[0] == "paced":
        port, first, sources = (int(word) for word in words[1:4])
        print(json.dumps(paced(port, first, sources, float(words[4]), float(words[5]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
