"""Nodes of one cluster with their lists, without mail: their decisions are carried between them by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shieldrelay.assembly import list_terms
from shieldrelay.assembly.lists import RecipientLists
from shieldrelay.assembly.peers import Peers, address_of
from shieldrelay.cluster.decisions import Decisions
from shieldrelay.cluster.hub import Card
from shieldrelay.config.reader import read
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.recipients.guards import Override
from shieldrelay.testing.journal import ListJournal
from tests.assembly.node_case import free_port

reactor: Any = the_reactor
DOMAIN = "example.test"
KEY = "0123456789abcdef" * 2
_NUMBERS = count()
CONFIGURATION = """\
[node]
hostname = "{name}.test"
spool = "{directory}/spool"
state = "{directory}/state"
[cluster]
hub = "redis://127.0.0.1:1"
key = "{directory}/key"
listen = "127.0.0.1:{port}"
[[domain]]
domain = "example.test"
next_hops = ["192.0.2.25:25"]
recipients = "{recipients}"
"""


class PeerNode:
    """One node.

    :ivar cut: whether no decision gets through.
    """

    def __init__(self, directory: Path, name: str, recipients: str, cards: Callable[[], list[Card]]) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "key").write_text(KEY)
        file = directory / "shieldrelay.toml"
        if not file.exists():
            file.write_text(
                CONFIGURATION.format(name=name, directory=directory, port=free_port(), recipients=recipients)
            )
        self.configuration = read(str(file))
        self.name = name
        self.cut = False
        self.journal = ListJournal()
        self.wall = reactor.seconds
        self.decisions = Decisions(self.wall, lambda: f"{name}{next(_NUMBERS):06}")
        self.decisions.share()
        state = list_terms.state_directory(self.configuration)
        self.recipients = RecipientLists(self.configuration, reactor, self.wall, self.journal, state)
        self.recipients.load(self.configuration)
        self.peers = Peers(
            self.configuration, self.recipients, self.decisions, cards,
            reactor=reactor, wall=self.wall, journal=self.journal,
        )  # fmt: skip

    @property
    def card(self) -> Card:
        """What it shows of itself."""
        return Card(
            self.name, f"{self.name}.test", 0, "1", address_of(self.configuration), "", "up", False, "", "", 0.0
        )

    async def start(self) -> None:
        """Begin."""
        self.recipients.start(self.configuration)
        self.peers.start()

    async def stop(self) -> None:
        """End."""
        await self.peers.stop()
        await self.recipients.stop()

    # what operators do

    async def push(self, add: Iterable[bytes] = (), remove: Iterable[bytes] = ()) -> None:
        """Push single recipients, and announce it."""
        outcome = await self.recipients.change(self.recipients.lists.push, DOMAIN, add, remove, self.wall())
        assert type(outcome).__name__ == "Pushed", outcome
        await self.peers.lists.announce(DOMAIN, "me")

    async def replace(self, names: Iterable[bytes]) -> None:
        """Push a whole list, and announce it."""
        await self.recipients.change(
            self.recipients.lists.replace, DOMAIN, names, self.wall(), override=Override.ALL
        )
        await self.peers.lists.announce(DOMAIN, "me")

    async def rollback(self) -> None:
        """Go back, and announce it."""
        await self.recipients.change(self.recipients.lists.rollback, DOMAIN, None, self.wall())
        await self.peers.lists.announce(DOMAIN, "me")

    def takes(self, *names: str) -> bool:
        """Whether all of these exist."""
        if self.recipients.lists.one(DOMAIN).version is None:
            return False  # everybody is taken
        return all(self.recipients.lists.lookup(parse_mailbox(f"{name}@{DOMAIN}".encode())).exists for name in names)


class PeerCase(TestCase):
    """Some nodes."""

    timeout = 20

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.nodes: list[PeerNode] = []
        self.all: list[PeerNode] = []

    async def tearDown(self) -> None:  # type: ignore[override]
        for node in self.nodes:
            await node.stop()
        await deferLater(reactor, 0.02, lambda: None)
        self.assertEqual([line for node in self.all for line in node.journal.named("bug")], [])

    async def node(self, name: str, recipients: str = "push") -> PeerNode:
        """Start one."""
        node = PeerNode(self.directory / name, name, recipients, lambda: [each.card for each in self.nodes])
        await node.start()
        self.nodes.append(node)
        self.all.append(node)
        return node

    async def gone(self, node: PeerNode) -> None:
        """Stop one."""
        self.nodes.remove(node)
        await node.stop()

    def carry(self) -> None:
        """Let all who are not cut off hear of all decisions."""
        there = [node for node in self.nodes if not node.cut]
        for node in there:
            changes = node.decisions.outbox(100)
            for other in there:
                other.decisions.apply(changes)
            node.decisions.told(changes)

    async def until(self, condition: Callable[[], object]) -> None:
        """Carry decisions until something holds; the time limit ends what never does."""
        while not condition():
            self.carry()
            await deferLater(reactor, 0.02, lambda: None)

    async def turns(self, seconds: float) -> None:
        """Carry decisions for so long."""
        until = reactor.seconds() + seconds
        await self.until(lambda: reactor.seconds() >= until)
