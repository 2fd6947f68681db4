"""The node under examination: started as an operator starts it, in a directory of its own, on free ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from attrs import define, field

_ROOT = Path(__file__).resolve().parents[2]
_TWISTD = Path(sys.executable).parent / "twistd"

_MAIN = """\
[node]
hostname = "relay.test"
spool = "{directory}/spool"
state = "{directory}/state"
control = "{directory}/control"
journal = "{directory}/journal"
user = "root"
group = "root"

[listen]
smtp = ["127.0.0.1:{port}"]

[disk]
reserve = "1MiB"

[smtp]
{smtp}

[delivery]
first_attempt = "{first_attempt}"
notices = "smarthost:127.0.0.1:{next_hop}"
notice_senders = "all"

{shield}
"""
_DOMAIN = """\
domain = "{domain}"
next_hops = ["127.0.0.1:{next_hop}"]
next_hop_tls = "none"
recipients = "{recipients}"
"""
LIFTED = """\
[shield.harvest]
mode = "off"

[shield.analysis]
mode = "off"

[shield.lawful]
mode = "off"

[networks."127.0.0.0/8"]
share = "100%"

[networks."127.0.0.0/8".connections]
sessions = 10000
connections = "1000000/min"
messages = "1000000/min"
recipients = "1000000/5min"
handshakes = "100000/min"
octets = "1TiB/min"
"""
"""Limits of sources lifted, for parts that ask from a few addresses more than any lawful client does."""
DEFAULTS = """\
[shield.lawful]
mode = "off"
"""
"""Everybody is a stranger, and every defence as it is shipped."""
DOMAINS = {
    "example.com": "file:{directory}/recipients",
    "example.org": "file:{directory}/recipients",
    "anyone.test": "any",
}
"""What is protected, and who exists there."""
RECIPIENTS = ("alice", "bob", "postmaster", '"quoted local"', "usér", *(f"bob{number}" for number in range(10)))


class NodeFault(RuntimeError):
    """The node did not start, or ended by itself."""


def free_port() -> int:
    """Give a port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@define
class Node:
    """One node.

    :ivar smtp: lines of ``[smtp]``, TOML.
    :ivar shield: whole sections, TOML: how far the limits of sources hold.
    :ivar before: words put before the command, such as strace and its options.
    """

    directory: Path
    next_hop: int
    smtp: str = ""
    shield: str = LIFTED
    first_attempt: str = "inline"
    before: tuple[str, ...] = ()
    port: int = field(factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 20) -> None:
        """Write the configuration, start, and wait for the greeting.

        :raises NodeFault: with the end of its log.
        """
        self._configure()
        command = [*self.before, str(_TWISTD), "--nodaemon", "--pidfile=", "shieldrelay", "--config", str(self._config)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env=dict(os.environ, PYTHONPATH=str(_ROOT)),
            )  # fmt: skip
        deadline = time.monotonic() + seconds
        while not self._greets():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NodeFault(self.log[-3000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """End the node and wait."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def pid(self) -> int:
        """The process; with words before it, the only child of what they started."""
        if self.process is None:
            raise NodeFault("not started")
        if not self.before:
            return self.process.pid
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote to its standard streams."""
        return (self.directory / "log").read_text(errors="replace")

    @property
    def journal(self) -> str:
        """Its journal."""
        place = self.directory / "journal"
        return place.read_text(errors="replace") if place.exists() else ""

    def memory(self) -> tuple[float, float]:
        """Give its resident and proportional set in MiB."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024

    def cpu_seconds(self) -> float:
        """Give the CPU time that it used so far."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def _config(self) -> Path:
        return self.directory / "shieldrelay.toml"

    def _configure(self) -> None:
        for each in ("domains.d", "spool", "state"):
            (self.directory / each).mkdir(parents=True, exist_ok=True)
        (self.directory / "recipients").write_text("".join(f"{name}\n" for name in RECIPIENTS))
        places = {"directory": self.directory, "port": self.port, "next_hop": self.next_hop}
        main = _MAIN.format(**places, smtp=self.smtp, shield=self.shield, first_attempt=self.first_attempt)
        self._config.write_text(main)
        for domain, recipients in DOMAINS.items():
            text = _DOMAIN.format(**places, domain=domain, recipients=recipients.format(**places))
            (self.directory / "domains.d" / f"{domain}.toml").write_text(text)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                return one.recv(3) == b"220"
        except OSError:
            return False
