"""A large backlog costs memory for its window only, and a start does not wait for it (D5)."""

from __future__ import annotations

import os
import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.operations import FileOperations
from tests.spool.samples import DOMAIN, NOW, a_content, a_message, a_spool, done

BACKLOG = 2000


class BacklogTests(SynchronousTestCase):
    """A real disk with 2 000 messages, most of them second names of one file."""

    def setUp(self):
        self.root = os.path.abspath(self.mktemp())
        self.spool = a_spool(FileOperations(), self.root)
        self.spool.open()
        self.addCleanup(self.spool.close)
        done(self.spool.prepare(DOMAIN))
        entry = done(self.spool.store(a_message(), MemoryContent((a_content(),)), due=NOW - 1))
        new = f"{self.spool.path}/{DOMAIN}/new"
        for number in range(1, BACKLOG):
            os.link(f"{new}/{entry.name}", f"{new}/{int(NOW) - number}.L{number},S={entry.size}")

    def test_a_window_takes_memory_for_itself_only(self):
        """Looking through the backlog holds some hundred entries at a time, far less than all of it would."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        window = done(self.spool.window(DOMAIN, 100))
        peak = tracemalloc.get_traced_memory()[1]
        self.assertEqual((len(window.entries), window.total), (100, BACKLOG))
        self.assertEqual(window.entries[0].id, f"L{BACKLOG - 1}")
        self.assertLess(peak, 150_000)

    def test_a_start_looks_at_no_message(self):
        """Opening and preparing take as many steps with a backlog as without one."""
        self.spool.close()
        counted = CountingOperations()
        spool = a_spool(counted, self.root)
        self.addCleanup(spool.close)
        spool.open()
        done(spool.prepare(DOMAIN))
        self.assertEqual((counted.looks, counted.opened), (0, 0))
        done(spool.store(a_message("new"), MemoryContent((b"x",)), due=NOW))
        self.assertEqual((counted.looks, counted.opened), (0, 0))


class CountingOperations(FileOperations):
    """A real disk that counts who looks through a domain's directories or opens files to read them."""

    looks = 0
    opened = 0

    def names(self, path):
        self.looks += DOMAIN in path
        return super().names(path)

    def scan(self, path):
        self.looks += DOMAIN in path
        return super().scan(path)

    def open(self, path):
        self.opened += 1
        return super().open(path)
