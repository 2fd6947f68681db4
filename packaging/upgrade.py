"""Upgrades the package under load, in a root where it is installed: ``upgrade.py PACKAGE``. Run by clean-root.sh.

The package is installed again as a later version of itself, with another example among the configuration, while clients
send without a pause through a socket that this program holds in systemd's place. Afterwards every message that was
acknowledged is at the customer's server, no client was refused a connection, and what the operator had changed stands.
Uses the standard library only.
"""

from __future__ import annotations

import os
import py_compile
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

DOMAIN = "relayed.example"
MAILDIR = Path("/home/alice/Maildir/new")
MAIN_FILE = Path("/etc/shieldrelay/shieldrelay.toml")
OPERATORS_LINE = 'greeting = "the operator was here"'
SENDERS = 4
QUIET = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
MOST_SECONDS = 120.0


def main(package: str) -> int:
    """Play it; give the exit status."""
    protect()
    held = [socket.create_server((host, 25), family=family, backlog=4096) for host, family in addresses()]
    node = Node(held)
    node.start()
    senders = [Sender(number) for number in range(SENDERS)]
    try:
        until(lambda: sum(len(one.taken) for one in senders) > 100, "mail before the upgrade")
        subprocess.run(["apt-get", "-qq", "install", "--yes", later(package)], check=True, env=QUIET)
        before = sum(len(one.taken) for one in senders)
        until(lambda: sum(len(one.taken) for one in senders) > before + 50, "mail after the files changed")
        node.restart()
        before = sum(len(one.taken) for one in senders)
        until(lambda: sum(len(one.taken) for one in senders) > before + 100, "mail after the restart")
    finally:
        for one in senders:
            one.end()
    taken = {token for one in senders for token in one.taken}
    until(lambda: taken <= arrived(), "everything at the customer's")
    faults = [fault for one in senders for fault in one.faults]
    version = subprocess.run(["shieldrelayctl", "status"], capture_output=True, text=True, check=True).stdout
    node.stop()
    back = subprocess.run(
        ["apt-get", "-qq", "install", "--yes", "--allow-downgrades", package],
        capture_output=True, text=True, env=QUIET, check=True,
    )  # fmt: skip
    node.start()
    node.stop()
    sys.stdout.write(f"{len(taken)} acknowledged, all arrived; {len(faults)} broke off: {sorted(set(faults))}\n")
    refused = [fault for fault in faults if fault.startswith("ConnectionRefused")]
    kept = OPERATORS_LINE in MAIN_FILE.read_text()
    for wrong, words in (
        (refused, f"connections were refused: {refused[:3]}"),
        ("shieldrelay 99.0" not in version, f"it is not the new version that runs: {version.splitlines()[:1]}"),
        ("which is older" not in back.stdout + back.stderr, "nothing is said of the downgrade"),
        (not kept, "the operator's change of the configuration is gone"),
        ("bug" in node.journal(), "the journal tells of a bug"),
    ):
        if wrong:
            sys.stderr.write(f"FAILED: {words}\n")
            return 1
    return 0


def addresses() -> list[tuple[str, socket.AddressFamily]]:
    """Give where the node listens."""
    return [("0.0.0.0", socket.AF_INET)]


def protect() -> None:
    """Write the domain and the operator's change."""
    Path(f"/etc/shieldrelay/{DOMAIN}.recipients").write_text(f"alice@{DOMAIN}\n")
    Path(f"/etc/shieldrelay/domains.d/{DOMAIN}.toml").write_text(
        f'domain = "{DOMAIN}"\nnext_hops = ["127.0.0.1:2525"]\n'
        f'recipients = "file:/etc/shieldrelay/{DOMAIN}.recipients"\n'
    )
    text = MAIN_FILE.read_text()
    text += f"\n[smtp]\n{OPERATORS_LINE}\n"
    text += '\n[networks."192.0.2.0/24"]\nshare = "100%"\nmessages_per_session = 10000\n'
    text += 'connections = { connections = "10000/min", messages = "100000/min", recipients = "100000/5min" }\n'
    MAIN_FILE.write_text(text)


