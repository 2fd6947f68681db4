"""A whole node as a process of its own, in a directory of its own, on ports of 127.0.0.1 that were free.

Started as an operator starts it, watched from outside only: its port, its control socket, its journal, its exit
status. Everything here blocks; whatever is waited for is a condition with a time limit, and a limit that passes fails
with the end of what the node logged. `Node.close` ends the process, by its id, and removes the directory.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shieldrelay.admin.ctl_client import ControlClient

ROOT = Path(__file__).resolve().parents[2]
TWISTD = Path(sys.executable).parent / "twistd"
BYTECODE = ROOT / "var" / "bytecode"
"""As for an installed product, the bytecode is there when it starts: without it a start takes half a second longer."""
DOMAIN = "example.test"
RECIPIENTS = ("alice", "bob", "carol", "ghost", "shy", "postmaster")

Settings = Mapping[str, Mapping[str, object]]
OBSERVED: Settings = {"shield.harvest": {"mode": "observe"}}
"""For clients of one address that ask for recipients whom the customer refuses, or break off, more than a stranger may:
else they would be cut off as harvesters (R20)."""


class NotInTime(AssertionError):
    """Something that was waited for did not happen; says what."""


def wait_until(condition: Callable[[], object], what: str, most_seconds: float = 30.0) -> float:
    """Wait for a condition and give the seconds that it took.

    :raises NotInTime: it did not come true.
    """
    begun, never = time.monotonic(), threading.Event()
    while not condition():
        if time.monotonic() - begun > most_seconds:
            raise NotInTime(f"{what}: not within {most_seconds:g} s")
        never.wait(0.005)
    return time.monotonic() - begun


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def reserved_port() -> tuple[socket.socket, int]:
    """Give a port of 127.0.0.1 and what keeps it from others, outgoing connections too, while its server is down."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return one, int(one.getsockname()[1])


def greets(port: int) -> bool:
    """Whether an SMTP server on the port greets with 220."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
            greeting = one.recv(512)
            one.sendall(b"QUIT\r\n")
            return greeting.startswith(b"220")
    except OSError:
        return False


def listens(port: int) -> bool:
    """Whether somebody takes connections on the port, whatever is said then."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def toml(table: Mapping[str, object], name: str = "") -> str:
    """Render one table; strings, numbers, booleans and lists of them look alike in JSON and TOML."""
    lines = [f"[{name}]"] if name else []
    return "\n".join([*lines, *(f"{key} = {_value(value)}" for key, value in table.items())]) + "\n"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


