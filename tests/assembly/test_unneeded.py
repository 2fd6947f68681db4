"""What a node with nothing configured does not import: it would be memory that nobody uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
UNNEEDED = (
    "treq", "twisted.web.client", "twisted.internet.endpoints", "twisted.conch", "txredisapi", "email.policy",
    "shieldrelay.assembly.front_web", "shieldrelay.dashboard.pages", "shieldrelay.redis.hub", "shieldrelay.scanners",
)  # fmt: skip


class UnneededTests(SynchronousTestCase):
    def test_a_lone_node_imports_no_clients_and_no_web_pages(self) -> None:
        """What asks other servers, and what serves the administration over TCP, is imported where it is configured."""
        program = (
            "import sys, shieldrelay.tap.service, shieldrelay.assembly.bill;"
            f"print(*(name for name in {UNNEEDED!r} if name in sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
        self.assertEqual(done.stdout.split(), [])