def later(package: str) -> str:
    """Make a later version of a package, with another template; give its file."""
    directory = Path("/root/later")
    subprocess.run(["dpkg-deb", "--raw-extract", package, str(directory)], check=True)
    control = directory / "DEBIAN" / "control"
    lines = ["Version: 99.0" if line.startswith("Version:") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    example = directory / "etc/shieldrelay/domains.d/example.com.toml.example"
    example.write_text("# A line that the new version brings.\n" + example.read_text())
    for module in directory.glob("usr/lib/shieldrelay/lib/python3.*/site-packages/shieldrelay/__init__.py"):
        module.write_text(module.read_text().split("__version__")[0] + '__version__ = "99.0"\n')
        compiled = next((module.parent / "__pycache__").glob("__init__.*.pyc"))
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(module), str(compiled), doraise=True, invalidation_mode=mode)
    (directory / "DEBIAN" / "md5sums").unlink(missing_ok=True)
    made = "/root/later.deb"
    subprocess.run(["dpkg-deb", "--build", "-Znone", str(directory), made], check=True, capture_output=True)
    return made


class Node:
    """The node, started as systemd starts it: with sockets that outlive it."""

    def __init__(self, held: list[socket.socket]) -> None:
        self._held = held
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path("/root/journal")

    def start(self) -> None:
        """Start it and wait until it answers."""
        numbers = [one.fileno() for one in self._held]
        place = "".join(f"os.dup2({number}, {200 + each});" for each, number in enumerate(numbers))
        place += "".join(f"os.dup2({200 + each}, {3 + each});" for each in range(len(numbers)))
        words = (
            f"import os; {place} os.environ.update(LISTEN_FDS='{len(numbers)}', LISTEN_PID=str(os.getpid()));"
            "os.execv('/usr/bin/twistd', ['twistd', '--nodaemon', '--pidfile=', 'shieldrelay'])"
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", words], pass_fds=numbers, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until(lambda: subprocess.run(["shieldrelayctl", "status"], capture_output=True).returncode == 0, "the node")

    def stop(self) -> None:
        """Stop it as systemd does."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def restart(self) -> None:
        """What the package's script has systemd do after an upgrade."""
        self.stop()
        self.start()

    def journal(self) -> set[str]:
        """Give the names of all events."""
        lines = self._log.read_text().splitlines()
        return {line.split('"event":"')[1].split('"')[0] for line in lines if '"event":"' in line}


class Sender:
    """A client that sends without a pause.

    :ivar taken: tokens of what was acknowledged; ``faults`` what else happened.
    """

    def __init__(self, number: int) -> None:
        self.taken: list[str] = []
        self.faults: list[str] = []
        self._number = number
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        count = 0
        while not self._ending.wait(0.02):
            count += 1
            token = f"u{self._number}x{count}"
            try:
                with smtplib.SMTP("192.0.2.25", 25, "client.example", timeout=60) as one:
                    one.sendmail("s@client.example", [f"alice@{DOMAIN}"], f"X-Token: {token}\r\n\r\nhello\r\n")
                self.taken.append(token)
            except (smtplib.SMTPException, OSError) as error:
                self.faults.append(f"{type(error).__name__} {error}"[:100])

    def end(self) -> None:
        """Let it finish."""
        self._ending.set()
        self._thread.join()


def arrived() -> set[str]:
    """Give the tokens of what is at the customer's."""
    found = set()
    for file in MAILDIR.iterdir():
        for line in file.read_text(errors="replace").splitlines():
            if line.startswith("X-Token: "):
                found.add(line.removeprefix("X-Token: "))
    return found


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until something holds.

    :raises SystemExit: it does not within `MOST_SECONDS`.
    """
    begun, never = time.monotonic(), threading.Event()
    while not condition():
        if time.monotonic() - begun > MOST_SECONDS:
            os.write(2, f"FAILED: not within {MOST_SECONDS:g} s: {what}\n".encode())
            os._exit(1)
        never.wait(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
