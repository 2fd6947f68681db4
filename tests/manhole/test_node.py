"""The manhole of a whole node, by a real ``ssh``: its names work, the page has them, and a taken port is an alarm."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.threads import deferToThread

from shieldrelay.assembly.manhole import NAMES, ManholeDoor, banner_of, names_of
from tests.assembly.node_case import NodeCase
from tests.capabilities import possible
from tests.manhole.case import make_key, ssh

PAGE = Path(__file__).parents[2] / "docs" / "manhole.md"


class NodeTests(NodeCase):
    """One node with a manhole."""

    def manhole(self, listen: str = "127.0.0.1:0") -> str:
        """Make keys and give the section."""
        self.identity = self.directory / "carol"
        keys = self.directory / "keys"
        keys.write_text(make_key(self.identity, "carol"))
        return f'[manhole]\nlisten = "{listen}"\nkeys = "{keys}"\n'

    @possible("ssh")
    async def test_the_inside_of_a_node(self) -> None:
        """The banner says what it can break; every name is there; the journal of the node has the lines."""
        node = await self.start(more=self.manhole())
        assert node.manhole.entrance is not None
        words = "list(ways)\nexplain('192.0.2.7').now\nnames()\nrun(house.spool.domains())\nshield.hub\n"
        out, _, status = await deferToThread(ssh, node.manhole.entrance.port, self.identity, words)
        self.assertEqual(status, 0)
        for shown in ("all mail of this process stands still", "['example.test']", "'served'", "the event loop"):
            self.assertIn(shown, out)
        self.assertNotIn("Traceback", out)
        self.assertEqual(len(self.journal("manhole_line")), 5)
        self.assertEqual(set(names_of(node.house)), set(NAMES))
        await self.stop()
        self.assertEqual(self.has_bugs(), [])

    async def test_every_process_has_its_own(self) -> None:
        """Of a node of several processes the second has the path with .2 behind it, and says which one it is."""
        path = f"/tmp/shieldrelay-manhole-{os.getpid()}.sock"  # a path for a socket must be short
        node = await self.start(more=self.manhole(path))
        configuration: Any = node.house.configuration
        house = evolve(node.house, configuration=evolve(configuration, worker=2, workers=2))
        second = ManholeDoor(house)
        second.start()
        self.assertEqual(_there(path), [path, f"{path}.2"])
        self.assertIn("worker 2 of 2", banner_of(house)[0])
        await second.stop()
        await self.stop()
        self.assertEqual(_there(path), [])

    async def test_a_taken_port_is_an_alarm(self) -> None:
        """A manhole that cannot be opened keeps no node from starting."""
        node = await self.start(more=self.manhole(f"127.0.0.1:{self.port}"))
        self.assertIsNone(node.manhole.entrance)
        self.assertEqual([each["alarm"] for each in self.journal("alarm") if each["alarm"] == "manhole"], ["manhole"])

    async def test_there_is_none_unless_it_is_wanted(self) -> None:
        """Without the section nothing listens, and no host key is made."""
        node = await self.start()
        self.assertIsNone(node.manhole.entrance)
        self.assertFalse((self.directory / "state" / "manhole").exists())


def _there(path: str) -> list[str]:
    return sorted(glob.glob(f"{path}*"))


class PageTests(NodeCase):
    """What is written of it."""

    def test_a_node_does_not_load_ssh(self) -> None:
        """The library is not imported by a node that has no manhole."""
        words = "import sys, shieldrelay.assembly.service as s; sys.exit('twisted.conch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", words], cwd=PAGE.parents[1], timeout=60)
        self.assertEqual(done.returncode, 0)

    def test_the_page_has_every_name(self) -> None:
        """The table of names in the documentation is that of the code."""
        rows = dict(re.findall(r"^\| `([a-z]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
        self.assertEqual(rows, NAMES)
