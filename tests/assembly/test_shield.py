"""Claims about what binds the defences: the secret that names are hashed with, and how the node is looked at."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.shield import SECRET_OCTETS, descriptors_open, secret_of


class SecretTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp()) / "state"

    def test_the_secret_stays(self) -> None:
        """The secret is made once, for its owner alone, and is the same at every later start."""
        secret = secret_of(self.state)
        self.assertEqual(len(secret), SECRET_OCTETS)
        self.assertEqual(secret_of(self.state), secret)
        self.assertEqual((self.state / "names.secret").stat().st_mode & 0o777, 0o600)

    def test_a_start_that_was_killed(self) -> None:
        """What a start left that was killed while it made the secret is in nobody's way, whatever its process id."""
        self.state.mkdir(parents=True)
        (self.state / f"names.secret.{os.getpid()}").write_bytes(b"torn")
        self.assertEqual(len(secret_of(self.state)), SECRET_OCTETS)

    def test_a_torn_secret(self) -> None:
        """A secret that is too short is none: another is made."""
        self.state.mkdir(parents=True)
        (self.state / "names.secret").write_bytes(b"torn")
        secret = secret_of(self.state)
        self.assertEqual(len(secret), SECRET_OCTETS)
        self.assertEqual(secret_of(self.state), secret)


class DescriptorTests(SynchronousTestCase):
    def test_the_descriptors_are_counted(self) -> None:
        """One more open file is one more descriptor."""
        before = descriptors_open()
        with Path("/dev/null").open("rb"):
            self.assertEqual(descriptors_open(), before + 1)

    def test_with_none_left(self) -> None:
        """Without a descriptor left to count with, all that there may be are open: it is no reason to stop looking."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir("/proc/self/fd")))
        held = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
            try:
                while True:
                    held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                self.assertEqual(descriptors_open(), highest + 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in held:
                os.close(descriptor)
