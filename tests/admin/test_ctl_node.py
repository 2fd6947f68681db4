"""The real command against a real node: what it shows is there, and every look works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue

from shieldrelay.mail.client import client_of
from tests.admin.test_ctl import ROOT
from tests.assembly.node_case import BODY, NodeCase


class NodeCommands(NodeCase):
    """One node with a message in its spool and an enemy."""

    tcp = False

    def configure(self, **sections: str) -> str:
        """Write the configuration, with a port for the administration if that is wanted."""
        file = super().configure(**sections)
        if self.tcp:
            path = Path(file)
            path.write_text(path.read_text().replace("[listen]\n", '[listen]\nadmin = ["127.0.0.1:0"]\n', 1))
        return file

    async def ctl(self, *words: str) -> tuple[bytes, str, int]:
        """Run the command and give output, complaints and exit status."""
        environment = {"PYTHONPATH": ROOT, "SHIELDRELAY_CONTROL": self.control, "PATH": os.environ["PATH"]}
        out, err, status = await getProcessOutputAndValue(
            sys.executable, ["-m", "shieldrelay.admin.ctl", *words], env=environment, path=ROOT
        )
        return out, err.decode(), status

    async def test_every_look(self) -> None:
        """Each look gives something, for people and as JSON, and exits with 0."""
        await self.hop.down()
        node = await self.start()
        self.assertEqual((await self.send("bob@example.test"))[0], 250)
        shield = node.house.shield
        until = shield.defences.calendar.wall(shield.seconds()) + 60
        shield.register.ban(client_of("192.0.2.7").source, until, "guessed", "harvest")
        rows = {
            "status": "example.test", "queue": "bob@example.test", "defences": "harvest", "lists": "192.0.2.7",
            "explain 192.0.2.7": "!  connect   lists", "configuration node.": "relay.test", "members": "relay.test",
            "happenings": "", "counted": "", "audit": "", "parts": "", "alarms": "",
        }  # fmt: skip
        for line, words in rows.items():
            out, err, status = await self.ctl(*line.split())
            self.assertEqual((err, status), ("", 0), line)
            self.assertIn(words, out.decode(), line)
            out, err, status = await self.ctl(*line.split(), "--json")
            self.assertEqual((err, status), ("", 0), line)
            self.assertIsInstance(json.loads(out), dict, line)
        out, _, _ = await self.ctl("top", "--times", "2", "--every", "1")
        self.assertIn("accepted", out.decode())
        out, _, status = await self.ctl("openapi")
        self.assertEqual((json.loads(out)["openapi"][:3], status), ("3.1", 0))

    async def test_one_message(self) -> None:
        """A message is given as it came, and given up; who only asks is told what is missing."""
        await self.hop.down()
        await self.start()
        await self.send("bob@example.test")
        out, _, _ = await self.ctl("queue", "--json")
        (message,) = json.loads(out)["messages"]
        out, err, status = await self.ctl("eml", message["id"])
        self.assertEqual((err, status), ("", 0))
        self.assertTrue(out.endswith(BODY.encode()), out)
        _, err, status = await self.ctl("bounce", message["id"])
        self.assertEqual((status, "nothing was given up" in err), (1, True))
        out, err, status = await self.ctl("bounce", "--yes", message["id"])
        self.assertEqual((err, status), ("", 0))
        self.assertEqual(self.spooled(), 0)
        _, err, status = await self.ctl("eml", message["id"])
        self.assertEqual((status, "There is no message" in err), (1, True))

    async def test_events_are_for_tcp(self) -> None:
        """At the control socket there are no live events, and it says so."""
        await self.start()
        for line in ("events", "whoami"):
            _, err, status = await self.ctl(line)
            self.assertEqual(status, 1, err)
            self.assertTrue(err.startswith("shieldrelayctl: "), err)

    async def test_over_tcp(self) -> None:
        """Over TCP a token says who one is, and events are followed until the reader has enough."""
        self.tcp = True
        node = await self.start()
        assert node.house.front is not None
        token = self.directory / "token"
        made, _, _ = await self.ctl("token", "create", "watcher", "--domain", "example.test")
        token.write_bytes(made)
        url = ["--url", f"http://127.0.0.1:{node.house.front.addresses('admin')[0]}", "--token-file", str(token)]
        out, err, status = await self.ctl(*url, "whoami")
        self.assertEqual((out.decode(), err, status), ("watcher: view, example.test\n", "", 0))
        first = await deferToThread(_first_line, [*url, "events", "--json"])
        self.assertEqual(json.loads(first)["event"], "status")
        _, err, status = await self.ctl(*url, "defences")
        self.assertEqual(status, 1, err)
        out, _, status = await self.ctl(*url, "top", "--times", "1")
        self.assertEqual(status, 0)
        self.assertIn("example.test", out.decode())


def _first_line(words: list[str]) -> bytes:
    """Give what a command that goes on prints first, and end it."""
    command = [sys.executable, "-m", "shieldrelay.admin.ctl", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": ROOT}) as process:
        assert process.stdout is not None
        try:
            return process.stdout.readline()
        finally:
            process.terminate()
