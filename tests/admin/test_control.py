"""The control socket on a real unix socket."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from shieldrelay.admin.api import control_router
from shieldrelay.admin.control import ControlService
from shieldrelay.admin.control_socket import ControlReactor, ControlUnavailable
from shieldrelay.admin.ctl_client import Answered, ControlClient, Unreachable
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_alarms import MemoryWatch
from tests.admin.fakes_domains import MemoryDomains
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_members import MemoryMembers
from tests.admin.fakes_parts import MemoryParts
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences

THE_REACTOR: ControlReactor = reactor  # type: ignore[assignment]
Steps = Generator[Deferred[Any], Any, None]


class ControlCase(TestCase):
    """A running control service, at a path short enough for a unix socket."""

    def setUp(self) -> None:
        folder = tempfile.mkdtemp(prefix="ctl")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.path = os.path.join(folder, "run", "control.sock")
        self.appliance = MemoryAppliance()
        self.defences = MemoryDefences()
        self.recipients = MemoryRecipients()
        self.journal = ListJournal()
        self.service = self.make()
        self.service.startService()
        self.addCleanup(self.stop)

    def make(self) -> ControlService:
        """Make another service for the same path."""
        return self.service_at(self.path)

    def service_at(self, path: str) -> ControlService:
        """Make a service for a path."""
        self.parts = MemoryParts()
        router = control_router(
            self.appliance, self.defences, self.recipients, MemoryReports(), self.journal, self.parts,
            MemoryMembers(), MemoryDomains(), watch=MemoryWatch(),
        )
        return ControlService(router, path, reactor=THE_REACTOR, journal=self.journal)

    def stop(self) -> None:
        """Stop the service if it runs."""
        self.service.stopService()

    def ask(self, *arguments: Any, **keywords: Any) -> Deferred[Any]:
        """Ask as the command does, in a thread."""
        return deferToThread(ControlClient(self.path).ask, *arguments, **keywords)

    def raw(self, octets: bytes) -> Deferred[bytes]:
        """Send octets and give everything that comes back until the end."""
        return deferToThread(self._raw, octets)

    def _raw(self, octets: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(10)
            caller.connect(self.path)
            answer = b""
            try:
                caller.sendall(octets)
                while block := caller.recv(65536):
                    answer += block
            except (BrokenPipeError, ConnectionResetError):
                pass
            return answer


class HttpTests(ControlCase):
    """Requests."""

    @inlineCallbacks
    def test_status(self) -> Steps:
        """The status comes over the socket, and reading is not journalled."""
        status = yield self.ask("GET", "/api/v1/status")
        self.assertEqual(status["node"], "mx1.shield.example")
        self.assertEqual(self.journal.named("control_request"), [])

    @inlineCallbacks
    def test_change(self) -> Steps:
        """A change reaches the appliance, and the journal says who asked for what with which result."""
        answer = yield self.ask("POST", "/api/v1/domains/example.test/drill", body={"minutes": 5})
        self.assertEqual(set(self.appliance.drills), {"example.test"})
        self.assertEqual(answer["domain"], "example.test")
        told = self.journal.named("control_request")
        self.assertEqual([(one["method"], one["status"]) for one in told], [(b"POST", 200)])

    @inlineCallbacks
    def test_refusal(self) -> Steps:
        """A refusal arrives with its status, words and hints."""
        fault = yield self.assertFailure(self.ask("POST", "/api/v1/domains/example.tst/flush"), Answered)
        self.assertEqual((fault.status, fault.hints), (404, ("example.test",)))

    @inlineCallbacks
    def test_one_request(self) -> Steps:
        """The connection closes after one answer, with its length and without a cache."""
        one = b"GET /api/v1/queue?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = yield self.raw(one + one)
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1)
        self.assertIn(b"content-length: %d" % len(body), head.lower())
        self.assertIn(b"connection: close", head.lower())
        self.assertIn(b"cache-control: no-store", head.lower())
        self.assertEqual(len(json.loads(body)["messages"]), 1)

    @inlineCallbacks
    def test_head_and_allow(self) -> Steps:
        """HEAD has no body; 405 says what is allowed."""
        answer = yield self.raw(b"HEAD /api/v1/status HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.endswith(b"\r\n\r\n"))
        answer = yield self.raw(b"PUT /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 405 "))
        self.assertIn(b"allow: post", answer.lower())

    @inlineCallbacks
    def test_large_body(self) -> Steps:
        """A body of more than 1 MiB is refused with 413, announced or in chunks, and an endless one is cut off."""
        size = (1 << 20) + 1
        head = b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\n"
        answer = yield self.raw(head + b"Content-Length: %d\r\n\r\n" % size + b" " * size)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:100])
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        answer = yield self.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 33 + b"0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:100])
        answer = yield self.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 400)
        self.assertNotIn(b" 200 ", answer)

    @inlineCallbacks
    def test_long_push(self) -> Steps:
        """A push may be longer than other bodies, and one that is longer still is refused with 413."""
        lines = b"name\n" * ((3 << 20) // 5)
        done = yield self.ask("POST", "/api/v1/recipients/example.test/push", {"change": "add"}, octets=lines)
        self.assertEqual((done["result"], self.recipients.pushed[0][1]), ("pushed", len(lines)))
        head = b"POST /api/v1/recipients/example.test/push?change=add HTTP/1.1\r\nHost: x\r\n"
        answer = yield self.raw(head + b"Content-Length: %d\r\n\r\n" % (65 << 20) + bytes(65 << 20))
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:100])
        self.assertEqual(len(self.recipients.pushed), 1)

    @inlineCallbacks
    def test_nonsense(self) -> Steps:
        """What is no HTTP gets no 200, and the node goes on answering."""
        for octets in (
            b"\0" * 100 + b"\r\n\r\n",
            b"EHLO x\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000 + b"\r\n",
        ):
            answer = yield self.raw(octets)
            self.assertNotIn(b" 200 ", answer)
        status = yield self.ask("GET", "/api/v1/status")
        self.assertEqual(status["sessions"], 7)


class SocketTests(ControlCase):
    """The file."""

    def test_mode(self) -> None:
        """The socket is open to user and group only; its directory was made."""
        found = os.stat(self.path)
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o660)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.path)).st_mode), 0o755)

    def test_second_node(self) -> None:
        """A second node refuses to take the path of one that answers, and leaves it alone."""
        inode = os.stat(self.path).st_ino
        self.assertRaises(ControlUnavailable, self.make().startService)
        self.assertEqual(os.stat(self.path).st_ino, inode)

    @inlineCallbacks
    def test_stale(self) -> Steps:
        """The socket that a killed node left behind is replaced."""
        self.service.stopService()
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(self.path)
            killed.listen()
        self.service = self.make()
        self.service.startService()
        status = yield self.ask("GET", "/api/v1/status")
        self.assertEqual(status["sessions"], 7)

    def test_not_a_socket(self) -> None:
        """A file that is no socket is never removed."""
        self.service.stopService()
        Path(self.path).write_text("precious")
        fault = self.assertRaises(ControlUnavailable, self.make().startService)
        self.assertIn("not a socket", str(fault))
        self.assertTrue(os.path.isfile(self.path))

    def test_stop(self) -> None:
        """A stop removes the socket, twice is as once, and a path that is another's by then is left alone."""
        self.service.stopService()
        self.service.stopService()
        self.assertFalse(os.path.exists(self.path))
        self.service.startService()
        os.unlink(self.path)
        other = self.make()
        other.startService()
        self.service.stopService()
        self.assertTrue(os.path.exists(self.path))
        other.stopService()

    def test_bad_path(self) -> None:
        """A path that is too long, or a directory that cannot be made, is told in words."""
        for path in ("/tmp/" + "x" * 200, os.path.join(self.path, "below")):
            fault = self.assertRaises(ControlUnavailable, self.service_at(path).startService)
            self.assertIn("control socket", str(fault))

    @inlineCallbacks
    def test_nobody(self) -> Steps:
        """Without a node the client says what to look at."""
        self.service.stopService()
        fault = yield self.assertFailure(self.ask("GET", "/api/v1/status"), Unreachable)
        self.assertIn("is the node running", str(fault))
