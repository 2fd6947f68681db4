"""Claims about directories that hang, dribble or speak something else."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.settings import LdapSettings, Limits, Preset, SourceSettings
from tests.importer.case import ImportCase

net: Any = reactor


class _Silent(Protocol):
    """A server that takes connections and says nothing."""


class HangingDirectoryTests(ImportCase):
    def listening(self, protocol: type[Protocol]) -> str:
        port: Any = net.listenTCP(0, Factory.forProtocol(protocol), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"ldap://127.0.0.1:{port.getHost().port}"

    def source(self, url: str, **limits: Any) -> SourceSettings:
        ldap = LdapSettings(base="dc=test", preset=Preset.OPENLDAP)
        return SourceSettings.parse(url, ldap=ldap, limits=Limits(**limits))

    async def test_silence_ends(self) -> None:
        """A server that accepts and says nothing costs the idle time."""
        url = self.listening(_Silent)
        await self.fails(
            FaultKind.TOO_SLOW, "said nothing for 0.2 s; entries was to come", self.source(url, idle_seconds=0.2)
        )

    async def test_a_closed_port_is_told(self) -> None:
        """A server that is not there is told."""
        await self.fails(FaultKind.UNREACHABLE, "Connection refused", self.source("ldap://127.0.0.1:1"))

    async def test_a_dribble_ends(self) -> None:
        """A server that sends an octet now and then costs the whole time at most."""

        class Dribble(Protocol):
            def connectionMade(self) -> None:
                self.transport.write(b"\x30\x84\x00\x00\x10\x00")  # type: ignore[union-attr]
                self.call: Any = net.callLater(0.05, self.more)

            def more(self) -> None:
                self.transport.write(b"\x00")  # type: ignore[union-attr]
                self.call = net.callLater(0.05, self.more)

            def connectionLost(self, reason: Any = None) -> None:
                self.call.cancel()

        url = self.listening(Dribble)
        await self.fails(
            FaultKind.TOO_SLOW, "not done within 0.7 s", self.source(url, total_seconds=0.7, idle_seconds=0.3)
        )

    async def test_nonsense_is_refused(self) -> None:
        """A server that speaks something else is told."""

        class Other(Protocol):
            def connectionMade(self) -> None:
                self.transport.write(b"220 mail.example.test ESMTP\r\n" * 50)  # type: ignore[union-attr]

        await self.fails(FaultKind.MALFORMED, "the directory does not speak LDAP", self.source(self.listening(Other)))

    async def test_hang_up_is_told(self) -> None:
        """A server that hangs up is told with what was to come."""

        class Curt(Protocol):
            def dataReceived(self, data: bytes) -> None:
                self.transport.loseConnection()  # type: ignore[union-attr]

        await self.fails(FaultKind.UNREACHABLE, "hung up; entries was to come", self.source(self.listening(Curt)))
