"""Harvesters with one session each: ``python -m bench.guessing PORT FIRST SOURCES GUESSES BATCH``.

All begin at once, each from an address of its own, ask for recipients that do not exist, BATCH commands a write, and
go on until they are cut off or have asked for all. The last line is JSON: RCPTs answered, how many of them with the
truth (550), the most truths that one source was told, and the seconds.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time

from attrs import define

from bench.strangers import address, connection

_HELLO = (b"EHLO client.test\r\n", b"MAIL FROM:<s@sender.test>\r\n")
_MOST_SECONDS = 90.0


@define
class Guesser:
    """One session. The first three replies are the greeting's, EHLO's and MAIL's."""

    socket: socket.socket
    number: int
    guesses: int
    batch: int
    replies: int = 0
    asked: int = 0
    truths: int = 0
    tail: bytes = b""

    def go_on(self) -> bool:
        """Take what came and go on; gives whether the session goes on."""
        try:
            octets = self.socket.recv(65536)
        except OSError:
            return False
        *lines, self.tail = (self.tail + octets).split(b"\r\n")
        for line in lines:
            if line[3:4] != b" ":
                continue
            self.replies += 1
            self.truths += line.startswith(b"550")
            if self.replies < 3:
                self.socket.send(_HELLO[self.replies - 1])
            elif self.replies - 3 == self.asked and not self._ask():
                return False
        return bool(octets)

    @property
    def answered(self) -> int:
        """RCPTs answered."""
        return max(0, self.replies - 3)

    def _ask(self) -> bool:
        count = min(self.batch, self.guesses - self.asked)
        first = 1000 * self.number + self.asked
        self.asked += count
        words = b"".join(b"RCPT TO:<no%d@example.com>\r\n" % number for number in range(first, first + count))
        try:
            self.socket.send(words)
        except OSError:
            return False
        return count > 0


def guess(port: int, first: int, sources: int, guesses: int, batch: int) -> dict[str, float]:
    """Guess, and give what was learned."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    poll = select.epoll()
    begun = time.monotonic()
    every = []
    for number in range(sources):
        every.append(Guesser(connection(address(first, number), port), number, guesses, batch))
        poll.register(every[-1].socket, select.EPOLLIN)
    live = {one.socket.fileno(): one for one in every}
    while live and time.monotonic() - begun < _MOST_SECONDS:
        for number, _ in poll.poll(1):
            if not live[number].go_on():
                live.pop(number).socket.close()
    return {
        "answered": sum(one.answered for one in every),
        "truths": sum(one.truths for one in every),
        "most": max(one.truths for one in every),
        "seconds": time.monotonic() - begun,
    }


def main(words: list[str]) -> None:
    """Run as the command line says."""
    port, first, sources, guesses, batch = (int(word) for word in words)
    print(json.dumps(guess(port, first, sources, guesses, batch)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
