"""A Redis server behind TLS is taken for who its certificate names, signed by whom the configuration trusts."""

from __future__ import annotations

import time
from pathlib import Path

from shieldrelay.redis.server import Place, authorities_of, tls_place
from shieldrelay.testing.authority import Authority
from shieldrelay.testing.redis_server import RedisServer
from tests.capabilities import possible
from tests.redis.hub_case import HubCase, Member, free_port, reactor, spoken

_PATIENCE = 5.0
"""A handshake takes longer than an answer."""


@possible("redis-server")
class TlsTests(HubCase):
    def served(self, *names: str) -> tuple[RedisServer, Path, int]:
        """Start a server with a certificate for these names; gives also the file of who signed it, and its port."""
        directory, authority, port = self.directory(), Authority(now=time.time()), free_port()
        certificate, key = authority.issue(*names).write(directory / "cert.pem", directory / "key.pem")
        authorities = authority.write(directory / "ca.pem")
        server = self.server(
            f"tls-port {port}",
            f"tls-cert-file {certificate}",
            f"tls-key-file {key}",
            f"tls-ca-cert-file {authorities}",
            "tls-auth-clients no",
        )
        return server, authorities, port

    def one(self, place: Place) -> Member:
        """Make a member that has time for a handshake."""
        return Member(self.hub(place, timeout=_PATIENCE), "one")

    @spoken
    async def test_whom_it_names(self) -> None:
        """A server with a certificate for its name or address, signed by a trusted authority, is taken."""
        _, authorities, port = self.served("127.0.0.1", "localhost")
        for host in ("127.0.0.1", "localhost"):
            place = tls_place(reactor, host, port, _PATIENCE, authorities_of(str(authorities)))
            self.assertEqual((await self.one(place).tell(row=1.0)).members, 1)

    @spoken
    async def test_another_name(self) -> None:
        """A certificate for somebody else is refused."""
        _, authorities, port = self.served("redis.example")
        place = tls_place(reactor, "127.0.0.1", port, _PATIENCE, authorities_of(str(authorities)))
        self.assertIn(f"127.0.0.1:{port}", await self.fails(self.one(place).tell))

    @spoken
    async def test_another_authority(self) -> None:
        """A certificate that a stranger signed is refused."""
        _, _, port = self.served("127.0.0.1")
        strangers = Authority(now=time.time(), name="A stranger").write(self.directory() / "ca.pem")
        place = tls_place(reactor, "127.0.0.1", port, _PATIENCE, authorities_of(str(strangers)))
        self.assertIn("certificate", await self.fails(self.one(place).tell))

    def test_no_certificate_in_the_file(self) -> None:
        """A file of authorities without any is a fault that names it."""
        empty = self.directory() / "ca.pem"
        empty.write_text("nothing")
        with self.assertRaisesRegex(ValueError, str(empty)):
            authorities_of(str(empty))
