"""``python -m bench.knocking PORT SOURCE COUNT AT_ONCE``: connect again and again and read what is said.

The last line is JSON: how many were refused (a reply that begins with 4 or 5), how many were greeted, and the
seconds. Who is greeted says QUIT.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from bench.strangers import connection

_MOST_SECONDS = 60.0


def knock(port: int, source: str, count: int, at_once: int) -> dict[str, float]:
    """Connect and give what became of it."""
    poll = select.epoll()
    open_now: dict[int, socket.socket] = {}
    opened = refused = other = 0
    begun = time.monotonic()
    while (opened < count or open_now) and time.monotonic() - begun < _MOST_SECONDS:
        while opened < count and len(open_now) < at_once:
            one = connection(source, port)
            open_now[one.fileno()] = one
            poll.register(one, select.EPOLLIN)
            opened += 1
        for number, _ in poll.poll(1):
            one = open_now[number]
            try:
                octets = one.recv(512)
            except OSError:
                octets = b""
            if octets:
                refused += octets[:1] in b"45"
                other += octets.startswith(b"220")
                if octets[:1] == b"2":
                    one.send(b"QUIT\r\n")
                    continue
            del open_now[number]
            one.close()
    return {"refused": refused, "other": other, "seconds": time.monotonic() - begun}


def main(words: list[str]) -> None:
    """Run as the command line says."""
    print(json.dumps(knock(int(words[0]), words[1], int(words[2]), int(words[3]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
