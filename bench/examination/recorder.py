"""A next hop that writes down, octet for octet, what it is sent. It knows SMTP by itself and shares no code with us.

The recorder is strict: content ends at CRLF.CRLF only. What a laxer server would have made of the same octets is asked
afterwards, of the octets (`Delivery.lax_ends`). It runs in a thread of its own, with its own event loop.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import suppress

from attrs import Factory, define

_OFFERS = b"250-next.hop\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n"
_LOCAL = rb'(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\x20-\x7e])*"|[^\x00-\x20"<>@\x7f]+)'
_PATH = rb"<" + _LOCAL + rb"@(?:\[[0-9A-Za-z:.\-]+\]|[^\x00-\x20\x7f<>@\[\]]+)>"
_LAWFUL = re.compile(
    rb"(?:EHLO [\x21-\x7e]+|HELO [\x21-\x7e]+|MAIL FROM:(?:<>|"
    + _PATH
    + rb")(?: (?:SIZE=\d+|BODY=8BITMIME|SMTPUTF8|RET=(?:FULL|HDRS)|ENVID=[\x21-\x7e]+))*|RCPT TO:"
    + _PATH
    + rb"(?: (?:NOTIFY=[A-Z,]+|ORCPT=[\x21-\x7e]+))*|DATA|RSET|NOOP|QUIT)\r\n\Z"
)
_LAX_ENDS = re.compile(rb"\r\n\.\n|\n\.\r\n|\n\.\n|\r\.\r\n|\r\.\n|\r\.\r|\n\.\r|\r\n\.\r|\0")


@define
class Delivery:
    """One message as it came.

    :ivar commands: its MAIL and RCPT lines.
    :ivar wire: the octets behind DATA's reply, dots still stuffed, with the end.
    """

    commands: list[bytes] = Factory(list)
    wire: bytes = b""

    @property
    def content(self) -> bytes:
        """The message: dots taken off, the end taken away."""
        return (b"\r\n" + self.wire[:-3]).replace(b"\r\n.", b"\r\n")[2:]

    @property
    def body(self) -> bytes:
        """The message without the trace field that the relay put on top."""
        content = self.content
        end = 0
        while True:
            end = content.index(b"\r\n", end) + 2
            if content[end : end + 1] not in (b" ", b"\t"):
                return content[end:]

    @property
    def lax_ends(self) -> list[bytes]:
        """What a lax server could take for an end before the end, and NULs."""
        return _LAX_ENDS.findall(b"\r\n" + self.wire[:-5])

    @property
    def is_lawful(self) -> bool:
        """Whether every line ends with CRLF, none holds a NUL, and nothing looks like an end but the end."""
        pairs = self.wire.count(b"\r\n")
        return self.wire.count(b"\n") == self.wire.count(b"\r") == pairs and not self.lax_ends


@define
class Recorder:
    """The next hop.

    :ivar commands: every command line of every connection, in order of arrival.
    :ivar deliveries: every message that was taken.
    :ivar refusals: replies to RCPT, by a part of its line, and by ``b"DATA"`` to content.
    """

    port: int = 0
    commands: list[bytes] = Factory(list)
    deliveries: list[Delivery] = Factory(list)
    refusals: dict[bytes, bytes] = Factory(dict)
    _loop: asyncio.AbstractEventLoop = Factory(asyncio.new_event_loop)
    _arrived: threading.Condition = Factory(threading.Condition)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait(10)

    def stop(self) -> None:
        """Listen no more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join(10)

    def unlawful_commands(self) -> Iterator[bytes]:
        """Give the lines that no relay of ours would build."""
        return (line for line in list(self.commands) if not _LAWFUL.match(line))

    def wait(self, count: int, seconds: float = 10) -> bool:
        """Wait for so many deliveries in all."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.deliveries) >= count, seconds)

    def forget(self) -> None:
        """Begin with nothing recorded."""
        self.commands.clear()
        self.deliveries.clear()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._converse, "127.0.0.1", self.port, limit=2**27)
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with suppress(RuntimeError):
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 next.hop ESMTP\r\n")
        delivery = Delivery()
        with suppress(OSError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                self.commands.append(line)
                verb = line[:4].upper()
                if verb in (b"MAIL", b"RCPT"):
                    delivery.commands.append(line)
                elif verb == b"RSET":
                    delivery = Delivery()
                if verb == b"DATA":
                    await self._take(reader, writer, delivery)
                    delivery = Delivery()
                    continue
                writer.write(self._reply(verb, line))
                if verb == b"QUIT":
                    break
        writer.close()

    def _reply(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"RCPT":
            for part, refusal in self.refusals.items():
                if part in line:
                    return refusal
        return {b"EHLO": _OFFERS, b"QUIT": b"221 2.0.0 Bye\r\n"}.get(verb, b"250 2.0.0 Ok\r\n")

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delivery: Delivery) -> None:
        writer.write(b"354 Go on\r\n")
        first = await reader.readexactly(3)
        delivery.wire = first if first == b".\r\n" else first + await reader.readuntil(b"\r\n.\r\n")
        with self._arrived:
            self.deliveries.append(delivery)
            self._arrived.notify_all()
        writer.write(self.refusals.get(b"DATA", b"250 2.0.0 Taken\r\n"))
