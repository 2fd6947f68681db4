"""What a node gives to others of its reputation: its worst sources, as a file and as a DNS zone; off unless configured.

Made by `assembly.reputation`; of a node with several processes the first one exports. The zone's ports are taken with
the others, as root; a reload may change them, and an `alarm` tells of ports that cannot be had then.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError

from shieldrelay.config.reputation import Export as Declared
from shieldrelay.config.schema import Configuration
from shieldrelay.ports import Journal, ThreadRunner, WallClock
from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_export import Exported
from shieldrelay.wire.listeners import ListenFault
from shieldrelay.wire.zone import ZoneServer, ZoneSettings, clients_of
from shieldrelay.wire.zone_answers import ListedZone
from shieldrelay.wire.zone_export import Export


class NodeExport:
    """Exports, or does not.

    :ivar server: of the zone; ``None``: there is none.
    """

    def __init__(
        self,
        configuration: Configuration,
        reputation: Reputation,
        reactor: Any,
        wall: WallClock,
        threads: ThreadRunner,
        journal: Journal,
    ) -> None:
        self.server: ZoneServer | None = None
        self._reputation = reputation
        self._reactor = reactor
        self._wall = wall
        self._threads = threads
        self._journal = journal
        self._good: Callable[[bytes], bool] | None = None
        self._export: Export | None = None
        self._hostname = configuration.node.hostname
        self._settings = settings_of(configuration)

    def bind(self) -> None:
        """Take the zone's ports.

        :raises ListenFault: one cannot be had; then none is held.
        """
        settings = self._settings
        if settings.zone is None or not settings.listen:
            return
        listen = tuple((one.host, one.port) for one in settings.listen)
        zone = ListedZone(settings.zone.lower(), self._hostname)
        server = ZoneServer(self._reactor, ZoneSettings(listen, clients_of(settings.clients)), zone)
        try:
            server.start()
        except CannotListenError as fault:
            words = f"the zone {settings.zone} cannot listen on {fault.interface}:{fault.port}: {fault.socketError}"
            raise ListenFault(words) from fault
        self.server = server

    def start(self, good: Callable[[bytes], bool]) -> None:
        """Begin to export.

        :param good: whether a source is known-good now.
        """
        self._good = good
        self._begin()

    def configure(self, configuration: Configuration) -> None:
        """Export as another configuration says; nothing changes where that says the same."""
        settings = settings_of(configuration)
        if settings == self._settings:
            return
        self._settings = settings
        if self._good is not None:
            self._end().addCallback(self._begin_anew)

    def stop(self) -> None:
        """Export no more."""
        self._good = None
        self._end()

    def _begin_anew(self, _free: object) -> None:
        """Export as is set now, unless another reload came before, or the end."""
        if self._good is None or self._export is not None or self.server is not None:
            return
        try:
            self.bind()
        except ListenFault as fault:
            self._journal.event("alarm", alarm="zone", reason=str(fault))
        self._begin()

    def _begin(self) -> None:
        settings = self._settings
        if self._good is None or (settings.file is None and self.server is None):
            return
        self._export = Export(
            self._reputation,
            self._reactor,
            self._wall,
            self._threads,
            self._journal,
            file=None if settings.file is None else Path(settings.file),
            good=self._good,
            publish=self._publish,
        )
        self._export.start()

    def _end(self) -> Deferred[Any]:
        if self._export is not None:
            self._export.stop()
            self._export = None
        server, self.server = self.server, None
        return succeed(None) if server is None else server.stop()

    def _publish(self, exported: tuple[Exported, ...], made: int) -> None:
        server = self.server
        if server is not None:
            sources = {each.source: each for each in exported}
            server.zone = ListedZone(server.zone.name, server.zone.server, made, sources)


def settings_of(configuration: Configuration) -> Declared:
    """Give what this process is to export."""
    return configuration.shield.reputation.export if configuration.worker < 2 else Declared()
