"""ClamAV's daemon as a check: the message is streamed to it (INSTREAM), and what it finds is refused in the session.

The plugin `plugins/clamav.py` declares it. One connection for each message. What clamd calls an error, and every
trouble of the connection, fails the check; the terms say what that means (`docs/plugins.md`). The protocol is that of
clamd(8): ``z`` commands, a length of four octets before each chunk, zero to end.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred

from shieldrelay.content.answers import ACCEPT, Annotate, Answer, HeaderField, Refuse
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.plugin import Surroundings
from shieldrelay.ports import Content
from shieldrelay.scanners.line import Line, ScannerFault, connect
from shieldrelay.scanners.reading import Reading
from shieldrelay.scanners.wishes import endpoint, printable, taken

DEFAULTS = {"server": "unix:/run/clamav/clamd.ctl", "largest": 26214400, "mark": False}
"""``server``: where clamd listens. ``largest``: octets; what is larger is not scanned. ``mark``: mark what is clean."""
REPLY_OCTETS = 4096


class Clamd:
    """The check."""

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        wishes = taken("clamav", settings, DEFAULTS)
        self._largest: int = wishes["largest"]
        self._where = endpoint(surroundings.reactor, wishes["server"])
        self._clean: Answer = ACCEPT
        if wishes["mark"]:
            self._clean = Annotate((HeaderField("X-Virus-Scanned", f"ClamAV at {surroundings.hostname}"),))

    def check(self, inspected: Inspected) -> Answer | Deferred[Answer]:
        """Judge one message."""
        if inspected.content.size > self._largest:
            return ACCEPT
        return Deferred.fromCoroutine(self._scan(inspected.content))

    async def _scan(self, content: Content) -> Answer:
        line = await connect(self._where)
        try:
            await _stream(line, content)
            return self._judged(await _reply(line))
        finally:
            line.close()

    def _judged(self, reply: str) -> Answer:
        """Read ``stream: OK``, ``stream: NAME FOUND``, or an error."""
        words = reply.removeprefix("stream: ")
        if words == "OK":
            return self._clean
        name, found, _ = words.rpartition(" FOUND")
        if not found:
            raise ScannerFault(f"clamd says {printable(reply, 120)!r}")
        name = printable(name, 100)
        return Refuse(f"ClamAV found {name}", text=f"Message refused: it contains malware ({name})")


async def _stream(line: Line, content: Content) -> None:
    """Send the content, unless clamd has said something before it has all of it."""
    await line.write(b"zINSTREAM\0")
    reading = Reading(content)
    try:
        while block := await reading.block():
            if line.has_said_something:
                return
            await line.write(len(block).to_bytes(4, "big") + block)
    finally:
        reading.close()
    await line.write(bytes(4))


async def _reply(line: Line) -> str:
    """Read up to the NUL that ends the reply."""
    reply = b""
    while b"\0" not in reply:
        more = await line.read()
        reply += more
        if not more or len(reply) > REPLY_OCTETS:
            raise ScannerFault("clamd gave no whole reply")
    return reply.partition(b"\0")[0].decode("utf-8", "replace")
