"""The cluster demo's nodes: three processes as an operator would start them, with their configuration.

Each has a loopback address for SMTP and for the other nodes, and a directory below the demo's. They are sessions of
their own, so that a Ctrl-C at the terminal reaches the demo alone, which then stops them in order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import shieldrelay

PEER_PORT = 7025
ADMIN_PORT = 8025
ADDRESSES = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
DOMAIN = "example.test"
STOP_SECONDS = 10.0
CONFIGURATION = """\
# Written by `make cluster-demo` at every start; change shieldrelay/demo to change it.
[node]
hostname = "{name}.{domain}"
spool = "{root}/spool"
state = "{root}/state"
control = "{root}/control.sock"
journal = "{root}/journal.log"
user = "root"
stop_timeout = "5s"

[listen]
smtp = ["{address}:{port}"]
admin = ["{address}:{admin_port}"]

[admin.users."demo"]
password = "{password}"
role = "admin"

[cluster]
hub = "redis+unix://{redis}"
name = "demo"
key = "{key}"
listen = "{address}:{peer_port}"

[delivery]
probe = "5s"                    # a demo is impatient
retry = ["5s", "10s", "30s"]

[disk]
reserve = "64MiB"

[shield.lawful]
mode = "off"                    # who sends here exists nowhere

[[domain]]
domain = "{domain}"
next_hops = ["127.0.0.1:{customer}"]
recipients = "push"
pace = {{ connections = 6 }}
"""


class DemoNode:
    """One node.

    :param root: the demo's directory; the node's is below it.
    :ivar name: the first label of its hostname.
    :ivar control: its control socket.
    :ivar taken: messages that it took so far, by its journal; see `count`.
    """

    def __init__(self, number: int, root: Path, ports: tuple[int, int], redis: str) -> None:
        self.name = f"mx{number + 1}"
        self.address = ADDRESSES[number]
        self.directory = root / self.name
        self.control = self.directory / "control.sock"
        self.taken = 0
        self._journal = self.directory / "journal.log"
        self._read = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.directory.mkdir(parents=True, exist_ok=True)
        self._configuration = self.directory / "shieldrelay.toml"
        self._configuration.write_text(
            CONFIGURATION.format(
                name=self.name, root=self.directory, address=self.address, port=ports[0], customer=ports[1],
                peer_port=PEER_PORT, redis=redis, key=root / "cluster.key", domain=DOMAIN,
                admin_port=ADMIN_PORT, password=root / "password",
            ),
            encoding="utf-8",
        )  # fmt: skip

    def start(self) -> None:
        """Start the process, and wait for nothing.

        :raises OSError: it cannot be started.
        """
        self._read = self._journal.stat().st_size if self._journal.exists() else 0
        run = "from twisted.scripts.twistd import run; run()"
        words = ["--nodaemon", "--pidfile=", "shieldrelay", "--config", str(self._configuration)]
        environment = dict(os.environ, PYTHONPATH=str(Path(shieldrelay.__file__).parents[1]))
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", run, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip

    @property
    def ended(self) -> str:
        """Why it does not run, in its last words; ``""`` while it does."""
        if self._process is None or self._process.poll() is None:
            return ""
        last = (self.directory / "log").read_text("utf-8", "replace").strip().splitlines()
        return last[-1] if last else f"exit status {self._process.returncode}"

    def stop(self) -> None:
        """Ask it to stop."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait for its end, blocking; one that does not come is brought about."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def count(self) -> int:
        """Read on in its journal; give the messages that it took since the last time."""
        if not self._journal.exists():
            return 0
        with self._journal.open("rb") as journal:
            journal.seek(self._read)
            octets = journal.read()
        octets = octets[: octets.rfind(b"\n") + 1]
        self._read += len(octets)
        events = map(json.loads, octets.splitlines())
        taken = sum(1 for event in events if event["event"] == "transaction" and event["code"] == 250)
        self.taken += taken
        return taken
