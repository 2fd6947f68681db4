"""A relay of octets between a node and the server behind it, which keeps every octet of both directions in order.

One thread for each connection; ended by `Recording.close`. `Recording.commands` takes apart what was sent: content is
what follows the server's 354, up to the dot; all else are commands.
"""

from __future__ import annotations

import selectors
import socket
import threading

from attrs import define, field

DOT = b"\r\n.\r\n"


@define
class Kept:
    """One connection: who sent what, in order."""

    pieces: list[tuple[str, bytes]] = field(factory=list)

    @property
    def sent(self) -> bytes:
        """All octets towards the server."""
        return b"".join(octets for who, octets in self.pieces if who == "node")

    def commands(self) -> list[bytes]:
        """Give the command lines, without their ends."""
        found, pending, content = [], b"", False
        for who, octets in self.pieces:
            if who == "server":
                content = content or octets.startswith(b"354") or b"\n354 " in octets
                pending = b"\r\n" if content and not pending else pending
                continue
            pending += octets
            if content and DOT in pending:
                pending, content = pending.partition(DOT)[2], False
            while not content and b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                found.append(line.removesuffix(b"\r"))
        return found + ([pending] if pending.strip() and not content else [])


class Recording:
    """Listens on a port of 127.0.0.1 and passes everything on to another.

    :ivar port: its own.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._kept: list[Kept] = []
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._begin(self._accept)

    @property
    def connections(self) -> list[Kept]:
        """What was kept so far."""
        return list(self._kept)

    def commands(self) -> list[bytes]:
        """Give all commands of all connections."""
        return [command for kept in self.connections for command in kept.commands()]

    def close(self) -> None:
        """End all connections, and the threads."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in list(self._open):
            with one:
                self._shut(one)
        for thread in self._threads:
            thread.join(10)

    def _begin(self, what: object, *words: object) -> None:
        thread = threading.Thread(target=what, args=words, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                node, _ = self._listening.accept()
            except OSError:
                return
            kept = Kept()
            self._kept.append(kept)
            self._begin(self._pass, node, kept)

    def _pass(self, node: socket.socket, kept: Kept) -> None:
        server = socket.create_connection(("127.0.0.1", self._server))
        with node, server, selectors.DefaultSelector() as ready:
            self._open += [node, server]
            for one, other, who in ((node, server, "node"), (server, node, "server")):
                ready.register(one, selectors.EVENT_READ, (other, who))
            while True:
                for key, _ in ready.select():
                    other, who = key.data
                    try:
                        octets = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not octets:
                            return
                        kept.pieces.append((who, octets))
                        other.sendall(octets)
                    except OSError:
                        return

    def _shut(self, one: socket.socket) -> None:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was closed already