class Node:
    """One node for ``example.test``.

    :param next_hops: ports on 127.0.0.1, or what the setting takes.
    :param settings: by section, over the defaults below.
    :param domain: settings of the domain.
    :param spool: instead of a directory beside the configuration.
    :ivar port: where it takes mail.
    :ivar directory: everything it reads and writes.
    :ivar process: the running or ended process, ``None`` before the first start.
    :ivar program: what is started: twistd, or a program of the tests that takes the same words.
    """

    def __init__(
        self,
        next_hops: Sequence[object],
        settings: Settings | None = None,
        domain: Mapping[str, object] | None = None,
        *,
        spool: Path | None = None,
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="shieldrelay-node-"))
        self._reserved, self.port = reserved_port()
        self.spool = spool or self.directory / "spool"
        self.control = self.directory / "control.sock"
        self.journal_file = self.directory / "journal"
        self.log_file = self.directory / "log"
        self.configuration = self.directory / "shieldrelay.toml"
        self.recipients_file = self.directory / "recipients"
        self.process: subprocess.Popen[bytes] | None = None
        self.program: tuple[str, ...] = (str(TWISTD),)
        hops = [f"127.0.0.1:{hop}" if isinstance(hop, int) else hop for hop in next_hops]
        self._domain = {
            "domain": DOMAIN,
            "next_hops": hops,
            "recipients": f"file:{self.recipients_file}",
            **(domain or {}),
        }
        self._settings = self._defaults()
        for section, keys in (settings or {}).items():
            self._settings.setdefault(section, {}).update(keys)
        self.directory.joinpath("domains.d").mkdir()
        self.list_recipients(*RECIPIENTS)
        self.configure()

    def _defaults(self) -> dict[str, dict[str, object]]:
        generous: dict[str, object] = {
            "messages_per_session": 100000,
            "commands_per_session": 1000000,
            "connections": {
                "sessions": 10000,
                "connections": "1000000/min",
                "messages": "1000000/min",
                "recipients": "1000000/5min",
                "handshakes": "100000/min",
                "octets": "1TiB/min",
            },
            "share": "100%",
        }
        return {
            "node": {
                "hostname": "relay.test",
                "spool": str(self.spool),
                "state": str(self.directory / "state"),
                "control": str(self.control),
                "journal": str(self.journal_file),
                "user": "root",
                "group": "root",
                "stop_timeout": "10s",
            },
            "listen": {"smtp": [f"127.0.0.1:{self.port}"]},
            "delivery": {"probe": "1s", "retry": ["1s", "2s"]},
            "disk": {"reserve": "64MiB"},
            'networks."127.0.0.0/8"': generous,
            "shield.lawful": {"mode": "off"},  # senders of a test exist nowhere
        }

    # -- what it reads

    def configure(self, settings: Settings | None = None, domain: Mapping[str, object] | None = None) -> None:
        """Write the configuration, changed as said for good; a running node reads it at its next `hang_up`."""
        for section, keys in (settings or {}).items():
            self._settings.setdefault(section, {}).update(keys)
        self._domain.update(domain or {})
        self.configuration.write_text("\n".join(toml(keys, name) for name, keys in self._settings.items()))
        self.directory.joinpath("domains.d", f"{DOMAIN}.toml").write_text(toml(self._domain))

    def list_recipients(self, *names: str) -> None:
        """Write the Valid Address List."""
        self.recipients_file.write_text("".join(f"{name}\n" for name in names))

    # -- its life

    def start(self, most_seconds: float = 30.0) -> float:
        """Start it and wait until it greets; give the seconds.

        :raises NotInTime: it ended, or did not greet.
        """
        self.launch()
        return self.wait_until_greeting(most_seconds)

    def launch(self, *words: str) -> subprocess.Popen[bytes]:
        """Start the process and wait for nothing."""
        command = [*self.program, "--nodaemon", "--pidfile=", "shieldrelay"]
        command += ["--config", str(self.configuration), *words]
        environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONPYCACHEPREFIX=str(BYTECODE))
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, env=environment
            )
        return self.process

    def wait_until_greeting(self, most_seconds: float = 30.0) -> float:
        """Wait until it greets; give the seconds."""
        return self._watch(self.greets, "the greeting", most_seconds)

    def greets(self) -> bool:
        """Whether it greets with 220."""
        return greets(self.port)

    def wait_until_ended(self, most_seconds: float = 30.0) -> int:
        """Wait for the end of the process and give its exit status."""
        process = self._running()
        try:
            return process.wait(most_seconds)
        except subprocess.TimeoutExpired:
            raise NotInTime(f"the end of the node: not within {most_seconds:g} s\n{self.trouble()}") from None

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._running().kill()
        self._running().wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._running().send_signal(number)

    def hang_up(self) -> None:
        """Send SIGHUP."""
        self.signal(signal.SIGHUP)

    def terminate(self) -> None:
        """Send SIGTERM, and wait for nothing."""
        self.signal(signal.SIGTERM)

    def stop(self, most_seconds: float = 30.0) -> int:
        """Send SIGTERM, wait for the end and give the exit status."""
        self.terminate()
        return self.wait_until_ended(most_seconds)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        """End the process, whatever it does, and remove the directory."""
        if self.alive:
            self.kill()
        self._reserved.close()
        shutil.rmtree(self.directory)

    # -- what it says

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``shieldrelayctl`` to its end."""
        command = [sys.executable, "-m", "shieldrelay.admin.ctl", "--socket", str(self.control), *words]
        return subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request to the control API; ``path`` is behind ``/api/v1/``."""
        return ControlClient(str(self.control)).ask(method, f"/api/v1/{path}", body=body)

    def domain_status(self) -> Any:
        """Give what it says of ``example.test``."""
        return self.ask("GET", "status")["domains"][0]

    def drained(self) -> bool:
        """Whether nothing is spooled and nothing under way."""
        status = self.domain_status()
        return not status["queued"] and not status["in_flight"] and not self.spooled()

    def spooled(self) -> list[Path]:
        """Give the files of messages in the spool, on hold or not."""
        return [file for place in ("new", "cur", "held") for file in self.spool.glob(f"*/{DOMAIN}/{place}/*")]

    def journal(self, event: str = "") -> list[dict[str, Any]]:
        """Give the lines of the journal, of one event or all; the last one may be under way and is left out then."""
        if not self.journal_file.exists():
            return []
        text = self.journal_file.read_text()
        lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [line for line in lines if not event or line["event"] == event]

    def wait_for_event(
        self, event: str, condition: Callable[[dict[str, Any]], object] = bool, most_seconds: float = 30.0
    ) -> dict[str, Any]:
        """Wait for a line of the journal."""
        self._watch(lambda: any(map(condition, self.journal(event))), f"the event {event}", most_seconds)
        return next(filter(condition, self.journal(event)))

    def bugs(self) -> list[dict[str, Any]]:
        """Give what must never be in a journal."""
        return [line for line in self.journal() if line["event"] in ("bug", "damaged") or line["level"] == "critical"]

    def trouble(self) -> str:
        """Give the end of its log and of its journal."""
        files = [file for file in (self.log_file, self.journal_file) if file.exists()]
        return "\n".join(file.read_text(errors="replace")[-3000:] for file in files)

    def _watch(self, condition: Callable[[], object], what: str, most_seconds: float) -> float:
        try:
            return wait_until(lambda: condition() or not self.alive, what, most_seconds)
        except NotInTime as late:
            raise NotInTime(f"{late}\n{self.trouble()}") from None
        finally:
            if not self.alive and not condition():
                raise NotInTime(f"{what}: the node ended\n{self.trouble()}")

    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "the node was not started"
        return self.process
