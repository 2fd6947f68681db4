"""A manhole on the loopback, and a real ``ssh`` that knocks at it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.keys import Key
from twisted.internet import reactor as the_reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from shieldrelay.manhole.entrance import Entrance
from shieldrelay.manhole.hostkey import host_key
from shieldrelay.manhole.prompt import Inside
from shieldrelay.testing.journal import ListJournal
from tests.capabilities import program

reactor: Any = the_reactor
SECONDS = 30


def make_key(path: Path, comment: str = "") -> str:
    """Make a key pair, store the private one, and give the public one's line."""
    key: Any = Key(Ed25519PrivateKey.generate())
    path.write_bytes(key.toString("openssh"))
    path.chmod(0o600)
    line: bytes = key.public().toString("openssh")
    return f"{line.decode()} {comment}".strip() + "\n"


def ssh(port: int, identity: Path, words: str, *options: str, command: Sequence[str] = ()) -> tuple[str, str, int]:
    """Run the real client and give what it shows, its complaints and its exit status.

    :param words: what is typed.
    """
    asked = [
        program("ssh"), "-F", "/dev/null", "-o", "StrictHostKeyChecking=accept-new", "-o",
        f"UserKnownHostsFile={identity.parent.absolute()}/known", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
        "-o", "LogLevel=ERROR", "-i", str(identity.absolute()), "-p", str(port), *options, "carol@127.0.0.1", *command,
    ]  # fmt: skip
    done = subprocess.run(asked, input=words.encode(), capture_output=True, timeout=SECONDS)
    return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), done.returncode


class ManholeCase(TestCase):
    """An entrance over a few names, and keys in a directory of the test's own."""

    timeout = 60
    idle = 60.0

    def setUp(self) -> None:
        """Open it."""
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.identity, self.stranger = self.directory / "carol", self.directory / "mallory"
        self.keys = self.directory / "authorized"
        self.keys.write_text("# who mends\n" + make_key(self.identity, "carol@mending.test"))
        make_key(self.stranger)
        self.keys.chmod(0o600)
        self.journal = ListJournal()
        self.box: dict[str, Any] = {"answer": 42}
        self.entrance = self.open(("127.0.0.1", 0))

    def open(self, where: tuple[str, int] | str) -> Entrance:
        """Open one more."""
        inside = Inside(reactor, self.journal, ("Mind the step.",), lambda: {"box": self.box}, self.idle)
        entrance = Entrance(where, self.keys, host_key(self.directory / "state"), inside)
        entrance.start()
        self.addCleanup(lambda: self.ended(entrance))
        return entrance

    async def ended(self, entrance: Entrance) -> None:
        """Close one."""
        await entrance.stop()

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the reactor turn until something holds; the time limit ends what never does."""
        while not condition():
            await deferLater(reactor, 0.01)

    async def type(self, words: str, *options: str, identity: Path | None = None) -> tuple[str, str, int]:
        """Log in and type."""
        port = self.entrance.port
        result: tuple[str, str, int] = await deferToThread(ssh, port, identity or self.identity, words, *options)
        return result

    def told(self, event: str) -> list[dict[str, object]]:
        """Give the journal's events of a name."""
        return self.journal.named(event)
