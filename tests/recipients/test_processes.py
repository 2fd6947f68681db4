"""Claims about several processes that share the lists: a swap is seen whole, and no look-up fails for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shieldrelay.mail.address import parse_mailbox
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.outcome import Pushed
from shieldrelay.recipients.standing import Standing
from tests.recipients.lists_fixture import NOW, ListsCase, fetched

SWAPS = 25
LARGE = 4000

WRITER = """
import sys
from pathlib import Path
from shieldrelay.recipients.builder import build
from shieldrelay.recipients.guards import Override
from shieldrelay.recipients.version import Origin
from tests.recipients.lists_fixture import *
state, swaps, large = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
lists = Lists(state)
lists.install(lists.prepare([fetched(), fetched("example.org")], NOW), NOW)
for swap in range(1, swaps + 1):
    for domain, count in (("example.com", large), ("example.org", 10)):
        lines = [b"always", *(b"v%d-%d" % (swap, number) for number in range(count))]
        built = build(fetched(domain), lines, state, ignore, origin=Origin(source="x"), made_at=NOW,
                      current=lists.current(domain))
        lists.adopt(domain, built, NOW, Override.ALL)
    lists.push("example.com", [b"pushed-%d" % swap], [], NOW)
"""


class SharedTests(ListsCase):
    def writer(self) -> subprocess.Popen[bytes]:
        """Start a process that changes the lists."""
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self.state), str(SWAPS), str(LARGE)],
            env={**os.environ, "PYTHONPATH": path},
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def found(self, lists: Lists, domain: str, count: int) -> set[int]:
        """Give the swaps of which all names are there; names of a part only are a failure."""
        whole = set()
        for swap in range(1, SWAPS + 1):
            sample = (0, count // 3, count // 2, count - 1)
            there = [self.standing(lists, f"v{swap}-{each}@{domain}") is Standing.LISTED for each in sample]
            self.assertIn(sum(there), (0, len(sample)), "half a list")
            if there[0]:
                whole.add(swap)
        return whole

    def standing(self, lists: Lists, address: str) -> Standing:
        """Look up."""
        return lists.lookup(parse_mailbox(address.encode()))

    def test_swaps_are_seen_whole(self) -> None:
        """While another process swaps lists, every look-up is answered, from one version or the next."""
        lists = self.lists(fetched(), fetched("example.org"))
        process = self.writer()
        seen: dict[str, list[int]] = {"example.com": [], "example.org": []}
        ended = False
        while not ended:
            ended = process.poll() is not None
            lists.refresh(NOW)
            for domain, count in (("example.com", LARGE), ("example.org", 10)):
                self.assertIs(self.standing(lists, f"always@{domain}"), Standing.LISTED)
                if lists.enforced(domain):
                    (swap,) = self.found(lists, domain, count)
                    seen[domain].append(swap)
        self.assertEqual((process.returncode, process.stderr and process.stderr.read()), (0, b""))
        self.assertEqual(lists.troubles(), {})
        for swaps in seen.values():
            self.assertEqual(swaps, sorted(swaps))
            self.assertEqual(swaps[-1], SWAPS)
            self.assertGreater(len(set(swaps)), 3)
        self.assertIs(self.standing(lists, f"pushed-{SWAPS}@example.com"), Standing.LISTED)

    def test_a_push_is_seen_at_the_next_look(self) -> None:
        """What one process pushed, the other has at its next refresh, and looks at nothing when nothing changed."""
        one, other = self.lists(fetched()), self.lists(fetched())
        self.taken(one, [b"a\n"])
        self.assertEqual(other.refresh(NOW), ("example.com",))
        self.assertIsInstance(one.push("example.com", [b"b"], [], NOW), Pushed)
        self.assertEqual(other.refresh(NOW), ("example.com",))
        self.assert_standing(other, Standing.LISTED, "b")
        self.assertEqual(other.refresh(NOW), ())
        other.push("example.com", [b"c"], [], NOW)
        one.refresh(NOW)
        for lists in (one, other):
            self.assert_standing(lists, Standing.LISTED, "a", "b", "c")

    def test_a_notice_that_cannot_be_written_comes_later(self) -> None:
        """A change is in force here although the others cannot be told; they are told when that works again."""
        one, other = self.lists(fetched()), self.lists(fetched())
        self.taken(one, [b"a\n"])
        other.refresh(NOW)
        notice = self.state / "recipients" / "notice"
        notice.unlink()
        notice.mkdir()
        (notice / "in-the-way").touch()
        self.assertIsInstance(one.push("example.com", [b"b"], [], NOW), Pushed)
        self.assert_standing(one, Standing.LISTED, "b")
        _remove(notice)
        one.refresh(NOW)
        self.assertEqual(other.refresh(NOW), ("example.com",))
        self.assert_standing(other, Standing.LISTED, "b")


def _remove(directory: Path) -> None:
    for each in directory.iterdir():
        each.unlink()
    directory.rmdir()
