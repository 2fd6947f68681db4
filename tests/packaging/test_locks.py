"""Claims about the lock files of the requirements."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

LOCKS = Path(__file__).resolve().parents[2] / "packaging" / "requirements"
ALLOWED = r"^$|^ *#|^    --hash=sha256:[0-9a-f]{64}( \\)?$|^[\w.\[\],-]+==\S+ \\$"


class LockTests(SynchronousTestCase):
    """packaging/requirements/*.lock."""

    def test_locks_name_versions_and_hashes_only(self) -> None:
        """A lock names no index and no directory: where packages come from is for the machine that installs them."""
        locks = sorted(LOCKS.glob("*.lock"))
        self.assertTrue(locks)
        for lock in locks:
            for line in lock.read_text().splitlines():
                self.assertRegex(line, ALLOWED, lock.name)

    def test_everything_locked_has_a_hash(self) -> None:
        """Each pinned package carries at least one hash."""
        for lock in sorted(LOCKS.glob("*.lock")):
            pinned = re.findall(r"^[\w.\[\],-]+==", lock.read_text(), re.MULTILINE)
            hashed = re.findall(r"^[\w.\[\],-]+==\S+ \\\n    --hash=", lock.read_text(), re.MULTILINE)
            self.assertEqual(len(pinned), len(hashed), lock.name)
