"""Stands in for systemd: holds a listening socket through all lives of a node, and hears what the node tells it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path

_STARTER = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as one:
    one.connect(sys.argv[1])
    _, (held,), _, _ = socket.recv_fds(one, 1, 1)
if held != 3:
    os.dup2(held, 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="smtp")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Notified:
    """A socket on which services tell how they are.

    :ivar directory: short enough for a socket's path.
    :ivar address: for NOTIFY_SOCKET.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="shieldrelay-notify-"))
        self.address = str(self.directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self.address)
        self._heard: list[str] = []

    def heard(self) -> list[str]:
        """Give all lines that were told so far."""
        while True:
            try:
                self._heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._heard

    def close(self) -> None:
        """End it."""
        self._socket.close()
        shutil.rmtree(self.directory)


class Activation:
    """A listening socket, given to whoever is started with `program`.

    :ivar port: of 127.0.0.1.
    :ivar program: begins the words that start a node.
    """

    def __init__(self, twistd: str) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="shieldrelay-held-"))
        self._held = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = int(self._held.getsockname()[1])
        path = str(self._directory / "give")
        self._giving = socket.socket(socket.AF_UNIX)
        self._giving.bind(path)
        self._giving.listen()
        self.program = (sys.executable, "-c", _STARTER, path, twistd)
        self._thread = threading.Thread(target=self._give, daemon=True)
        self._thread.start()

    def _give(self) -> None:
        while True:
            try:
                one, _ = self._giving.accept()
            except OSError:
                return
            with one:
                socket.send_fds(one, [b"x"], [self._held.fileno()])

    def close(self) -> None:
        """End it."""
        self._giving.shutdown(socket.SHUT_RDWR)
        self._giving.close()
        self._thread.join()
        self._held.close()
        shutil.rmtree(self._directory)


class Callers:
    """Clients that come one after the other, and want to be greeted.

    :ivar greeted: how many were; ``busy`` those that were told 421.
    :ivar faults: of all others, what happened.
    """

    def __init__(self, port: int) -> None:
        self.greeted = self.busy = 0
        self.faults: list[str] = []
        self._port = port
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(4)]
        for one in self._threads:
            one.start()

    def _call(self) -> None:
        while not self._ending.wait(0.02):
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=60) as one:
                    said = one.recv(512)
                    one.sendall(b"QUIT\r\n")
            except OSError as error:
                self.faults.append(os.strerror(error.errno or 0))
                continue
            if said.startswith(b"220"):
                self.greeted += 1
            elif said.startswith(b"421"):
                self.busy += 1
            else:
                self.faults.append(repr(said))

    def end(self) -> None:
        """Let those that are there finish."""
        self._ending.set()
        for one in self._threads:
            one.join()
