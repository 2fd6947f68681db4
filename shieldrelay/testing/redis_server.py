"""A real redis-server for a test: its own, in a directory of its own, ended by its id.

Without persistence and without a port unless one is asked for. Used by the tests of `shieldrelay.redis`, and by bench.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

_LOOK_SECONDS = 0.01
_LOOKS = 1000


class RedisServer:
    """One server.

    :param directory: where its socket and its log are; it must exist, and its path must be short.
    :param settings: further lines of its configuration.
    :param port: of 127.0.0.1; 0: only the unix socket.
    """

    def __init__(self, directory: Path, *settings: str, port: int = 0, program: str = "redis-server") -> None:
        self.socket = str(directory / "s")
        self.port = port
        self._program = program
        self._directory = directory
        self._lines = (
            f"port {port}",
            "bind 127.0.0.1",
            f"unixsocket {self.socket}",
            'save ""',
            "appendonly no",
            "daemonize no",
            "set-proc-title no",  # a title is written over the environment, by which runs know what they left behind
            f"dir {directory}",
            f"logfile {directory / 'log'}",
            *settings,
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers.

        :raises RuntimeError: it does not.
        """
        file = self._directory / "conf"
        file.write_text("\n".join(self._lines) + "\n")
        program = shutil.which(self._program, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin") or self._program
        self._process = subprocess.Popen(
            [program, str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        for _ in range(_LOOKS):
            if self._answers():
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_SECONDS)
                break
        self.kill()
        raise RuntimeError(f"{self._program} did not start; see {self._directory}/log")

    @property
    def pid(self) -> int:
        """Its process id; 0 when it does not run."""
        return 0 if self._process is None else self._process.pid

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            Path(self.socket).unlink(missing_ok=True)

    def hang(self) -> None:
        """Let it answer nobody, and accept everybody."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a hang."""
        self._signal(signal.SIGCONT)

    def say(self, *words: str | bytes) -> bytes:
        """Ask a command of it, blocking; gives what came in the first read."""
        with self._connected() as connection:
            octets = [word.encode() if isinstance(word, str) else word for word in words]
            connection.sendall(b"*%d\r\n" % len(octets) + b"".join(b"$%d\r\n%s\r\n" % (len(o), o) for o in octets))
            return connection.recv(1 << 20)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_LOOK_SECONDS * _LOOKS)
        connection.connect(self.socket)
        return connection

    def _answers(self) -> bool:
        try:
            return not self.say("PING").startswith(b"-LOADING")
        except OSError:
            return False
