"""Clients that Postfix's generator does not offer, each run as a process of its own; the last line is JSON.

``python -m bench.sessions unknown PORT SESSIONS RCPTS BATCH WAVES``: sessions that ask for recipients that do not
exist, ``BATCH`` commands a write, and again in ``WAVES`` waves of new sessions.
``python -m bench.sessions idle PORT COUNT SECONDS``: open sessions from many source addresses, count the greetings that
come within the seconds, say so, and hold the sessions until standard input ends.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time

from attrs import define, field

_PER_ADDRESS = 40
_MOST_SECONDS = 60


@define
class _Asker:
    """One session that asks for unknown recipients.

    Its replies are counted, not read: after the first four (greeting, EHLO, MAIL and the first batch's) only line ends
    matter.
    """

    connection: socket.socket
    number: int
    rcpts: int
    batch: int
    asked: int = 0
    refused: int = 0
    other: int = 0
    stage: int = 0
    tail: bytes = b""
    outstanding: int = 0
    over: bool = field(default=False)

    def readable(self) -> None:
        """Take what came and go on."""
        try:
            octets = self.connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self.over = True
            return
        lines = (self.tail + octets).split(b"\r\n")
        self.tail = lines.pop()
        for line in lines:
            if line[3:4] == b" ":
                self._reply(line)

    def _reply(self, line: bytes) -> None:
        if self.stage < 3:
            said = (b"EHLO client.test\r\n", b"MAIL FROM:<s@sender.test>\r\n", b"")[self.stage]
            self.stage += 1
            if said:
                self.connection.sendall(said)
            else:
                self._ask()
            return
        self.refused += line[:1] == b"5"
        self.other += line[:1] != b"5"
        self.outstanding -= 1
        if self.outstanding == 0:
            self._ask()

    def _ask(self) -> None:
        count = min(self.batch, self.rcpts - self.asked)
        if count == 0:
            self.over = True
            self.connection.close()
            return
        first = self.number * 1000 + self.asked
        self.asked += count
        self.outstanding = count
        self.connection.sendall(b"".join(b"RCPT TO:<no%d@example.com>\r\n" % n for n in range(first, first + count)))


def unknown(port: int, sessions: int, rcpts: int, batch: int, waves: int) -> dict[str, float]:
    """Ask, and give how many were refused for good, answered otherwise, and in how many seconds."""
    refused = other = 0
    begun = time.monotonic()
    for wave in range(waves):
        askers = _wave(port, range(wave * sessions, (wave + 1) * sessions), rcpts, batch, begun + _MOST_SECONDS)
        refused += sum(asker.refused for asker in askers)
        other += sum(asker.other for asker in askers)
    return {"refused": refused, "other": other, "seconds": time.monotonic() - begun}


def _wave(port: int, numbers: range, rcpts: int, batch: int, deadline: float) -> list[_Asker]:
    """Run one set of sessions to their end."""
    poll = select.epoll()
    askers: dict[int, _Asker] = {}
    for number in numbers:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        askers[connection.fileno()] = _Asker(connection, number, rcpts, batch)
        poll.register(connection, select.EPOLLIN)
    every = list(askers.values())
    while askers and time.monotonic() < deadline:
        for number, _ in poll.poll(1):
            askers[number].readable()
            if askers[number].over:
                askers.pop(number).connection.close()
    poll.close()
    return every


def idle(port: int, count: int, seconds: float) -> tuple[dict[str, float], list[socket.socket]]:
    """Open sessions and count who is greeted; give the figures and the connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 200)), hard))
    poll = select.epoll()
    waiting: dict[int, socket.socket] = {}
    connections = []
    begun = time.monotonic()
    greeted = refused = 0
    for number in range(count):
        connection = _from_address(number // _PER_ADDRESS, port)
        connections.append(connection)
        waiting[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
    while waiting and time.monotonic() - begun < seconds:
        for number, _ in poll.poll(0.2):
            words = _received(waiting.pop(number))
            poll.unregister(number)
            greeted += words.startswith(b"220")
            refused += words.startswith((b"4", b"5"))
    poll.close()
    return {"asked": count, "greeted": greeted, "refused": refused, "seconds": time.monotonic() - begun}, connections


def _from_address(index: int, port: int) -> socket.socket:
    """Begin a connection from one of many loopback addresses."""
    connection = socket.socket()
    connection.setblocking(False)
    connection.bind((f"127.1.{index // 250}.{1 + index % 250}", 0))
    connection.connect_ex(("127.0.0.1", port))
    return connection


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(512)
    except OSError:
        return b""


def main(words: list[str]) -> None:
    """Run one client as the command line says."""
    if words[0] == "unknown":
        port, sessions, rcpts, batch, waves = (int(word) for word in words[1:])
        print(json.dumps(unknown(port, sessions, rcpts, batch, waves)), flush=True)
    elif words[0] == "idle":
        figures, connections = idle(int(words[1]), int(words[2]), float(words[3]))
        print(json.dumps(figures), flush=True)
        sys.stdin.read()
        for connection in connections:
            connection.close()


if __name__ == "__main__":
    main(sys.argv[1:])
