"""Lawful senders outside, who go to one node after the other and remember what they were promised."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise

from tests.cluster_nodes.site import PORT, Site
from tests.integration.clients import Mix, Sender, Sent, Session
from tests.integration.node import Settings

NETWORK = "10.9.0.0/16"
PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.05
MIX = Mix(
    sizes=(4096,) * 8 + (1000, 50_000), recipients=(("alice",), ("alice", "bob"), ("carol",)), per_connection=(1, 1, 5)
)
_GENEROUS = {
    "sessions": 10_000, "connections": "1000000/min", "messages": "1000000/min", "recipients": "1000000/5min",
    "handshakes": "100000/min", "octets": "1TiB/min",
}  # fmt: skip
TRUSTED: Settings = {
    f'networks."{NETWORK}"': {"connections": _GENEROUS, "share": "100%"},
    "shield.harvest": {"mode": "observe"},
    "shield.greeting": {"mode": "off"},
    "delivery": {"inline_timeout": "2s", "probe": "1s", "retry": ["1s", "2s"]},
}
"""Who sends at full rate from one place, and breaks off in the middle, is no stranger here."""


class Traveller(Sender):
    """A lawful sender; connects to whichever node it chooses, and gives up on one that is silent.

    :ivar moments: monotonic time of each acknowledgement.
    """

    def __init__(self, site: Site, number: int, seed: int, counted: Callable[[Sent], object] = bool) -> None:
        super().__init__(f"t{number}", PORT, MIX, seed, self._counted)
        self._site = site
        self._source = f"10.9.1.{number + 1}"
        self._way = random.Random(seed)
        self._told = counted
        self.moments: list[float] = []
        site.world.add(self._source)

    def _connect(self) -> Session:
        node = self._way.randrange(len(self._site.nodes))
        return Session(PORT, made=self._site.connect(node, self._source, PATIENCE_SECONDS))

    def _counted(self, sent: Sent) -> None:
        if sent.acknowledged:
            self.moments.append(time.monotonic())
        self._told(sent)
        self._ending.wait(PAUSE_SECONDS)


class Traffic:
    """Several of them, as one thing that is begun and ended."""

    def __init__(self, site: Site, senders: int, seed: int = 1) -> None:
        self._senders = [Traveller(site, number, seed * 1000 + number) for number in range(senders)]

    def start(self) -> None:
        """Let them send."""
        for sender in self._senders:
            sender.start()

    def end(self) -> list[Sent]:
        """Let them end; give everything that was sent."""
        for sender in self._senders:
            sender.end()
        for sender in self._senders:
            sender.join()
        return [sent for sender in self._senders for sent in sender.sent]

    @property
    def acknowledged(self) -> int:
        """How many messages were acknowledged so far."""
        return sum(len(sender.moments) for sender in self._senders)

    def longest_gap(self) -> float:
        """Give the longest time without any acknowledgement, in seconds."""
        moments = sorted(moment for sender in self._senders for moment in sender.moments)
        return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)
