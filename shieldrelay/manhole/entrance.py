"""`Entrance`: where the manhole listens: SSH with nothing but a prompt, for few at a time."""
# ruff: noqa: N802, N803, N815 - what Twisted calls by name keeps Twisted's spelling

from __future__ import annotations

import re
import socket
import struct
from functools import partial
from pathlib import Path
from typing import Any

from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.interfaces import IConchUser
from twisted.conch.manhole_ssh import ConchFactory, TerminalRealm, TerminalSession, TerminalSessionTransport
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.portal import Portal
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from shieldrelay.manhole.doorkeeper import Doorkeeper, KeyFile
from shieldrelay.manhole.prompt import Inside, Prompt
from shieldrelay.ports import Journal

CONNECTIONS = 4
"""At the same time."""
LOG_IN_SECONDS = 30
ATTEMPTS = 6
"""Keys that a client may offer."""


_OUTDATED = re.compile(rb"cbc|md5|sha1")
"""What the library still offers and nobody should take."""


class _Auth(SSHUserAuthServer):
    """Log-in, bounded."""

    loginTimeout = LOG_IN_SECONDS
    attemptsBeforeDisconnect = ATTEMPTS


class _Session(TerminalSession):
    """A prompt, with a terminal or without one; no commands, no files, no ports."""

    height, width = 24, 80
    _shown: Any = None

    def openShell(self, proto: Any) -> None:
        """Begin the prompt."""
        made = self.chainedProtocolFactory()
        self._shown = made
        lose = proto.loseConnection

        def leave() -> None:
            _say_status(proto, 0)
            lose()

        proto.loseConnection = leave
        transport: Any = self.transportFactory
        transport(proto, made, IConchUser(self.original), self.width, self.height)

    def execCommand(self, proto: Any, cmd: bytes) -> None:
        """Say that there are none."""
        proto.outReceived(b"there are no commands here: log in for a prompt\r\n")
        _say_status(proto, 1)
        proto.loseConnection()

    def closed(self) -> None:
        """End the prompt with its channel, whoever closed it."""
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.connectionLost(Failure(ConnectionDone()))

    def windowChanged(self, newWindowSize: Any) -> None:
        """Go by the new size."""
        self.height, self.width = newWindowSize[:2]
        if self._shown is not None and self._shown.terminalProtocol is not None:
            self._shown.terminalProtocol.terminalSize(self.width, self.height)

    def eofReceived(self) -> None:
        """End: nobody will type any more."""
        if self._shown is not None and self._shown.terminalProtocol is not None:
            self._shown.terminalProtocol.leave()


def _say_status(proto: Any, status: int) -> None:
    """Give the client its exit status."""
    proto.session.conn.sendRequest(proto.session, b"exit-status", struct.pack(">L", status))


class _Realm(TerminalRealm):
    """Gives everybody who came in a prompt of their own."""

    sessionFactory = _Session
    transportFactory = TerminalSessionTransport

    def __init__(self, inside: Inside) -> None:
        super().__init__()
        self._inside = inside

    def _getAvatar(self, avatarId: bytes) -> Any:
        who = avatarId.decode("utf-8", "replace")
        chained: Any = partial(ServerProtocol, Prompt, self._inside, who)
        self.chainedProtocolFactory = chained
        return super()._getAvatar(avatarId)


class _Factory(ConchFactory):
    """The connections.

    :ivar open: how many there are.
    """

    services = {b"ssh-userauth": _Auth, b"ssh-connection": SSHConnection}  # noqa: RUF012 - as in the class above

    def __init__(self, portal: Portal, key: Key, journal: Journal) -> None:
        super().__init__(portal)
        own: Any = key
        self.privateKeys = {own.sshType(): own}
        self.publicKeys = {own.sshType(): own.public()}
        self._journal = journal
        self.transports: set[Any] = set()

    def buildProtocol(self, addr: Any) -> Any:
        """Take a connection, or do not."""
        if len(self.transports) >= CONNECTIONS:
            self._journal.event("manhole_refused", reason=f"{CONNECTIONS} connections are open")
            return None
        made: Any = super().buildProtocol(addr)
        for each in ("supportedCiphers", "supportedMACs", "supportedKeyExchanges"):
            offered: list[bytes] = getattr(made, each)
            setattr(made, each, [name for name in offered if not _OUTDATED.search(name)])
        self.transports.add(made)
        lost = made.connectionLost

        def gone(reason: Any) -> None:
            self.transports.discard(made)
            lost(reason)

        made.connectionLost = gone
        return made


class Entrance:
    """The manhole's listening end.

    :param where: a port of the loopback device as ``(host, port)``, or the path of a unix socket.
    """

    def __init__(self, where: tuple[str, int] | str, keys: Path, key: Key, inside: Inside) -> None:
        self._where, self._key, self._inside = where, key, inside
        checker = Doorkeeper(KeyFile(keys, inside.journal), inside.journal)
        realm: Any = _Realm(inside)
        self._factory = _Factory(Portal(realm, [checker]), key, inside.journal)
        self._port: Any = None

    @property
    def port(self) -> int:
        """The port that is listened on; of a unix socket 0."""
        return 0 if isinstance(self._where, str) else int(self._port.getHost().port)

    def start(self) -> None:
        """Listen.

        :raises OSError: the path is taken, or a port (``CannotListenError`` is told as such).
        """
        reactor = self._inside.reactor
        if isinstance(self._where, str):
            _clear(self._where)
            self._port = reactor.listenUNIX(self._where, self._factory, backlog=CONNECTIONS, mode=0o600)
            address = self._where
        else:
            host, port = self._where
            self._port = reactor.listenTCP(port, self._factory, backlog=CONNECTIONS, interface=host)
            address = f"{host}:{self.port}"
        print_of = str(self._key.fingerprint())
        self._inside.journal.event("manhole_listening", address=address, key=print_of)

    async def stop(self) -> None:
        """Let nobody in any more, and send those away who are in."""
        port, self._port = self._port, None
        if port is not None:
            await port.stopListening()
        for made in list(self._factory.transports):
            made.transport.abortConnection()


def _clear(path: str) -> None:
    """Remove a socket that nobody listens on.

    :raises OSError: somebody does, or it is something else.
    """
    file = Path(path)
    if not file.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            file.unlink()
