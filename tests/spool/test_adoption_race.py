"""Several processes take over the same lost members at the same moment: each part comes to one of them, whole (R15)."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.operations import FileOperations
from tests.spool.samples import DOMAIN, NOW, a_content, a_message, a_spool, done
from tests.spool.storing import CHECKOUT

ADOPTERS = 3
LOST = 30
MESSAGES = 3


class RaceTests(SynchronousTestCase):
    """Three adopters, and thirty parts with three messages each."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        self.names = [f"lost{number}" for number in range(LOST)]
        for name in self.names:
            spool = a_spool(FileOperations(), self.root, member=name)
            spool.open()
            done(spool.prepare(DOMAIN))
            for number in range(MESSAGES):
                id = f"{name}m{number}"
                done(spool.store(a_message(id), MemoryContent((a_content(id),)), due=NOW))
            spool.close()

    def adopter(self, name: str) -> subprocess.Popen[str]:
        """Start one."""
        command = [sys.executable, "-m", "tests.spool.adopting", self.root, name]
        return subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def test_each_part_comes_to_one_of_them_whole(self) -> None:
        """Every part is claimed once, every message is there once, and nothing is left over."""
        adopters = [self.adopter(f"node{number}") for number in range(ADOPTERS)]
        for one in adopters:
            assert one.stdout is not None
            self.assertEqual(one.stdout.readline(), "ready\n")
        for one in adopters:
            assert one.stdin is not None
            one.stdin.write("".join(f"{name}\n" for name in self.names))
            one.stdin.flush()
        said = [one.communicate(timeout=60)[0].split("\n")[:-1] for one in adopters]
        self.assertEqual([one.returncode for one in adopters], [0] * ADOPTERS)
        words = [line.split() for lines in said for line in lines]
        claimed = [name for word, name in words if word == "claimed"]
        self.assertEqual(sorted(claimed), sorted(self.names))
        self.assertEqual(len(words) - len(claimed) - LOST * MESSAGES, LOST * (ADOPTERS - 1))
        had = [id for word, id in words if word == "has"]
        self.assertEqual(sorted(had), sorted(f"{name}m{each}" for name in self.names for each in range(MESSAGES)))
        self.assertEqual(sorted(os.listdir(self.root)), [f"node{number}" for number in range(ADOPTERS)])
