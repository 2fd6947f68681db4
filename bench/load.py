"""The generator and the sink, Postfix's own, and what waiting for them takes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from attrs import define, field, frozen

from bench import accounting

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MESSAGES = re.compile(rb"mesg=\s*(\d+)")
SESSIONS = 20
"""Sessions of the generator at once."""


class BenchFault(Exception):
    """Something that a measurement stands on did not work; says what."""


def program(name: str) -> str:
    """Give a program's path, root's directories included.

    :raises BenchFault: it is not installed.
    """
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":" + _PATH)
    if found is None:
        raise BenchFault(f"{name} is not installed; on Debian: apt install postfix")
    return found


def free_port() -> int:
    """Give a port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until(condition: Callable[[], bool], most_seconds: float, what: str, each_seconds: float = 0.01) -> float:
    """Wait for a condition and give the seconds that it took.

    :raises BenchFault: it did not come true in time.
    """
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > most_seconds:
            raise BenchFault(f"{what} not within {most_seconds:g} s")
        time.sleep(each_seconds)
    return time.monotonic() - begun


def greets(port: int) -> bool:
    """Whether an SMTP server on the port greets."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
            greeting = one.recv(512)
            one.sendall(b"QUIT\r\n")
            return greeting.startswith(b"220")
    except OSError:
        return False


@define
class Sink:
    """``smtp-sink`` on a port, counting what it takes; like most servers it offers no XFORWARD (``-F``)."""

    port: int
    output: Path
    _process: subprocess.Popen[bytes] | None = None
    _file: IO[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start listening; returns when it greets.

        :raises BenchFault: it does not.
        """
        command = [program("smtp-sink"), "-c", "-F", f"127.0.0.1:{self.port}", "1024"]
        if os.geteuid() == 0:
            command[1:1] = ["-u", "nobody"]
        self._file = self.output.open("wb")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._file, stderr=self._file)
        wait_until(lambda: greets(self.port), 10, "the sink")

    def messages(self) -> int:
        """How many messages it has taken since it was started."""
        with self.output.open("rb") as file:
            file.seek(max(0, self.output.stat().st_size - 80))
            counts = _MESSAGES.findall(file.read())
        return int(counts[-1]) if counts else 0

    def stop(self) -> None:
        """Stop listening; allowed when it does not run."""
        if self._process is not None:
            accounting.kill([self._process.pid])
            self._process.wait()
            self._process = None
        if self._file is not None:
            self._file.close()


@frozen
class Load:
    """What the generator is to send.

    :ivar messages: how many.
    :ivar octets: the size of each.
    :ivar reuse: one connection carries many messages; else each has its own.
    """

    messages: int
    octets: int
    reuse: bool

    def send(self, port: int, most_seconds: float = 240) -> float:
        """Send it all and give the seconds until the last one was acknowledged.

        :raises BenchFault: the generator gave up: a message was refused, or time ran out.
        """
        command = [program("smtp-source"), "-s", str(SESSIONS), "-m", str(self.messages), "-l", str(self.octets)]
        command += ["-d"] if self.reuse else []
        command += ["-f", "s@sender.test", "-t", "user1@example.com", f"127.0.0.1:{port}"]
        begun = time.monotonic()
        try:
            ended = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=most_seconds)
        except subprocess.TimeoutExpired as late:
            raise BenchFault(f"{self.messages} messages were not taken within {most_seconds:g} s") from late
        if ended.returncode:
            said = (ended.stderr or ended.stdout).decode(errors="replace").strip()[-300:]
            raise BenchFault(f"the generator gave up: {said}")
        return time.monotonic() - begun
