"""The reputation of one node with the lists that it hears: DNS lists, and feeds of active spammers.

Made by `assembly.bill` beside the other defences; outlives reloads, which give it other settings, lists and feeds.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from shieldrelay.assembly import shield_terms, translation
from shieldrelay.config.schema import Configuration
from shieldrelay.importer.feeds import Feeds
from shieldrelay.importer.importer import Importer
from shieldrelay.ports import Journal, ThreadRunner
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_listed import Feed
from shieldrelay.wire.dnsbl import Dnsbl
from shieldrelay.wire.resolver_client import NameServers

PATIENCE = (1, 1)
"""Seconds of each of two tries: an answer that comes later comes too late."""


class NodeReputation:
    """The reputation.

    :param importer: fetches feeds, as it does lists of recipients.
    :param state: the node's state directory.
    :ivar reputation: what the gate asks.
    """

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        journal: Journal,
        threads: ThreadRunner,
        importer: Importer,
        state: Path,
    ) -> None:
        self.reputation = Reputation(shield_terms.reputation(configuration))
        self._reactor = reactor
        self._journal = journal
        self._servers = NameServers(reactor, translation.name_servers(configuration), timeout=PATIENCE)
        self._zones = shield_terms.list_zones(configuration)
        self._dnsbl = Dnsbl(reactor, self._zones, self._servers, journal)
        self.reputation.blocklists = self._dnsbl
        self._feeds = Feeds(
            reactor, importer, threads, journal, state / "feeds", random.SystemRandom().random, self._published
        )
        self._feeds.leads = configuration.worker == 0
        self._running = False

    def configure(self, configuration: Configuration) -> None:
        """Put other settings, lists and feeds in force; what is remembered stays."""
        self.reputation.settings = shield_terms.reputation(configuration)
        zones = shield_terms.list_zones(configuration)
        if zones != self._zones:
            self._dnsbl.stop()
            self._zones = zones
            self._dnsbl = Dnsbl(self._reactor, zones, self._servers, self._journal)
            self.reputation.blocklists = self._dnsbl
            if self._running:
                self._dnsbl.start()
        if self._running:
            self._feeds.serve(shield_terms.feeds(configuration))

    def start(self, configuration: Configuration) -> None:
        """Begin to test lists and to fetch feeds."""
        self._running = True
        self._dnsbl.start()
        self._feeds.serve(shield_terms.feeds(configuration))

    def lead(self) -> None:
        """Fetch feeds from now on: another process of this node did."""
        self._feeds.lead()

    def stop(self) -> None:
        """Ask and fetch no more; fetches that run are the importer's to stop."""
        self._running = False
        self._dnsbl.stop()
        self._feeds.stop()

    def forget(self, address: str) -> None:
        """Forget what DNS lists said of an address."""
        self._dnsbl.forget(address)

    def _published(self, feeds: tuple[Feed, ...]) -> None:
        self.reputation.feeds = feeds
