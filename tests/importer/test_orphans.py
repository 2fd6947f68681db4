"""An import whose node was killed ends too, at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.node import ROOT, wait_until

_PARENT = """
import sys
from pathlib import Path
from twisted.internet import reactor
from shieldrelay.importer.importer import Importer
from shieldrelay.importer.settings import SourceSettings
from tests.importer.case import asking

directory = Path(sys.argv[1])
importer = Importer(reactor, sys.executable, directory)
importer.prepare()
importer.start(asking(SourceSettings.parse(f"file:{directory}/never")))
reactor.run()
"""


def children_of(process: int) -> list[int]:
    """Give the processes that one started and that run an import."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(word) for word in text.split() if imports(int(word))]


def imports(process: int) -> bool:
    """Whether a process runs, and is an import."""
    try:
        return b"shieldrelay.importer\0" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


class OrphanTests(SynchronousTestCase):
    """The import reads a pipe into which nobody writes."""

    def test_a_child_does_not_outlive_its_parent(self) -> None:
        """A kill of the node ends its imports, whatever they wait for, long before their time is over."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        os.mkfifo(directory / "never")
        parent = subprocess.Popen(
            [sys.executable, "-c", _PARENT, str(directory)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(parent.wait)
        self.addCleanup(parent.kill)
        wait_until(lambda: children_of(parent.pid), "the import")
        (child,) = children_of(parent.pid)
        parent.kill()
        wait_until(lambda: not imports(child), "the end of the import", 10.0)
