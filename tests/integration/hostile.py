"""The ground of the hostile tests: one node with a recording next hop behind it, new for each test.

The attackers are those of `bench.examination`, in smaller numbers; they share no code with the relay.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial import unittest

from bench.examination.fact import Fact, broken
from bench.examination.node import Node
from bench.examination.recorder import Recorder
from bench.examination.smuggling import Ground


class HostileTestCase(unittest.SynchronousTestCase):
    """Starts a node for each test.

    :cvar SMTP: lines of the node's ``[smtp]``.
    """

    SMTP = ""

    def setUp(self) -> None:
        """Start next hop and node."""
        scratch = Path(tempfile.mkdtemp(prefix="shieldrelay-hostile-"))
        self.addCleanup(shutil.rmtree, scratch, ignore_errors=True)
        self.recorder = Recorder()
        self.recorder.start()
        self.addCleanup(self.recorder.stop)
        self.node = Node(scratch, self.recorder.port, self.SMTP)
        self.addCleanup(self.node.stop)
        self.node.start()
        self.ground = Ground(self.node, self.recorder)

    def hold(self, facts: list[Fact]) -> None:
        """Fail with every fact that does not hold, and when there is none at all."""
        self.assertTrue(facts)
        self.assertFalse(broken(facts), "\n" + "\n".join(broken(facts)))
        self.assertTrue(self.node.is_alive, "the node ended")
        self.assertNotIn('"event":"bug"', self.node.journal)
        self.assertNotIn("Traceback", self.node.log)
