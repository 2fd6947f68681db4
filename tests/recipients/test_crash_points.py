"""A process that is killed in the middle of a change: whatever it was doing, one whole list is in force afterwards.

Each change is made in a child process that ends, as by ``kill -9``, before its n-th step on the disk, for every n. The
steps are what Python's audit events show of opening, renaming, removing and locking.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from shieldrelay.mail.address import parse_mailbox
from shieldrelay.recipients.standing import Standing
from tests.recipients.lists_fixture import ListsCase, fetched, names

_CHILDREN = """
import os, shutil, sys
from pathlib import Path
from tests.recipients.lists_fixture import *

place, domain = Path(sys.argv[1]), "example.com"
steps = ("open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock", "os.truncate")

def change(state, left):
    def dies(event, arguments):
        nonlocal left
        if event in steps:
            left -= 1
            if left < 0:
                os._exit(9)
    lists = Lists(state)
    lists.install(lists.prepare([fetched()], NOW), NOW)
    built = build(fetched(), [b"b\\n", *names(500)], state, ignore, origin=Origin(source="x"), made_at=NOW,
                  current=lists.current(domain))
    sys.addaudithook(dies)
    {change}
    os._exit(0)

for step in range(60):
    state = place / str(step)
    shutil.copytree(place / "before", state)
    child = os.fork()
    if not child:
        try:
            change(state, step)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 9:
        sys.exit(code)
sys.exit("the change has no end")
"""


class CrashTests(ListsCase):
    def setUp(self) -> None:
        super().setUp()
        lists = self.lists(fetched())
        self.adopted(self.taken(lists, [b"old\n", *names(500)]))
        self.adopted(self.taken(lists, [b"a\n", *names(500)]))
        self.place = self.state.with_name("crashes")
        shutil.copytree(self.state, self.place / "before")

    def crash(self, change: str, old: str, new: str) -> int:
        """Have a change made and killed before each of its steps; either name alone must exist after each.

        :returns: the number of steps.
        """
        ran = subprocess.run(
            [sys.executable, "-c", _CHILDREN.replace("{change}", change), str(self.place)],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        )  # fmt: skip
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        steps = len(list(self.place.iterdir())) - 1
        found = []
        for step in range(steps):
            self.state = self.place / str(step)
            found.append(self.one_is_in_force(old, new, step))
        self.assertEqual((found[0], found[-1]), (old, new))
        return steps

    def one_is_in_force(self, old: str, new: str, step: int) -> str:
        """Open what is there, as after a restart; give which of the two it is, and see that it can be changed."""
        lists = self.lists(fetched())
        self.assertEqual(lists.troubles(), {}, step)
        self.assertTrue(lists.enforced("example.com"))
        self.assert_standing(lists, Standing.LISTED, "user0", "user250", "user499")
        there = [parse_mailbox(f"{name}@example.com".encode()) for name in (old, new)]
        found = [str(one.local_part, "ascii") for one in there if lists.lookup(one) is Standing.LISTED]
        self.assertEqual(len(found), 1, f"{found} before step {step}")
        self.adopted(self.taken(lists, [b"later\n", *names(500)]))
        self.assert_standing(lists, Standing.LISTED, "later")
        return found[0]

    def test_an_adoption(self) -> None:
        """A version that is adopted is in force whole or not at all."""
        self.assertGreater(self.crash("lists.adopt(domain, built, NOW)", "a", "b"), 10)

    def test_a_push(self) -> None:
        """Names that are pushed are in force together or not at all."""
        self.assertGreater(self.crash("lists.push(domain, [b'b'], [b'a'], NOW)", "a", "b"), 6)

    def test_a_rollback(self) -> None:
        """A rollback is made whole or not at all."""
        self.assertGreater(self.crash("lists.rollback(domain, None, NOW)", "a", "old"), 10)
