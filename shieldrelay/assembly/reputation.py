"""The reputation of one node with those whom it hears: DNS lists, feeds of spammers, readers' reports; and its export.

Made by `assembly.bill` beside the other defences; outlives reloads, which give it other settings, lists and feeds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shieldrelay.assembly import shield_terms, translation
from shieldrelay.assembly.reputation_export import NodeExport
from shieldrelay.cluster.table import Table
from shieldrelay.config.schema import Configuration
from shieldrelay.importer.feeds import Feeds
from shieldrelay.importer.importer import Importer
from shieldrelay.mail.client import Client
from shieldrelay.ports import Journal, ThreadRunner, WallClock
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_listed import Feed
from shieldrelay.shield.reputation_reports import Opinion, References, Reports
from shieldrelay.wire.dnsbl import Dnsbl
from shieldrelay.wire.resolver_client import NameServers

PATIENCE = (1, 1)
"""Seconds of each of two tries: an answer that comes later comes too late."""


class NodeReputation:
    """The reputation.

    :param importer: fetches feeds, as it does lists of recipients.
    :param state: the node's state directory.
    :ivar reputation: what the gate asks.
    :ivar references: whose client sent which message; noted while there are reporters.
    :ivar reports: what readers say.
    :ivar tables: what is shared and snapshotted.
    :ivar export: what others are told.
    """

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        wall: WallClock,
        journal: Journal,
        threads: ThreadRunner,
        importer: Importer,
        state: Path,
    ) -> None:
        self.reputation = Reputation(shield_terms.reputation(configuration))
        self.reputation.learning.heard = self._learned
        self.references = References()
        self.reports = Reports(
            self.reputation, self.references, self._reported, shield_terms.reporters(configuration)
        )
        self.tables: tuple[Table, ...] = (*self.reputation.tables, self.reports.table)
        self.export = NodeExport(configuration, self.reputation, reactor, wall, threads, journal)
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
        self.reports.tokens = shield_terms.reporters(configuration)
        self.export.configure(configuration)
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

    def start(self, configuration: Configuration, good: Callable[[bytes], bool]) -> None:
        """Begin to test lists, to fetch feeds and to export.

        :param good: whether a source is known-good now.
        """
        self.export.start(good)
        self._running = True
        self._dnsbl.start()
        self._feeds.serve(shield_terms.feeds(configuration))

    def lead(self) -> None:
        """Fetch feeds from now on: another process of this node did."""
        self._feeds.lead()

    def stop(self) -> None:
        """Ask and fetch no more; fetches that run are the importer's to stop."""
        self._running = False
        self.export.stop()
        self._dnsbl.stop()
        self._feeds.stop()

    def sent(self, message: str, address: str, domain: str) -> None:
        """Note who sent a message that a next hop took, for reports of it."""
        if self.reports.tokens:
            self.references.note(message, address, domain)

    def forget(self, address: str) -> None:
        """Forget what DNS lists said of an address."""
        self._dnsbl.forget(address)

    def _reported(self, domain: str, client: Client, opinion: Opinion) -> None:
        self._journal.event("reputation_report", domain=domain, peer=client.address, opinion=opinion.value)

    def _learned(self, days: float, messages: float) -> None:
        self._journal.event("learned", days=round(days, 1), messages=round(messages))

    def _published(self, feeds: tuple[Feed, ...]) -> None:
        self.reputation.feeds = feeds
