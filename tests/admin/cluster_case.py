"""A cluster in memory, of nodes that are an API over made-up parts: for what one node answers for all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import control_router, declared_routes
from shieldrelay.admin.audit import AuditLog
from shieldrelay.admin.auth_api import edge_routes
from shieldrelay.admin.auth_tokens import Tokens
from shieldrelay.admin.errand import Errand, Told, told
from shieldrelay.admin.roles import Caller, Role
from shieldrelay.admin.roles_warden import Warden
from shieldrelay.admin.router import Response
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import NOW, MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_members import MemoryMembers
from tests.admin.fakes_parts import MemoryParts
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.fakes_trace import MemoryTraces


class MemoryNode:
    """One node.

    :ivar silent: whether it answers others.
    :ivar errands: what it was asked by others.
    """

    def __init__(self, name: str, folder: Path, nodes: dict[str, MemoryNode]) -> None:
        self.name = name
        self.silent = False
        self.errands: list[Errand] = []
        self._nodes = nodes
        self.appliance, self.journal = MemoryAppliance(), ListJournal()
        router = control_router(
            self.appliance, MemoryDefences(), MemoryRecipients(), MemoryReports(), self.journal, MemoryParts(),
            MemoryMembers(), traces=MemoryTraces(),
        )  # fmt: skip
        self.audit = AuditLog(folder / f"{name}.jsonl", lambda: NOW, self.journal)
        tokens = Tokens(folder / f"{name}.json", self.journal)
        declared = declared_routes()
        edge = edge_routes(tokens, self.audit, declared, lambda: NOW)
        self.warden = Warden(router, declared, edge, self.audit, self._bug, lambda: name, self)

    async def ask(self, nodes: Sequence[str] | None, errand: Errand, seconds: float) -> Sequence[Told]:
        """Ask the others, each by what goes over the wire (`admin.errand.Others`)."""
        found = []
        for name, node in sorted(self._nodes.items()):
            if node is not self and (nodes is None or name in nodes):
                found.append(await node.asked(errand.encode(), seconds))
                node.errands.append(errand)
        return found

    async def asked(self, octets: bytes, seconds: float) -> Told:
        """Answer another node, or be silent."""
        if self.silent:
            return Told(self.name, None, f"it did not answer within {seconds:.0f} s")
        said = Told(self.name, await self.warden.errand(octets)).value()
        return told(json.loads(json.dumps(said)))

    def _bug(self, route: str, bug: Exception) -> None:
        raise bug


class ClusterCase(SynchronousTestCase):
    """Nodes ``mx1``, ``mx2`` and ``mx3``; `mx1` is asked."""

    def setUp(self) -> None:
        made = Path(self.mktemp())
        made.mkdir(parents=True)
        folder = Path(tempfile.mkdtemp(dir=made))
        self.nodes: dict[str, MemoryNode] = {}
        for name in ("mx1", "mx2", "mx3"):
            self.nodes[name] = MemoryNode(name, folder, self.nodes)
        self.alice = Caller("alice", Role.ADMIN, way="session", source="192.0.2.9")

    def ask(self, method: str, path: str, body: Any = None, caller: Caller | None = None) -> Response:
        """Ask ``mx1``."""
        octets = b"" if body is None else json.dumps(body).encode()
        answering = self.nodes["mx1"].warden.answer(
            caller or self.alice, method, f"/api/v1/{path}".encode("ascii"), octets
        )
        return self.successResultOf(self.deferred(answering))

    def deferred(self, answering: Any) -> Deferred[Response]:
        """Begin to answer."""
        return Deferred.fromCoroutine(answering)
