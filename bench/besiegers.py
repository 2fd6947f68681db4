"""Attackers with addresses of their own, as a process of its own that goes on until its standard input ends.

``python -m bench.besiegers flood PORT FIRST SOURCES RATE``: that many connections a second, each held in silence for as
long as the relay lets it, ten seconds at most.
``... drip PORT FIRST SOURCES SESSIONS``: sessions that say one octet of a command every five seconds; one that is ended
comes again.
``... harvest PORT FIRST SOURCES SESSIONS``: sessions that ask for 50 unknown recipients in one write, again and again,
and come again a tenth of a second after they were ended.

It prints a line once it is in full swing, and counts of what it heard, as JSON, at its end. ``FIRST`` is as in
`bench.strangers`.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from collections import Counter, deque

from attrs import define, field

from bench.strangers import address, connection

_SAID = b"EHLO " + b"drip." * 40
_DRIP_SECONDS = 5.0
_HELD_SECONDS = 10.0
_OPENED_A_SECOND = 500
_AGAIN_SECONDS = 0.1
_HELLO = b"EHLO client.test\r\nMAIL FROM:<s@sender.test>\r\n"


@define
class Session:
    """One connection of an attacker.

    :ivar source: which address it has.
    :ivar said: how much of the drip it has said, or how many recipients it has asked for.
    """

    socket: socket.socket
    source: int
    said: int = 0


@define
class Siege:
    """All connections of an attack.

    :ivar due: what is next for each, in the order of the times; those of sessions that ended are passed over.
    :ivar heard: replies by their first digit or code, and ends.
    """

    port: int
    first: int
    sources: int
    poll: select.epoll = field(factory=select.epoll)
    sessions: dict[int, Session] = field(factory=dict)
    due: deque[tuple[float, Session]] = field(factory=deque)
    again: deque[tuple[float, int]] = field(factory=deque)
    heard: Counter[str] = field(factory=Counter)
    opened: int = 0

    def open(self, source: int) -> Session:
        """Begin a connection."""
        one = Session(connection(address(self.first, source), self.port), source)
        self.sessions[one.socket.fileno()] = one
        self.poll.register(one.socket, select.EPOLLIN)
        self.opened += 1
        return one

    def close(self, one: Session, why: str) -> None:
        """End a connection."""
        self.heard[why] += 1
        del self.sessions[one.socket.fileno()]
        one.socket.close()
        self.again.append((time.monotonic() + _AGAIN_SECONDS, one.source))

    def read(self, seconds: float) -> list[tuple[Session, bytes]]:
        """Give what came, and end what was ended."""
        came = []
        for number, _ in self.poll.poll(seconds):
            one = self.sessions.get(number)
            if one is None:
                continue
            try:
                octets = one.socket.recv(65536)
            except OSError:
                octets = b""
            if not octets:
                self.close(one, "closed")
                continue
            self.heard.update(
                line[:3].decode("ascii", "replace") for line in octets.split(b"\r\n") if line[3:4] == b" "
            )
            came.append((one, octets))
        return came

    def came_due(self) -> list[Session]:
        """Give the sessions whose time has come."""
        now, ready = time.monotonic(), []
        while self.due and self.due[0][0] <= now:
            one = self.due.popleft()[1]
            if self.sessions.get(one.socket.fileno()) is one:
                ready.append(one)
        return ready

    def say(self, one: Session, octets: bytes) -> None:
        """Write, as far as it goes."""
        try:
            one.socket.send(octets)
        except OSError:
            self.close(one, "lost")


@define
class Flood:
    """Connections at a steady rate."""

    siege: Siege
    rate: int
    begun: float = field(factory=time.monotonic)

    def turn(self) -> bool:
        """Go on; gives whether it is in full swing."""
        siege, now = self.siege, time.monotonic()
        while siege.opened < (now - self.begun) * self.rate:
            siege.due.append((now + _HELD_SECONDS, siege.open(siege.opened % siege.sources)))
        for one in siege.came_due():
            siege.close(one, "held")
        siege.again.clear()
        siege.read(0.005)
        return now - self.begun > 2


@define
class Drip:
    """Sessions that are as slow as they dare."""

    siege: Siege
    count: int
    begun: float = field(factory=time.monotonic)

    def turn(self) -> bool:
        """Go on; gives whether it is in full swing."""
        siege, now = self.siege, time.monotonic()
        allowed = min(self.count, int((now - self.begun) * _OPENED_A_SECOND) - siege.heard["closed"])
        while len(siege.sessions) < allowed:
            source = siege.again.popleft()[1] if siege.again else siege.opened
            siege.due.append((now + _DRIP_SECONDS, siege.open(source % siege.sources)))
        for one in siege.came_due():
            siege.say(one, _SAID[one.said : one.said + 1])
            one.said += 1
            siege.due.append((now + _DRIP_SECONDS, one))
        siege.read(0.01)
        return now - self.begun > 2 + self.count / _OPENED_A_SECOND


@define
class Harvest:
    """Guesses in bursts."""

    siege: Siege
    count: int
    begun: float = field(factory=time.monotonic)
    guessed: int = 0

    def turn(self) -> bool:
        """Go on; gives whether it is in full swing."""
        siege, now = self.siege, time.monotonic()
        while siege.opened < self.count:
            siege.open(siege.opened % siege.sources)
        while siege.again and siege.again[0][0] <= now:
            siege.open(siege.again.popleft()[1])
        for one, octets in siege.read(0.01):
            if not one.said and octets.startswith(b"220"):
                siege.say(one, _HELLO + self._burst(one))
            elif one.said and octets.count(b"\r\n") >= 50:
                siege.say(one, self._burst(one))
        return now - self.begun > 2

    def _burst(self, one: Session) -> bytes:
        one.said += 50
        self.guessed += 50
        first = self.guessed
        return b"".join(b"RCPT TO:<no%d@example.com>\r\n" % number for number in range(first, first + 50))


_KINDS: dict[str, type[Flood | Drip | Harvest]] = {"flood": Flood, "drip": Drip, "harvest": Harvest}


def main(words: list[str]) -> None:
    """Attack as the command line says."""
    port, first, sources, much = (int(word) for word in words[1:])
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    attack = _KINDS[words[0]](Siege(port, first, sources), much)
    told = False
    while not select.select([sys.stdin], [], [], 0)[0]:
        if attack.turn() and not told:
            told = True
            print("begun", flush=True)
    siege = attack.siege
    print(json.dumps({**siege.heard, "opened": siege.opened, "open": len(siege.sessions)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
